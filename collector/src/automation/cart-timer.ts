import type { CartRow, EndpointRef } from '../ports/automation-store.ts'

/**
 * The rules of a cart, as pure functions of its rows.
 *
 * All times are times of events, so the order of arrival decides nothing: an order settles the cart events up to its
 * own instant, also those that come later, and a cart event after it begins a new cart. A cart is due its delay after
 * its last event. What is judged is the cart of a person: the rows of all identifiers of the profile as it is then.
 */

export interface CartEvent {
  readonly identifierKey: string
  /** Epoch milliseconds. */
  readonly time: number
  readonly messageId: string
}

export interface CartPlace extends EndpointRef {
  readonly delayMs: number
}

/** Starts the timer of the event's identifier, or refreshes it. Answers the row as it was if the event is settled. */
export function withCartEvent(row: CartRow | undefined, event: CartEvent, { workspace, automation, delayMs }: CartPlace): CartRow | undefined {
  const { identifierKey, time, messageId } = event
  if (row !== undefined && row.closedThrough !== null && time <= row.closedThrough) return row
  if (row === undefined || row.dueAt === null) {
    return {
      workspace, automation, identifierKey, firstAt: time, firstMessageId: messageId, lastAt: time, lastMessageId: messageId,
      closedThrough: row?.closedThrough ?? null, dueAt: time + delayMs,
    }
  }
  const first = isBefore(event, { time: row.firstAt, messageId: row.firstMessageId })
  const last = isBefore({ time: row.lastAt, messageId: row.lastMessageId }, event)
  if (!first && !last) return row
  return {
    ...row,
    ...(first ? { firstAt: time, firstMessageId: messageId } : {}),
    ...(last ? { lastAt: time, lastMessageId: messageId, dueAt: time + delayMs } : {}),
  }
}

/** Settles what an order, or a webhook, covers. */
export function closedThrough(row: CartRow, time: number): CartRow {
  if (row.closedThrough !== null && row.closedThrough >= time) return row
  const closed = { ...row, closedThrough: time }
  if (row.dueAt === null) return closed
  if (row.lastAt <= time) return { ...closed, dueAt: null }
  // Which event came next after the order is not kept here; the cart begins at the latest one known.
  return row.firstAt <= time ? { ...closed, firstAt: row.lastAt, firstMessageId: row.lastMessageId } : closed
}

export interface CartFacts {
  /** The latest order of the profile, epoch milliseconds; -Infinity if there is none. */
  readonly lastOrderAt: number
  readonly now: number
  readonly delayMs: number
  /** The first instant from the given one on at which nothing forbids sending. */
  readonly allowedFrom: (instant: number) => number
}

export type Judgement =
  /** An order, or an earlier webhook of the same person, covers all of it. */
  | { readonly verdict: 'settled'; readonly by: 'order' | 'webhook'; readonly through: number }
  | { readonly verdict: 'wait'; readonly until: number }
  | { readonly verdict: 'send'; readonly cart: OpenCart }

/** The cart of a person at the instant it is judged. */
export interface OpenCart {
  /** Begins after this instant; -Infinity if nothing was settled before. */
  readonly after: number
  /** The row whose event began it. */
  readonly oldest: CartRow
  readonly lastAt: number
  /** When it could be sent at the earliest. */
  readonly dueAt: number
  readonly rows: readonly CartRow[]
}

/** What to do now with the open carts among the rows, which are all those of one profile. */
export function judgeCart(rows: readonly CartRow[], { lastOrderAt, now, delayMs, allowedFrom }: CartFacts): Judgement {
  const closedBefore = rows.reduce((latest, row) => Math.max(latest, row.closedThrough ?? -Infinity), -Infinity)
  const after = Math.max(closedBefore, lastOrderAt)
  const open = rows.filter((row) => row.dueAt !== null && row.lastAt > after)
  const [some, ...others] = open
  if (some === undefined) return { verdict: 'settled', by: lastOrderAt >= closedBefore ? 'order' : 'webhook', through: after }
  const lastAt = open.reduce((latest, row) => Math.max(latest, row.lastAt), -Infinity)
  const dueAt = lastAt + delayMs
  if (dueAt > now) return { verdict: 'wait', until: dueAt }
  const until = allowedFrom(now)
  if (until > now) return { verdict: 'wait', until }
  const oldest = others.reduce((least, row) => (isBefore(begin(row), begin(least)) ? row : least), some)
  return { verdict: 'send', cart: { after, oldest, lastAt, dueAt, rows: open } }
}

function begin(row: CartRow): Pick<CartEvent, 'time' | 'messageId'> {
  return { time: row.firstAt, messageId: row.firstMessageId }
}

function isBefore(a: Pick<CartEvent, 'time' | 'messageId'>, b: Pick<CartEvent, 'time' | 'messageId'>): boolean {
  return a.time < b.time || (a.time === b.time && a.messageId < b.messageId)
}
