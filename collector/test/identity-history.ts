import fc from 'fast-check'
import { expect } from 'vitest'
import type { CanonicalEvent, JsonObject, JsonValue } from '@millrace/schemas'
import { extractIdentifiers } from '../src/identity/extract-identifiers.ts'
import type { Evidence } from '../src/identity/gather-evidence.ts'
import { identifierKey } from '../src/identity/identifier-key.ts'
import type { Identifier } from '../src/identity/identifier.ts'
import { defaultIdentitySettings, type IdentitySettings } from '../src/identity/identity-settings.ts'
import { mergedProperties, parseRegisters } from '../src/identity/registers.ts'
import type { Trust } from '../src/ports/record.ts'
import type { Fence, Oltp } from '../src/ports/oltp.ts'
import { solveInFull } from './solve-in-full.ts'

/** Bounds so tight that a few dozen events meet every one of them. */
export const tightSettings: IdentitySettings = Object.freeze({
  ...defaultIdentitySettings,
  limits: Object.freeze({ ...defaultIdentitySettings.limits, phone: 2, device: 2, anonymous_id: 3 }),
  fanOutMax: 3, contactReachMax: 5, degreeMax: 4,
})
export const identityKey = Buffer.alloc(32, 7)
export const firstMoment = Date.UTC(2026, 0, 1)

/** A part of a call that names one identifier. */
const named: readonly JsonObject[] = [
  ...['1', '2', '3'].map((userId) => ({ userId })),
  { context: { externalIds: [{ type: 'shopify', id: '1' }] } },
  ...['a', 'b', 'c'].map((name) => ({ traits: { email: `${name}@example.com` } })),
  ...['+4915112345678', '+4915112345679'].map((phone) => ({ traits: { phone } })),
  { context: { device: { id: 'tablet' } } },
  ...['u', 'v', 'w', 'x', 'y', 'z'].map((anonymousId) => ({ anonymousId })),
  { previousId: '2' },
]

const drawnEvent = fc.record({
  names: fc.uniqueArray(fc.nat(named.length - 1), { minLength: 1, maxLength: 3 }),
  time: fc.nat(30), receivedAt: fc.nat(30), secret: fc.nat(3), partition: fc.nat(7), repeats: fc.constantFrom(0, 0, 0, 1, 2),
  traits: fc.dictionary(fc.constantFrom('plan', 'city', 'size'), fc.constantFrom<JsonValue>('red', 'blue', 1, null, { of: 1 }), { maxKeys: 2 }),
})

const drawnVeto = fc.record({ pair: fc.uniqueArray(fc.nat(named.length - 2), { minLength: 2, maxLength: 2 }), at: fc.nat(40), lifted: fc.boolean(), partition: fc.nat(7) })

/** What becomes of an owner around a batch: nothing; it dies before its commit, or after it and before it says so; what it decided is delivered again; it lives on as a zombie. */
export type Fate = 'lives' | 'dies before the commit' | 'dies after the commit' | 'is delivered again' | 'turns zombie'

export interface History {
  readonly partitions: number
  readonly events: readonly (typeof drawnEvent extends fc.Arbitrary<infer Drawn> ? Drawn : never)[]
  readonly vetoes: readonly (typeof drawnVeto extends fc.Arbitrary<infer Drawn> ? Drawn : never)[]
  readonly steps: readonly { readonly partition: number; readonly lines: number; readonly fate: Fate }[]
}

export const histories: fc.Arbitrary<History> = fc.record({
  partitions: fc.integer({ min: 1, max: 8 }),
  events: fc.array(drawnEvent, { minLength: 1, maxLength: 30 }),
  vetoes: fc.array(drawnVeto, { maxLength: 3 }),
  steps: fc.array(fc.record({
    partition: fc.nat(7), lines: fc.integer({ min: 1, max: 6 }),
    fate: fc.constantFrom<Fate>('lives', 'lives', 'lives', 'dies before the commit', 'dies after the commit', 'is delivered again', 'turns zombie'),
  }), { maxLength: 60 }),
})

/** Events of the same few people over two partitions, without an end to who is joined to whom. */
export function busyHistory(events: number, seed: number): History {
  return { partitions: 2, events: fc.sample(drawnEvent, { numRuns: events, seed }), vetoes: [], steps: [] }
}

/** A line of a log, and what it says. */
export interface HistoryLine {
  readonly partition: number
  readonly line: string
}

export interface Written {
  /** In the order in which each partition's log has them. */
  readonly lines: readonly HistoryLine[]
  readonly events: readonly { readonly event: CanonicalEvent; readonly receivedAt: number; readonly trust: Trust }[]
  /** Lines that say again what was said. */
  readonly repeats: number
  /** In force at the end: identifier keys, the lesser first. */
  readonly vetoes: readonly (readonly [string, string])[]
}

/** Writes a history as the edge would have: a repeat stands in its event's partition, behind it. */
export function written(history: History, workspace: number): Written {
  const events = history.events.map(({ names, traits, time, secret, receivedAt }, number) => {
    const parts = names.map((name) => named[name] ?? {})
    const allTraits: JsonObject = Object.assign({}, ...parts.map((part) => part['traits'] ?? {}), traits)
    const event: CanonicalEvent = Object.assign({ messageId: `m${number}`, type: 'identify', timestamp: new Date(firstMoment + time).toISOString(), receivedAt: '' }, ...parts, {
      traits: allTraits, context: Object.assign({}, ...parts.map((part) => part['context'] ?? {})),
    })
    return { event, receivedAt: firstMoment + receivedAt, trust: secret === 0 ? 'secret' as const : 'public' as const }
  })
  const eventLines = history.events.flatMap(({ partition, repeats }, number) => Array.from({ length: repeats + 1 }, (_, time): HistoryLine & { readonly at: number } => {
    const { event, receivedAt, trust } = events[number] ?? { event: {}, receivedAt: 0, trust: 'public' }
    return { partition: partition % history.partitions, at: number + 5 * time, line: `${workspace},${receivedAt + time},${trust === 'secret' ? 's' : 'p'},,\t${JSON.stringify(event)}\n` }
  }))
  const vetoes = new Map<string, { readonly lifted: boolean; readonly ends: readonly [string, string] }>()
  const partitionOf = new Map<string, number>()
  const vetoLines = history.vetoes.toSorted((x, y) => x.at - y.at).flatMap(({ pair, at, lifted, partition }, number): readonly (HistoryLine & { readonly at: number })[] => {
    const [a = '', b = ''] = pair.map((name) => keyOf(named[name] ?? {}, workspace)).toSorted()
    if (a === b) return []
    // What is said of one pair is said in one place: an operator's word and its taking back have an order.
    partitionOf.set(a + b, partitionOf.get(a + b) ?? partition % history.partitions)
    vetoes.set(a + b, { lifted, ends: [a, b] })
    const control = { messageId: `veto ${number}`, control: lifted ? 'unveto' : 'veto', a, b }
    return [{ partition: partitionOf.get(a + b) ?? 0, at, line: `${workspace},${firstMoment},o,,\t${JSON.stringify(control)}\n` }]
  })
  // Nobody can be parted before he is known.
  const known = [...new Set(history.vetoes.flatMap(({ pair }) => pair))].map((name, number) =>
    ({ event: { messageId: `known ${number}`, type: 'track', event: 'Seen', timestamp: new Date(firstMoment + 20).toISOString(), receivedAt: '', ...named[name] } as const, receivedAt: firstMoment + 20, trust: 'public' as const }))
  const prelude = known.flatMap(({ event, receivedAt }) => Array.from({ length: history.partitions }, (_, partition) =>
    ({ partition, line: `${workspace},${receivedAt},p,,\t${JSON.stringify({ ...event, ...(partition === 0 ? {} : { messageId: `${event.messageId} ${partition}` }) })}\n` })))
  return {
    lines: [...prelude, ...[...eventLines, ...vetoLines].toSorted((x, y) => x.at - y.at)],
    events: [...known.flatMap((one) => Array.from({ length: history.partitions }, (_, partition) =>
      ({ ...one, event: { ...one.event, ...(partition === 0 ? {} : { messageId: `${one.event.messageId} ${partition}` }) } }))), ...events],
    repeats: history.events.reduce((sum, { repeats }) => sum + repeats, 0),
    vetoes: [...vetoes.values()].filter(({ lifted }) => !lifted).map(({ ends }) => ends),
  }
}

function keyOf(part: JsonObject, workspace: number): string {
  const identifier: Identifier | undefined = extractIdentifiers(part, tightSettings).identifiers[0]
  if (identifier === undefined) throw new Error('a part that names nobody')
  return identifierKey(workspace, identifier)
}

/** Everything in the store, against all that was said solved from nothing: who is who, since when, and with what properties. */
export async function expectEqualToOracle(oltp: Oltp, fence: Fence, { workspace, said }: { readonly workspace: number; readonly said: Written }): Promise<void> {
  const evidence = said.events.map(({ event, receivedAt, trust }): Evidence => ({
    workspace, identifiers: extractIdentifiers({ ...event }, tightSettings).identifiers, time: Date.parse(event.timestamp), receivedAt, trust,
    messageId: event.messageId, metric: event.event ?? event.type,
  }))
  const vetoes = said.vetoes.map(([a, b]) => ({ workspace, a, b, createdAt: 0 }))
  const full = solveInFull({ evidence, vetoes, identityKey }, tightSettings)
  const keys = [...full.profiles.keys()]
  const ids = [...new Set(full.profiles.values())]
  await oltp.decide(fence, async (transaction) => {
    const identifiers = await transaction.identifiers(workspace, keys)
    expect(new Map(identifiers.map(({ key, profileId }) => [key, profileId]))).toEqual(full.profiles)
    expect(new Map(identifiers.map(({ key, component }) => [key, component]))).toEqual(full.components)
    const edges = await transaction.edgesOf(workspace, keys)
    expect(new Map(edges.map((edge) => [edge.a + edge.b, { ...edge, workspace: undefined }]))).toEqual(full.edges)
    const registers = await transaction.registers(workspace, keys)
    const profiles = new Map((await transaction.profiles(workspace, ids)).map((row) => [row.id, row]))
    for (const id of ids) {
      const members = identifiers.filter(({ profileId }) => profileId === id)
      expect(profiles.get(id)).toMatchObject({ mergedInto: null, createdAt: Math.min(...members.map(({ firstSeen }) => firstSeen)) })
      expect(mergedProperties(members.flatMap(({ key }) => registers.get(key) ?? []).map(parseRegisters))).toEqual(propertiesSaidOf(id, { workspace, said, profiles: full.profiles }))
    }
    for (const { id, mergedInto } of profiles.values()) expect(mergedInto === null ? ids.includes(id) : ids.includes(mergedInto)).toBe(true)
  })
}

interface PropertiesInput {
  readonly workspace: number
  readonly said: Written
  readonly profiles: ReadonlyMap<string, string>
}

/** The last word on each name in the events of one person, by event time and then by message id. */
function propertiesSaidOf(id: string, { workspace, said, profiles }: PropertiesInput): JsonObject {
  const said_ = said.events.filter(({ event }) => event.type === 'identify' && profiles.get(keyOf({ ...event }, workspace)) === id)
    .toSorted(({ event: x }, { event: y }) => (x.timestamp < y.timestamp ? -1 : x.timestamp > y.timestamp ? 1 : x.messageId < y.messageId ? -1 : 1))
  const properties: Record<string, JsonValue> = Object.assign({}, ...said_.map(({ event }) => event.traits ?? {}))
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== null))
}
