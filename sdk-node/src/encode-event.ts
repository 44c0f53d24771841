import { type EventType, judgeEvent, limits, uuidV7 } from '@millrace/schemas'

/** Why a call was refused; nothing was queued. */
export type RefusalReason = 'invalid' | 'too_large' | 'queue_full' | 'closed' | 'disabled'

/** Called once with the outcome of an event: without an error if the collector has it. */
export type OutcomeCallback = (error?: Error) => void

/** An event as it will be sent, in the order of its call. */
export interface EncodedEvent {
  readonly messageId: string
  readonly json: string
  /** UTF-8 bytes of `json`. */
  readonly bytes: number
  /** Epoch milliseconds. */
  readonly acceptedAt: number
  readonly callback: OutcomeCallback | undefined
}

export interface EncodeRequest {
  readonly type: EventType
  /** What the caller passed: anything. */
  readonly call: unknown
  readonly inherited: Readonly<Record<string, unknown>>
  readonly now: number
  readonly callback: OutcomeCallback | undefined
}

export interface Refusal {
  readonly reason: 'invalid' | 'too_large'
  readonly message: string
}

/** The collector adds its own fields to an event before it measures it. */
const bytesAddedLater = 512

/**
 * Turns a call into the text that is sent, once: what the caller changes afterwards has no effect, and everything that
 * can go wrong with his values goes wrong here.
 */
export function encodeEvent({ type, call, inherited, now, callback }: EncodeRequest): EncodedEvent | Refusal {
  try {
    if (typeof call !== 'object' || call === null || Array.isArray(call)) return invalid(`${type} takes one object`)
    const fields: Record<string, unknown> = { ...inherited, ...call }
    const problem = judge(type, fields)
    if (problem !== null) return problem
    const timestamp = timeText(fields['timestamp'], now)
    if (timestamp === null) return invalid('timestamp must be a Date or an ISO 8601 text')
    const given = fields['messageId']
    const messageId = typeof given === 'string' && given !== '' ? given : uuidV7(now)
    const json = JSON.stringify({ ...fields, type, messageId, timestamp })
    const bytes = Buffer.byteLength(json)
    if (bytes > limits.eventBytesMax - bytesAddedLater) {
      return { reason: 'too_large', message: `the event has ${bytes} bytes; ${limits.eventBytesMax - bytesAddedLater} are allowed` }
    }
    return { messageId, json, bytes, acceptedAt: now, callback }
  } catch (error) {
    // A circle, a BigInt, a getter that throws.
    return invalid(`the ${type} call cannot be written as JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function judge(type: EventType, fields: Readonly<Record<string, unknown>>): Refusal | null {
  const reason = judgeEvent(type, fields['event'])
  if (reason === 'event_too_large') return { reason: 'too_large', message: `event may have ${limits.eventNameCharactersMax} characters` }
  if (reason !== null) return invalid('track needs the name of the event')
  if (type === 'group' && !isText(fields['groupId'])) return invalid('group needs a groupId')
  if (type === 'alias' && !(isText(fields['previousId']) && isText(fields['userId']))) return invalid('alias needs previousId and userId')
  if (!isText(fields['userId']) && !isText(fields['anonymousId']) && !hasContact(fields)) {
    return invalid(`${type} needs a userId or an anonymousId, or an e-mail or phone in the traits`)
  }
  return null
}

function hasContact({ traits, context }: Readonly<Record<string, unknown>>): boolean {
  const inContext: unknown = Reflect.get(Object(context), 'traits')
  return [traits, inContext].some((one) => isText(Reflect.get(Object(one), 'email')) || isText(Reflect.get(Object(one), 'phone')))
}

/** A number counts: shops number their customers. */
function isText(value: unknown): boolean {
  return (typeof value === 'string' && value.trim() !== '') || Number.isSafeInteger(value)
}

function timeText(value: unknown, now: number): string | null {
  if (value === undefined || value === null) return new Date(now).toISOString()
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  return typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? value : null
}

function invalid(message: string): Refusal {
  return { reason: 'invalid', message }
}
