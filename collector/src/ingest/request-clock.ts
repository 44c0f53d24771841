import { instantText } from '../platform/instant-text.ts'
import { parseInstant, type RequestClock } from './event-time.ts'
import type { Envelope } from './read-envelope.ts'
import { isObject } from './is-object.ts'

/** How the client's clock is read for the items of one request. */
export interface ItemClock {
  readonly clock: RequestClock
  /** Canonical text of `sentAt`; undefined where the client gave none. */
  readonly sentAt: string | undefined
}

/** The times of an item, as its client wrote them. */
export interface TimedItem {
  readonly timestamp?: unknown
  readonly originalTimestamp?: unknown
  readonly sentAt?: unknown
}

/**
 * The client's `sentAt` is the envelope's, else the `SentAt` header's, else the item's own: items keep an old one
 * over retries. One that equals the timestamp in every item was never set at sending, and corrects nothing.
 */
export function clockReader(
  envelope: Envelope, sentAtHeader: string | undefined, receivedAt: number,
): (item: TimedItem) => ItemClock {
  const shared = firstInstant([envelope.sentAt, sentAtHeader])
  if (shared !== null) {
    const corrects = differsSomewhere(envelope.items, () => shared)
    const clock = { clock: { receivedAt, sentAt: corrects ? shared : null }, sentAt: instantText(shared) }
    return () => clock
  }
  const none: ItemClock = { clock: { receivedAt, sentAt: null }, sentAt: undefined }
  const corrects = differsSomewhere(envelope.items, (item) => firstInstant([item.sentAt]))
  return (item) => {
    const own = firstInstant([item.sentAt])
    return own === null ? none : { clock: { receivedAt, sentAt: corrects ? own : null }, sentAt: instantText(own) }
  }
}

/** The client's own time of an event, under RudderStack's name or Segment's. */
function clientTimeOf(item: TimedItem): unknown {
  return item.originalTimestamp ?? item.timestamp
}

function differsSomewhere(
  items: readonly unknown[], sentAtOf: (item: TimedItem) => number | null,
): boolean {
  return items.some((item) => {
    if (!isObject(item)) return false
    const sentAt = sentAtOf(item)
    const time = clientTimeOf(item)
    return sentAt !== null && typeof time === 'string' && parseInstant(time) !== sentAt
  })
}

/** Epoch milliseconds of the first value that is a time of four digits' years. */
function firstInstant(values: readonly unknown[]): number | null {
  for (const value of values) {
    const instant = typeof value === 'string' ? parseInstant(value) : NaN
    if (instant >= 0) return instant
  }
  return null
}
