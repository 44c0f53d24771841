import { setTimeout as sleep } from 'node:timers/promises'
import { testKeys } from '../../collector/test/collector-process.ts'
import { readJson, untilAtRest } from '../../collector/test/read-side.ts'
import type { WebhookReceiver } from '../../collector/test/webhook-receiver.ts'
import type { Scene } from './activities.ts'
import { lastTier } from './input.ts'
import type { Counts, Tiers } from './tiers.ts'

export interface Verdict {
  /** Over all tiers: message ids that a tier should hold and does not. */
  readonly lost: number
  /** Over all tiers: copies of a message id above the first. */
  readonly doubled: number
  /** Every broken invariant, in words; empty where all hold. */
  readonly faults: readonly string[]
}

export interface Witnesses {
  readonly tiers: Tiers
  readonly receiver: WebhookReceiver
}

const restMs = 90_000
const webhookMs = 90_000

/** Waits until the collector is at rest and holds it against what was sent. `calm` is the input of an undisturbed run. */
export async function judge({ tiers, receiver }: Witnesses, scene: Scene, calm: string | null): Promise<Verdict> {
  const { running, name, stored, erased, carts } = scene
  const status = await untilAtRest(() => running.url, testKeys.secretKey, { accepted: 1, withinMs: restMs })
  const faults: string[] = []
  if (!status.agree) faults.push(`the tiers disagree: ${JSON.stringify(status.totals)}`)
  let [lost, doubled] = [0, 0]
  for (const [tier, counts] of await tiers.counts(name)) {
    const missing = [...stored].filter((id) => !counts.has(id))
    const copies = [...counts.values()].reduce((sum, count) => sum + count - 1, 0)
    lost += missing.length
    doubled += copies
    if (missing.length > 0) faults.push(`${tier} lost ${missing.length}, ${missing.slice(0, 3).join(', ')} among them`)
    if (copies > 0) faults.push(`${tier} holds ${copies} copies`)
    faults.push(...strangers(tier, counts, { stored, erased }))
  }
  faults.push(...tiers.faults())
  if (calm !== null && tiers.partition(name) !== tiers.partition(calm)) faults.push('other profiles than in a run without faults')
  const stray = await tiers.strayProfiles(name)
  if (stray > 0) faults.push(`the OLAP shows ${stray} profiles that are none`)
  faults.push(...await receiptFaults(scene), ...await cardFaults(scene), ...await webhookFaults(carts, receiver))
  return { lost, doubled, faults }
}

function strangers(tier: string, counts: Counts, { stored, erased }: Pick<Scene, 'stored' | 'erased'>): readonly string[] {
  const kept = [...counts.keys()].filter((id) => erased.has(id))
  const unknown = [...counts.keys()].filter((id) => !stored.has(id) && !erased.has(id))
  return [
    ...kept.length > 0 ? [`${tier} still holds ${kept.length} events of people who were erased`] : [],
    ...unknown.length > 0 ? [`${tier} holds ${unknown.length} events that nobody sent or that were dropped`] : [],
  ]
}

/** Every seventh, and the event that is quarantined. */
async function receiptFaults({ running, name, stored }: Scene): Promise<readonly string[]> {
  const faults: string[] = []
  for (const id of [...stored].filter((_, index) => index % 7 === 0)) {
    const { body } = await readJson(running.url, `/v1/receipts/${id}`, testKeys.secretKey)
    if (Reflect.get(Object(body), 'state') !== 'loaded') faults.push(`the receipt of ${id} says ${JSON.stringify(body)}`)
  }
  const { body } = await readJson(running.url, `/v1/receipts/${name}-bad`, testKeys.secretKey)
  if (Reflect.get(Object(body), 'state') !== 'dropped') faults.push(`the receipt of ${name}-bad says ${JSON.stringify(body)}`)
  return faults.slice(0, 3)
}

async function cardFaults({ running, name }: Scene): Promise<readonly string[]> {
  const { body } = await readJson(running.url, `/v1/profiles?externalId=${name}-u0`, testKeys.secretKey)
  const properties: unknown = Reflect.get(Object(Reflect.get(Object(body), 'profile')), 'properties')
  const tier: unknown = Reflect.get(Object(properties), 'tier')
  return tier === lastTier ? [] : [`user 0 has the tier ${String(tier)}, not ${lastTier}`]
}

/** At least one webhook for each cart, and never a second one under another id. */
async function webhookFaults(carts: ReadonlySet<string>, receiver: WebhookReceiver): Promise<readonly string[]> {
  const deadline = performance.now() + webhookMs
  const idsOf = (cart: string): number => new Set(receiver.received.filter(({ body }) => JSON.stringify(body).includes(`"${cart}"`)).map(({ id }) => id)).size
  while ([...carts].some((cart) => idsOf(cart) === 0) && performance.now() < deadline) await sleep(100)
  return [...carts].flatMap((cart) => {
    const ids = idsOf(cart)
    return ids === 1 ? [] : [`${ids} webhooks for the cart of ${cart}`]
  }).slice(0, 3)
}
