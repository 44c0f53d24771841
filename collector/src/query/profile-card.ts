import type { Cache } from '../ports/cache.ts'
import type { IdentifierRow, ProfileRow } from '../ports/identity.ts'
import type { ProfileReader, TimelineRow } from '../ports/profile-reader.ts'
import { consentCard } from './consent-view.ts'
import type { IdentityView } from './identity-view.ts'
import { failStep } from '../platform/fail-point.ts'

/** Events shown for each metric: "the last 10 orders, not the last 1,500 events". */
const lastEventsMax = 10
/** Metrics shown with their last events; the rest keep their counts. */
const metricsWithEventsMax = 50
/** Identifiers of one profile that a card reads; the limits of identity keep real people far below. */
const identifiersMax = 2_000

interface TimelineEvent {
  readonly messageId: string
  readonly metric: string
  readonly time: string
  readonly properties: unknown
}

export interface CardDependencies {
  readonly reader: ProfileReader
  readonly cache: Cache
  readonly identity: IdentityView
}

/**
 * The card of a live profile. The profile row's version decides whether a cached card may be shown, so a cache that
 * is empty, late or restored from yesterday changes no answer.
 */
export async function profileCard(profile: ProfileRow, dependencies: CardDependencies): Promise<string> {
  const key = cardKey(profile)
  const cached = (await dependencies.cache.get([key])).get(key)
  if (cached !== undefined && cached.version === profile.version && cached.value !== null) return cached.value
  const card = await dependencies.reader.together(() => cardText(profile, dependencies))
  await failStep('cache.put', () => dependencies.cache.put(new Map([[key, { version: profile.version, value: card }]])))
  return card
}

/**
 * With the creation time in it: who is forgotten and comes again has the same id and counts versions from one, and must
 * not be shown an older card.
 */
export function cardKey({ workspace, id, createdAt }: ProfileRow): string {
  return `card/${workspace}/${id}/${createdAt}`
}

/** What events hold is JSON already and goes in as it is: to parse and write it again would be most of the work. */
async function cardText(profile: ProfileRow, { reader, identity }: CardDependencies): Promise<string> {
  const identifiers = await reader.identifiersOf(profile.workspace, profile.id, identifiersMax)
  const keys = identifiers.map((identifier) => identifier.key)
  const registers = await reader.registersOf(profile.workspace, keys)
  const totals = await reader.metricTotals(profile.workspace, keys)
  const metrics: string[] = []
  for (const [index, { metric, count, firstAt, lastAt }] of totals.entries()) {
    const last = index >= metricsWithEventsMax ? [] : await reader.timeline({
      workspace: profile.workspace, identifierKeys: keys, metric, limit: lastEventsMax,
    })
    metrics.push(`${JSON.stringify(metric)}:{"count":${count},"firstAt":"${isoTime(firstAt)}","lastAt":"${isoTime(lastAt)}","last":[${last.map(timelineEventText).join(',')}]}`)
  }
  const person = {
    id: profile.id,
    version: profile.version,
    identifiers: identifiersByKind(identifiers),
    properties: identity.propertiesOf(registers),
    consent: await consentCard(profile.workspace, identifiers, reader),
    createdAt: isoTime(profile.createdAt),
  }
  return `${JSON.stringify(person).slice(0, -1)},"metrics":{${metrics.join(',')}}}`
}

/** The same as {@link timelineEvent}, written. */
export function timelineEventText({ messageId, metric, time, properties }: TimelineRow): string {
  return `{"messageId":${JSON.stringify(messageId)},"metric":${JSON.stringify(metric)},"time":"${isoTime(time)}","properties":${properties}}`
}

export function timelineEvent(row: TimelineRow): TimelineEvent {
  const properties: unknown = JSON.parse(row.properties)
  return { messageId: row.messageId, metric: row.metric, time: isoTime(row.time), properties }
}

/** `external_id` is `externalId` on the wire; a value in a namespace shows it, as `shopify:example/42`. */
export function identifiersByKind(identifiers: readonly IdentifierRow[]): Record<string, string[]> {
  const byKind: Record<string, string[]> = { externalId: [], email: [], phone: [], anonymousId: [] }
  for (const { kind, namespace, value } of identifiers) {
    const name = kind.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
    const list = (byKind[name] ??= [])
    list.push(namespace === '' ? value : `${namespace}/${value}`)
  }
  return byKind
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}
