import { createHash } from 'node:crypto'
import type { AutomationTransaction, CartRow, DeliveryRow } from '../ports/automation-store.ts'
import type { IdentifierRow } from '../ports/identity.ts'
import type { MetricTotal } from '../ports/profile-reader.ts'
import type { IdentityView } from '../query/identity-view.ts'
import { cartContents, removalNames } from './cart-lines.ts'
import { cartPayload } from './cart-payload.ts'
import { closedThrough, judgeCart, type OpenCart } from './cart-timer.ts'
import { NameSet } from './event-name.ts'
import { afterQuietHours } from './quiet-hours.ts'
import { liveSettings, type LiveSettings } from './read-settings.ts'
import { identifiersMax } from './take-events.ts'

/**
 * - `sent`: a webhook is in the outbox.
 * - `ordered`, `joined`: an order, or an earlier webhook of the same person, covers the cart.
 * - `emptied`: everything was taken out again.
 * - `waits`: due later, since another device of the person was busy or the hours are quiet.
 * - `disabled`: the automation is switched off. `gone`: somebody else settled it, or the person was erased.
 */
export type CartOutcome = 'sent' | 'ordered' | 'joined' | 'emptied' | 'waits' | 'disabled' | 'gone'

export interface SettleContext {
  /** The instant the carts were due at the latest. */
  readonly now: number
  readonly identity: IdentityView
}

/** Cart events that the lines are made of, newest first; an older one has its lines in a later list of products, or not at all. */
const stepsMax = 500

const removals = new NameSet(removalNames)

/**
 * Judges one due cart in a transaction: who the person is now, whether an order covers the cart, and if none does, puts
 * the webhook into the outbox and closes the cart of every identifier of the person. Whatever happens around it, the
 * cart is closed by the commit that holds the webhook.
 */
export async function settleCart(transaction: AutomationTransaction, due: CartRow, context: SettleContext): Promise<CartOutcome> {
  const { workspace, automation, identifierKey } = due
  const row = (await transaction.automations()).find((candidate) => candidate.workspace === workspace && candidate.automation === automation)
  const live = row === undefined ? null : liveSettings(row)
  const [identifier] = await transaction.identifiers(workspace, [identifierKey])
  const members = identifier === undefined ? [] : await transaction.identifiersOf(workspace, identifier.profileId, identifiersMax)
  const keys = [...new Set([identifierKey, ...members.map(({ key }) => key)])]
  const rows = await transaction.carts(due, keys)
  const current = rows.find((candidate) => candidate.identifierKey === identifierKey)
  if (current === undefined || current.dueAt === null || current.dueAt > context.now) return 'gone'
  if (live === null || !live.settings.enabled || identifier === undefined) {
    await close(transaction, [current], current.lastAt)
    return identifier === undefined ? 'gone' : 'disabled'
  }
  const totals = await transaction.metricTotals(workspace, keys)
  const { quietHours, delaySeconds } = live.settings
  const judgement = judgeCart(rows, {
    lastOrderAt: lastOf(totals, live.orderMetrics), now: context.now, delayMs: delaySeconds * 1_000,
    allowedFrom: (instant) => afterQuietHours(instant, quietHours),
  })
  if (judgement.verdict === 'settled') {
    await close(transaction, rows, judgement.through)
    return judgement.by === 'order' ? 'ordered' : 'joined'
  }
  if (judgement.verdict === 'wait') {
    await transaction.putCarts(rows.filter(({ dueAt }) => dueAt !== null).map((open) => ({ ...open, dueAt: judgement.until })))
    return 'waits'
  }
  return send(transaction, judgement.cart, { live, keys, members, totals, profileId: identifier.profileId, current, context })
}

interface Person {
  readonly live: LiveSettings
  readonly keys: readonly string[]
  readonly members: readonly IdentifierRow[]
  readonly totals: readonly MetricTotal[]
  readonly profileId: string
  readonly current: CartRow
  readonly context: SettleContext
}

async function send(transaction: AutomationTransaction, cart: OpenCart, person: Person): Promise<CartOutcome> {
  const { workspace, automation } = cart.oldest
  const contents = cartContents(await cartSteps(transaction, cart, person))
  await close(transaction, cart.rows, cart.lastAt)
  if (contents.emptied) return 'emptied'
  const { now, identity } = person.context
  const webhookId = webhookIdOf(cart)
  const body = await cartPayload(transaction, { cart, contents, webhookId, now, identity, ...person })
  const row: DeliveryRow = {
    workspace, webhookId, automation, profileId: person.profileId, body, dueAt: Math.max(cart.dueAt, person.current.dueAt ?? 0), createdAt: now,
    state: 'waiting', reason: null, attempts: 0, round: 0, roundStartedAt: null, nextAt: now, sentAt: null,
  }
  return (await transaction.addDelivery(row)) ? 'sent' : 'joined'
}

/** One id for one cart: its automation and the event that began it. */
function webhookIdOf({ oldest: { workspace, automation, identifierKey, firstAt, firstMessageId } }: OpenCart): string {
  const hash = createHash('sha256').update(JSON.stringify([automation, workspace, identifierKey, firstAt, firstMessageId]))
  return `msg_${hash.digest('hex').slice(0, 32)}`
}

/** The cart's events, oldest first. The timeline also has those that began no cart, such as imported ones. */
async function cartSteps(transaction: AutomationTransaction, { oldest: { workspace }, after, lastAt }: OpenCart, { live, keys, totals }: Person): Promise<readonly { metric: string; properties: string; time: number }[]> {
  const metrics = totals.filter(({ metric, lastAt: latest }) => latest > after && (live.cartMetrics.has(metric) || removals.has(metric)))
  const steps = []
  for (const { metric } of metrics) {
    const bounds = Number.isFinite(after) ? { after } : {}
    // Something may be taken out after the last cart event.
    const end = removals.has(metric) ? {} : { before: lastAt + 1 }
    steps.push(...await transaction.timeline({ workspace, identifierKeys: keys, metric, ...bounds, ...end, limit: stepsMax }))
  }
  return steps.toSorted((a, b) => a.time - b.time || (a.messageId < b.messageId ? -1 : 1)).slice(-stepsMax)
}

function lastOf(totals: readonly MetricTotal[], metrics: NameSet): number {
  return totals.reduce((latest, { metric, lastAt }) => (metrics.has(metric) ? Math.max(latest, lastAt) : latest), -Infinity)
}

async function close(transaction: AutomationTransaction, rows: readonly CartRow[], through: number): Promise<void> {
  if (!Number.isFinite(through)) return
  const changed = rows.flatMap((row) => {
    const after = closedThrough(row, through)
    return after === row ? [] : [after]
  })
  if (changed.length > 0) await transaction.putCarts(changed)
}
