import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MemoryIdentity } from '../../test/memory-identity.ts'
import { propertySettings } from '../../test/property-settings.ts'
import { solveInFull } from '../../test/solve-in-full.ts'
import { type EdgeRow, type IdentifierKind, identifierKinds, type IdentifierRow } from '../ports/identity.ts'
import type { Evidence } from './gather-evidence.ts'
import type { Identifier } from './identifier.ts'
import { identifierKey } from './identifier-key.ts'
import type { IdentitySettings } from './identity-settings.ts'
import { resolveAgain } from './resolve-again.ts'
import { resolveBatch } from './resolve-batch.ts'
import { compileDocument, defaultDocument, parseDocument } from './settings-document.ts'

const identityKey = Buffer.alloc(32, 7)
const workspace = 1
const kinds = { 1: 'external_id', 2: 'external_id', 3: 'external_id', a: 'email', b: 'email', c: 'email', p: 'phone', q: 'phone', m: 'email_alias' } as const
const names = [...Object.keys(kinds), 'u', 'v', 'w', 'x', 'y', 'z']

function identifier(name: string): Identifier {
  const kind = Object.entries(kinds).find(([known]) => known === name)?.[1] ?? 'anonymous_id'
  return { kind, namespace: '', value: kind === 'email' ? `${name}@example.com` : name }
}

function keyOf(name: string): string {
  return identifierKey(workspace, identifier(name))
}

const kindsReversed = ['emailAlias', 'checkout', 'cart', 'anonymousId', 'device', 'phone', 'email', 'externalId']
const documents: readonly object[] = [
  {}, { limits: { email: 2, externalId: 2 } }, { limits: { anonymousId: 1, phone: 1 } }, { limits: { anonymousId: 2 }, degreeMax: 2 }, { degreeMax: 3, limits: { anonymousId: 1 } },
  { fanOutMax: 1 }, { fanOutMax: 2 }, { blocked: [{ value: 'X' }, { kind: 'email', value: 'a@example.com' }] }, { blocked: [{ emailDomain: 'example.com' }] },
  { blocked: [{ kind: 'externalId', value: '1' }], fanOutMax: 2 }, { priorities: kindsReversed }, { foldEmailAliases: true }, { foldEmailAliases: true, limits: { emailAlias: 1 } }, { priorities: kindsReversed, limits: { email: 2 }, fanOutMax: 100 },
  { contactReachMax: 1 }, { contactReachMax: 2, limits: { email: 2 } },
]

function compiled(index: number, version: number): IdentitySettings {
  return compileDocument(parseDocument({ identity: documents[index] }, defaultDocument()), version)
}

const event = fc.record({
  names: fc.uniqueArray(fc.nat(names.length - 1), { minLength: 1, maxLength: 3 }), time: fc.nat(30), receivedAt: fc.nat(9), secret: fc.nat(4),
})
const operation = fc.oneof(
  { weight: 3, arbitrary: fc.array(event, { minLength: 1, maxLength: 8 }).map((drawn) => ({ drawn })) },
  { weight: 2, arbitrary: fc.nat(documents.length - 1).map((document) => ({ document })) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 6 }).map((identifiers) => ({ identifiers })) },
)

/** What a pump does of it: evidence by the newest settings, and a walk that each change of settings begins anew. */
class Workspace {
  readonly store = new MemoryIdentity()
  readonly evidence: Evidence[] = []
  settings = compiled(0, 0)
  /** Null: no walk. */
  after: string | null = null

  async add(evidence: readonly Evidence[]): Promise<void> {
    this.evidence.push(...evidence)
    this.store.apply((await resolveBatch(this.store, { evidence }, { settings: this.settings, identityKey })).changes)
    this.expectWhole()
  }

  set(document: number): void {
    this.settings = compiled(document, this.settings.version + 1)
    this.after = ''
  }

  async step(identifiers: number): Promise<void> {
    const { after } = this
    if (after === null) return
    const rows = [...this.store.identifierRows.values()].filter(({ key }) => key > after).sort((one, other) => (one.key < other.key ? -1 : 1)).slice(0, identifiers)
    const cause = { messageId: 'settings', metric: `settings ${this.settings.version}`, receivedAt: 0 }
    const changes = await resolveAgain(this.store, { workspace, rows, cause }, { settings: this.settings, identityKey })
    for (const { identifierKey: key, version } of changes.pointings) expect(version).toBe((this.store.identifierRows.get(key)?.version ?? 0) + 1)
    for (const merge of changes.merges) expect(merge.cause).toEqual({ messageId: 'settings', metric: cause.metric })
    this.store.apply(changes)
    this.after = rows.at(-1)?.key ?? null
    this.expectWhole()
  }

  async finish(): Promise<void> {
    while (this.after !== null) await this.step(3)
  }

  /** At any moment everybody points at a live profile, and whoever was merged away at one. */
  expectWhole(): void {
    const live = new Set([...this.store.identifierRows.values()].map(({ profileId }) => profileId))
    for (const { id, mergedInto } of this.store.profileRows.values()) {
      expect(mergedInto === null).toBe(live.has(id))
      if (mergedInto !== null) expect(live).toContain(mergedInto)
    }
    for (const id of live) expect(this.store.profileRows.has(id)).toBe(true)
  }

  expectAsFromTheStart(): void {
    const full = solveInFull({ evidence: this.evidence, vetoes: this.store.vetoes, identityKey }, this.settings)
    const rows = [...this.store.identifierRows.values()]
    const by = (field: 'profileId' | 'component'): ReadonlyMap<string, string> => new Map(rows.map((row) => [row.key, row[field]]))
    expect(by('profileId')).toEqual(full.profiles)
    expect(by('component')).toEqual(full.components)
    expect(new Map([...this.store.edgeRows].map(([id, edge]) => [id, { ...edge, workspace: undefined }]))).toEqual(full.edges)
    const byProfile = [...Map.groupBy(rows, (row) => row.profileId).values()]
    expect(byProfile.map((group) => group.map(({ key }) => key).sort().join(' ')).sort()).toEqual(naiveGroups(rows, [...full.edges.values()], this.settings))
  }
}

/** The rule as it is written down, and nothing of the program: edges in their order, each uniting two groups if no limit forbids. */
function naiveGroups(rows: readonly IdentifierRow[], edges: readonly Omit<EdgeRow, 'workspace'>[], { limits, priorities }: IdentitySettings): readonly string[] {
  const kindOf = (key: string): IdentifierKind => rows.find((row) => row.key === key)?.kind ?? 'checkout'
  const order = ({ a, b, firstSeenSecret, firstSeenPublic }: Omit<EdgeRow, 'workspace'>): readonly (number | string)[] => [
    firstSeenSecret === null ? 2 : 1, Math.max(priorities.indexOf(kindOf(a)), priorities.indexOf(kindOf(b))), firstSeenSecret ?? firstSeenPublic ?? 0, ...[a, b].sort(),
  ]
  const before = (x: readonly (number | string)[], y: readonly (number | string)[]): number => {
    const at = x.findIndex((part, index) => part !== y[index])
    return at < 0 ? 0 : (x[at] ?? 0) < (y[at] ?? 0) ? -1 : 1
  }
  let groups = rows.map(({ key }) => [key])
  for (const { a, b } of edges.filter(({ state }) => state !== 'inert').toSorted((x, y) => before(order(x), order(y)))) {
    const [one = [], other = []] = [a, b].map((key) => groups.find((group) => group.includes(key)))
    if (one === other) continue
    const forbids = (kind: IdentifierKind): boolean => {
      const [inOne, inOther] = [one, other].map((group) => group.filter((key) => kindOf(key) === kind).length)
      if (kind === 'email' && [a, b].some((key) => kindOf(key) === 'external_id' || kindOf(key) === 'email_alias')) return false
      return (inOne ?? 0) > 0 && (inOther ?? 0) > 0 && (inOne ?? 0) + (inOther ?? 0) > limits[kind]
    }
    if (!identifierKinds.some(forbids)) groups = [...groups.filter((group) => group !== one && group !== other), [...one, ...other]]
  }
  return groups.map((group) => group.sort().join(' ')).sort()
}

function evidenceOf(drawn: readonly (typeof event extends fc.Arbitrary<infer Drawn> ? Drawn : never)[], batch: number): readonly Evidence[] {
  return drawn.map(({ names: indexes, time, receivedAt, secret }, index) => ({
    workspace, identifiers: [...indexes].sort((x, y) => x - y).map((at) => identifier(names[at] ?? 'x')), time, receivedAt,
    trust: secret === 0 ? 'secret' : 'public', messageId: `m${batch}/${index}`, metric: 'Viewed Product',
  }))
}

describe('new settings solve again', () => {
  test('as if they had always held, whatever is decided and set in between', async () => {
    await fc.assert(fc.asyncProperty(fc.array(operation, { minLength: 3, maxLength: 20 }), async (operations) => {
      const shop = new Workspace()
      for (const [number, one] of operations.entries()) {
        if ('drawn' in one) await shop.add(evidenceOf(one.drawn, number))
        else if ('document' in one) shop.set(one.document)
        else await shop.step(one.identifiers)
      }
      await shop.finish()
      shop.expectAsFromTheStart()
      // All state but the counts of versions equals that of a workspace that never had other settings.
      const fresh = new Workspace()
      fresh.settings = shop.settings
      await fresh.add(shop.evidence)
      const rows = ({ store }: Workspace): readonly IdentifierRow[] => [...store.identifierRows.values()].map((row) => ({ ...row, version: 0 })).sort((one, other) => (one.key < other.key ? -1 : 1))
      expect(rows(shop)).toEqual(rows(fresh))
    }), propertySettings(400))
  })

  test('changes nothing where they are the same', async () => {
    await fc.assert(fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 24 }), fc.nat(documents.length - 1), async (drawn, document) => {
      const shop = new Workspace()
      shop.set(document)
      await shop.add(evidenceOf(drawn, 0))
      const changes = await resolveAgain(shop.store, {
        workspace, rows: [...shop.store.identifierRows.values()], cause: { messageId: 'settings', metric: 'settings', receivedAt: 0 },
      }, { settings: shop.settings, identityKey })
      expect(Object.values(changes).flat()).toEqual([])
    }), propertySettings(200))
  })

  test('a value that is blocked keeps a profile of its own, and joins again where it was', async () => {
    const shop = new Workspace()
    await shop.add(['1+a', '2+b', 'a+x', 'b+x'].flatMap((text, at) => evidenceOf([{ names: text.split('+').map((one) => names.indexOf(one)), time: at, receivedAt: at, secret: 1 }], at)))
    const profiles = (): readonly (string | undefined)[] => ['1', 'a', 'x', '2', 'b'].map((name) => shop.store.identifierRows.get(keyOf(name))?.profileId)
    const before = profiles()
    expect(new Set(before).size).toBe(2)
    shop.set(documents.findIndex((one) => 'blocked' in one))
    await shop.finish()
    const blocked = profiles()
    expect(new Set(blocked).size).toBe(4)
    expect(blocked[3]).toBe(blocked[4])
    shop.set(0)
    await shop.finish()
    expect(profiles()).toEqual(before)
  })
})
