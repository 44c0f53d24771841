import type { AutomationTransaction, CartRow } from '../ports/automation-store.ts'
import { closedThrough, withCartEvent } from './cart-timer.ts'
import { liveSettings, type LiveSettings } from './read-settings.ts'

/** A decided event that may concern an automation. */
export interface DecidedEvent {
  readonly workspace: number
  readonly identifierKey: string
  readonly metric: string
  /** Event time and time of receipt, epoch milliseconds. */
  readonly time: number
  readonly receivedAt: number
  readonly messageId: string
  /** An import marked it as history. */
  readonly isHistory: boolean
}

export interface TakenEvents {
  /** Cart events that started or refreshed a timer, and orders that closed a cart. */
  readonly started: number
  readonly cancelled: number
}

/** An older event is history, whoever sent it: a shopper's device that was offline for a day has nobody waiting. */
const staleMs = 86_400_000

/** Identifiers of one profile whose carts are looked at; the limits of identity keep real people far below. */
export const identifiersMax = 2_000

/**
 * What a run of decided batches does to carts, inside the transaction that moves the cursor past them. Cart events touch
 * the row of their own identifier; an order closes the carts of everybody it is known to be. Who that is may change
 * until the cart is due, so it is asked again then: what happens here only spares the timers.
 */
export async function takeEvents(transaction: AutomationTransaction, events: readonly DecidedEvent[]): Promise<TakenEvents> {
  let started = 0
  let cancelled = 0
  if (events.length === 0) return { started, cancelled }
  for (const row of await transaction.automations()) {
    const live = liveSettings(row)
    if (!live.settings.enabled) continue
    const own = events.filter(({ workspace }) => workspace === row.workspace)
    if (own.length === 0) continue
    started += await takeCarts(transaction, live, own)
    cancelled += await takeOrders(transaction, live, own)
  }
  return { started, cancelled }
}

async function takeCarts(transaction: AutomationTransaction, { row: { workspace, automation }, settings, cartMetrics }: LiveSettings, events: readonly DecidedEvent[]): Promise<number> {
  const wanted = events.filter((event) => cartMetrics.has(event.metric) && !event.isHistory && event.time >= event.receivedAt - staleMs)
  if (wanted.length === 0) return 0
  const place = { workspace, automation, delayMs: settings.delaySeconds * 1_000 }
  const rows = byKey(await transaction.carts(place, keysOf(wanted)))
  const changed = new Map<string, CartRow>()
  for (const event of wanted) {
    const before = rows.get(event.identifierKey)
    const after = withCartEvent(before, event, place)
    if (after === undefined || after === before) continue
    rows.set(after.identifierKey, after)
    changed.set(after.identifierKey, after)
  }
  if (changed.size > 0) await transaction.putCarts([...changed.values()])
  return changed.size
}

async function takeOrders(transaction: AutomationTransaction, { row: ref, orderMetrics }: LiveSettings, events: readonly DecidedEvent[]): Promise<number> {
  const latest = new Map<string, number>()
  for (const { metric, identifierKey, time } of events) {
    if (orderMetrics.has(metric)) latest.set(identifierKey, Math.max(latest.get(identifierKey) ?? -Infinity, time))
  }
  if (latest.size === 0) return 0
  const buyers = new Map<string, number>()
  for (const { key, profileId } of await transaction.identifiers(ref.workspace, [...latest.keys()])) {
    buyers.set(profileId, Math.max(buyers.get(profileId) ?? -Infinity, latest.get(key) ?? -Infinity))
  }
  const orderedAt = new Map<string, number>()
  for (const [profileId, time] of buyers) {
    for (const { key } of await transaction.identifiersOf(ref.workspace, profileId, identifiersMax)) orderedAt.set(key, time)
  }
  const changed = (await transaction.carts(ref, [...orderedAt.keys()])).flatMap((row) => {
    const after = closedThrough(row, orderedAt.get(row.identifierKey) ?? -Infinity)
    return after === row ? [] : [{ before: row, after }]
  })
  if (changed.length > 0) await transaction.putCarts(changed.map(({ after }) => after))
  return changed.filter(({ before, after }) => before.dueAt !== null && after.dueAt === null).length
}

function keysOf(events: readonly DecidedEvent[]): readonly string[] {
  return [...new Set(events.map(({ identifierKey }) => identifierKey))]
}

function byKey(rows: readonly CartRow[]): Map<string, CartRow> {
  return new Map(rows.map((row) => [row.identifierKey, row]))
}
