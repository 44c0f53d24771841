import { createHash } from 'node:crypto'
import { limits } from '@millrace/schemas'

export interface MessageIdSource {
  /** The request's `Idempotency-Key` header. */
  readonly idempotencyKey?: string
  newMessageId(): string
}

/**
 * The id under which an event is stored once. A client's own is kept where it can be; one too long, or one that
 * canonical text would change so that two ids could become one, is replaced by a stable hash of itself.
 *
 * A missing id is never made from the content: two equal events are legitimate.
 */
export function messageIdOf(value: unknown, index: number, source: MessageIdSource): string {
  if (typeof value === 'string' && value.trim() !== '') return keptOrHashed(value)
  if (Number.isSafeInteger(value)) return String(value)
  if (source.idempotencyKey === undefined || source.idempotencyKey === '') return source.newMessageId()
  return hash('idempotency-key', `${index}:${source.idempotencyKey}`)
}

function keptOrHashed(text: string): string {
  const changes = !text.isWellFormed() || text.includes('\0')
  return changes || text.length > limits.messageIdCharactersMax ? hash('message-id', text) : text
}

/** UTF-16 keeps apart what UTF-8 would fold into one replacement character. */
function hash(domain: string, text: string): string {
  return createHash('sha256').update(domain).update('\0').update(text, 'utf16le').digest('hex')
}
