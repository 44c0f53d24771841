import { defaultIdentitySettings } from '../src/identity/identity-settings.ts'
import { type AcceptContext, type AcceptedEvent, acceptEvents } from '../src/ingest/accept-events.ts'
import { isObject } from '../src/ingest/is-object.ts'
import { readEnvelope } from '../src/ingest/read-envelope.ts'
import { textOfOneByte } from '../src/platform/one-byte-text.ts'

/** What the tests of acceptEvents share: requests at one moment, with ids counted up. */
export const receivedAt = Date.UTC(2026, 0, 15, 10)
export const at = (ms: number): string => new Date(receivedAt + ms).toISOString()

export function contextWith(change: Partial<AcceptContext> = {}): AcceptContext {
  let made = 0
  return {
    workspace: 1,
    trust: 'public',
    receivedAt,
    route: 'batch',
    identity: defaultIdentitySettings,
    newMessageId: () => `made-${(made += 1)}`,
    ...change,
  }
}

export function accept(body: string | Uint8Array, change: Partial<AcceptContext> = {}): readonly AcceptedEvent[] {
  const context = contextWith(change)
  return acceptEvents(readEnvelope(typeof body === 'string' ? Buffer.from(body) : body, context.route), context)
}

/** A batch of one; the item's text stands in the body as it is. */
export function acceptItem(item: string, change: Partial<AcceptContext> = {}): AcceptedEvent {
  const [first] = accept(`{"batch":[${item}]}`, change)
  if (first === undefined) throw new Error('nothing was accepted')
  return first
}

export function acceptObject(item: object, change: Partial<AcceptContext> = {}): AcceptedEvent {
  return acceptItem(JSON.stringify(item), change)
}

export function storedOf(accepted: AcceptedEvent): Record<string, unknown> {
  const parsed: unknown = JSON.parse(textOfOneByte(accepted.line.slice(accepted.line.indexOf('\t') + 1)))
  if (!isObject(parsed)) throw new Error('a line holds an object')
  return parsed
}
