import { setTimeout as sleep } from 'node:timers/promises'
import { testKeys } from '../../collector/test/collector-process.ts'
import { readJson, untilAtRest } from '../../collector/test/read-side.ts'
import type { WebhookReceiver } from '../../collector/test/webhook-receiver.ts'
import type { Scene } from './activities.ts'
import { holdAgainst, type Verdict } from './hold-against.ts'
import { lastTier } from './input.ts'
import type { Tiers } from './tiers.ts'

export interface Witnesses {
  readonly tiers: Tiers
  readonly receiver: WebhookReceiver
  /** How long the collector has to come to rest. */
  readonly restMs: number
}

const webhookMs = 90_000

/** Waits until the collector is at rest and holds it against what was sent. `calm` is the input of an undisturbed run. */
export async function judge({ tiers, receiver, restMs }: Witnesses, scene: Scene, calm: string | null): Promise<Verdict> {
  const { running, name, stored, erased, carts } = scene
  const faults: string[] = []
  const status = await untilAtRest(() => running.url, testKeys.secretKey, { accepted: 1, withinMs: restMs }).catch((error: unknown) => {
    faults.push(String(error))
    return null
  })
  if (status !== null && !status.agree) faults.push(`the tiers disagree: ${JSON.stringify(status.totals)}`)
  const held = holdAgainst({ stored, erased }, await tiers.counts(name))
  faults.push(...held.faults, ...await tiers.faults())
  if (calm !== null && await tiers.partition(name) !== await tiers.partition(calm)) faults.push('other profiles than in a run without faults')
  const stray = await tiers.strayProfiles(name)
  if (stray > 0) faults.push(`the OLAP shows ${stray} profiles that are none`)
  faults.push(...await receiptFaults(scene), ...await cardFaults(scene), ...await webhookFaults(carts, receiver))
  return { ...held, faults }
}

/** Every seventh, and the event that is quarantined. */
async function receiptFaults({ running, name, stored }: Scene): Promise<readonly string[]> {
  const faults: string[] = []
  for (const id of [...stored].filter((id, index) => index % 7 === 0 && !id.includes(' '))) {
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
