import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MemoryIdentity } from '../../test/memory-identity.ts'
import { propertySettings } from '../../test/property-settings.ts'
import { solveInFull } from '../../test/solve-in-full.ts'
import { identifierKinds, type IdentifierRow } from '../ports/identity.ts'
import type { Evidence, VetoChange } from './gather-evidence.ts'
import type { Identifier } from './identifier.ts'
import { identifierKey } from './identifier-key.ts'
import { defaultIdentitySettings, type IdentitySettings } from './identity-settings.ts'
import { type Resolution, resolveBatch } from './resolve-batch.ts'

const identityKey = Buffer.alloc(32, 7)
const workspace = 1
const tight: IdentitySettings = {
  ...defaultIdentitySettings,
  limits: { ...defaultIdentitySettings.limits, phone: 2, anonymous_id: 2 },
  fanOutMax: 2, contactReachMax: 4, degreeMax: 3,
}
const loose: IdentitySettings = { ...tight, fanOutMax: 100, contactReachMax: 100, degreeMax: 100 }

/** `1` is an account, `a` to `c` e-mails, `p` phones, anything else an anonymous id. */
function identifier(name: string): Identifier {
  const namespace = ''
  if (/^\d/.test(name)) return { kind: 'external_id', namespace, value: name }
  if (/^[abc]/.test(name)) return { kind: 'email', namespace, value: `${name}@example.com` }
  return { kind: name.startsWith('p') ? 'phone' : 'anonymous_id', namespace, value: name }
}

function keyOf(name: string): string {
  return identifierKey(workspace, identifier(name))
}

let messages = 0
function event(names: string, given: Partial<Evidence> = {}): Evidence {
  const number = messages++
  return {
    workspace, identifiers: names.split('+').map(identifier), time: number, receivedAt: number, trust: 'public',
    messageId: `message ${number}`, metric: 'Viewed Product', ...given,
  }
}

class Person {
  readonly store = new MemoryIdentity()
  readonly settings: IdentitySettings

  constructor(settings: IdentitySettings = defaultIdentitySettings) {
    this.settings = settings
  }

  async add(...evidence: readonly Evidence[]): Promise<Resolution> {
    const resolution = await resolveBatch(this.store, { evidence }, { settings: this.settings, identityKey })
    this.store.apply(resolution.changes)
    return resolution
  }

  /** Groups of the named identifiers, in the order named. */
  groups(names: string): readonly string[] {
    const groups = Map.groupBy(names.split(' '), (name) => this.store.identifierRows.get(keyOf(name))?.profileId)
    return [...groups.values()].map((group) => group.join(' '))
  }
}

const names = ['1', '2', '3', '4', 'a', 'b', 'c', 'p', 'pp', 'u', 'v', 'w', 'x', 'y', 'z']
const accountName = 0
const firstAnonymous = names.indexOf('u')
const events = fc.array(fc.record({
  names: fc.uniqueArray(fc.nat(names.length - 1), { minLength: 1, maxLength: 3 }),
  time: fc.nat(9), receivedAt: fc.nat(9), secret: fc.nat(4), cut: fc.boolean(),
}), { minLength: 1, maxLength: 24 })
/** One account and more anonymous ids than may be live, over and over. */
const stars = fc.array(fc.record({
  names: fc.integer({ min: firstAnonymous, max: names.length - 1 }).map((index) => [accountName, index]),
  time: fc.nat(30), receivedAt: fc.nat(9), secret: fc.nat(4), cut: fc.boolean(),
}), { minLength: 5, maxLength: 24 })
/** One address and more browsers than it may come with. */
const contactStars = stars.map((drawn) => drawn.map((one) => ({ ...one, names: [names.indexOf('a'), ...one.names.slice(1)] })))
const vetoes = fc.array(fc.tuple(fc.constantFrom(...names), fc.constantFrom(...names)), { maxLength: 2 })

function evidenceFrom(drawn: typeof events extends fc.Arbitrary<infer Drawn> ? Drawn : never): Evidence[] {
  return drawn.map(({ names: indexes, time, receivedAt, secret }, index) => event(
    [...indexes].sort((x, y) => x - y).map((at) => names[at] ?? '1').join('+'),
    { time, receivedAt, trust: secret === 0 ? 'secret' : 'public', messageId: `m${index}` }))
}

function vetoChange(ends: readonly [string, string], { at, lifted }: { at: number; lifted: boolean }): VetoChange {
  const [a = '', b = ''] = [...ends].sort()
  return { workspace, a, b, lifted, at, messageId: `veto ${at}` }
}

function expectSound({ store, settings }: Person, evidence: readonly Evidence[]): void {
  const full = solveInFull({ evidence, vetoes: store.vetoes, identityKey }, settings)
  const rows = [...store.identifierRows.values()]
  expect(new Map(rows.map(({ key, profileId }) => [key, profileId]))).toEqual(full.profiles)
  expect(new Map(rows.map(({ key, component }) => [key, component]))).toEqual(full.components)
  expect(new Map([...store.edgeRows].map(([id, edge]) => [id, { ...edge, workspace: undefined }]))).toEqual(full.edges)
  const live = new Set(rows.map(({ profileId }) => profileId))
  for (const { id, mergedInto, createdAt } of store.profileRows.values()) {
    expect(mergedInto === null).toBe(live.has(id))
    if (mergedInto !== null) expect(live).toContain(mergedInto)
    const seen = rows.filter(({ profileId }) => profileId === id).map(({ firstSeen }) => firstSeen)
    if (mergedInto === null) expect(createdAt).toBe(Math.min(...seen))
  }
  for (const id of live) expect(store.profileRows.has(id)).toBe(true)
  expectComposed(store)
}

/** A composition is noted of every profile that is all of its component and no veto names, and of no other, and it is true. */
function expectComposed({ identifierRows, profileRows, vetoes }: MemoryIdentity): void {
  const rows = [...identifierRows.values()]
  for (const [component, members] of Map.groupBy(rows, (row) => row.component)) {
    const ids = new Set(members.map(({ profileId }) => profileId))
    const isWhole = ids.size === 1 && !vetoes.some(({ a }) => identifierRows.get(a)?.component === component)
    const [anchor] = members.toSorted((x, y) => x.firstReceivedAt - y.firstReceivedAt || rankOf(x) - rankOf(y) || (x.key < y.key ? -1 : 1))
    const counts = Map.groupBy(members, ({ kind, namespace }) => (kind === 'external_id' ? `external_id:${namespace}` : kind))
    const composition = isWhole ? {
      anchor: { key: anchor?.key, kind: anchor?.kind, firstReceivedAt: anchor?.firstReceivedAt },
      counts: Object.fromEntries([...counts].map(([what, list]) => [what, list.length])), settings: 0,
    } : null
    for (const id of ids) expect(profileRows.get(id)?.composition).toEqual(composition)
  }
}

function rankOf({ kind }: IdentifierRow): number {
  return identifierKinds.indexOf(kind)
}

function expectHonest({ changes }: Resolution, { store }: Person): void {
  for (const row of changes.profiles) expect(row.version).toBe((store.profileRows.get(row.id)?.version ?? 0) + 1)
  const moved = changes.identifiers.filter(({ key, profileId }) => {
    const before = store.identifierRows.get(key)
    return before !== undefined && before.profileId !== profileId
  }).map(({ key }) => key).sort()
  expect(changes.overrides.map(({ identifierKey }) => identifierKey).sort()).toEqual(moved)
  expect(changes.merges.flatMap(({ identifierKeys }) => identifierKeys).sort()).toEqual(moved)
  for (const row of changes.identifiers) {
    const before = store.identifierRows.get(row.key)
    expect(row).not.toEqual(before)
    expect(row.version).toBe((before?.version ?? 0) + (before?.profileId === row.profileId ? 0 : 1))
  }
}

/** Who was known longest in a profile that ends takes it along. */
function expectHeirs({ changes, profileOf }: Resolution, { store }: Person): void {
  for (const { id, mergedInto } of changes.profiles) {
    const [anchor] = [...store.identifierRows.values()].filter(({ profileId }) => profileId === id)
      .sort((x, y) => x.firstReceivedAt - y.firstReceivedAt || rankOf(x) - rankOf(y) || (x.key < y.key ? -1 : 1))
    if (mergedInto !== null && anchor !== undefined) expect(mergedInto).toBe(profileOf(anchor.key))
  }
}

describe('resolveBatch equals solving everything', () => {
  const variants = [
    { name: 'with tight bounds', settings: tight, drawnFrom: events },
    { name: 'without bounds on neighbours', settings: loose, drawnFrom: events },
    { name: 'where an account has too many neighbours', settings: tight, drawnFrom: stars },
    { name: 'where an address has too many neighbours', settings: tight, drawnFrom: contactStars },
  ]
  for (const { name, settings, drawnFrom } of variants) {
    test(`after every batch, ${name}`, async () => {
      await fc.assert(fc.asyncProperty(drawnFrom, vetoes, async (drawn, forbidden) => {
        const person = new Person(settings)
        // An operator can forbid only what is there.
        const known = forbidden.flat().map((name, index) => event(name, { messageId: `known ${index}` }))
        await person.add(...known)
        const parted = forbidden.filter(([x, y]) => x !== y).map((ends, at) => vetoChange([keyOf(ends[0]), keyOf(ends[1])], { at, lifted: false }))
        person.store.apply((await resolveBatch(person.store, { evidence: [], vetoes: parted }, { settings, identityKey })).changes)
        const evidence = [...known, ...evidenceFrom(drawn)]
        for (let start = known.length, end = start + 1; start < evidence.length; start = end++) {
          while (end < evidence.length && drawn[end - known.length]?.cut === false) end++
          const reads = person.store.reads
          const resolution = await resolveBatch(person.store, { evidence: evidence.slice(start, end) }, { settings, identityKey })
          expect(person.store.reads - reads).toBeLessThanOrEqual(6)
          expectHonest(resolution, person)
          expectHeirs(resolution, person)
          person.store.apply(resolution.changes)
          expectSound(person, evidence.slice(0, end))
        }
      }), propertySettings(400))
    })
  }

  test('after every veto and every lifting of one, and what is lifted leaves no trace', async () => {
    const operations = fc.array(fc.oneof(
      events.map((drawn) => ({ drawn })),
      fc.tuple(fc.constantFrom(...names), fc.constantFrom(...names), fc.boolean()).map(([x, y, lifted]) => ({ x, y, lifted })),
    ), { minLength: 2, maxLength: 12 })
    await fc.assert(fc.asyncProperty(operations, async (drawn) => {
      const person = new Person(loose)
      const evidence: Evidence[] = []
      for (const [at, operation] of drawn.entries()) {
        const batch = 'drawn' in operation ? evidenceFrom(operation.drawn).map((one) => ({ ...one, messageId: `${at}/${one.messageId}` })) : []
        const vetoes = 'drawn' in operation || operation.x === operation.y ? []
          : [vetoChange([keyOf(operation.x), keyOf(operation.y)], { at, lifted: operation.lifted })]
        evidence.push(...batch)
        const resolution = await resolveBatch(person.store, { evidence: batch, vetoes }, { settings: loose, identityKey })
        expectHonest(resolution, person)
        person.store.apply(resolution.changes)
        expectSound(person, evidence)
      }
      const lift = person.store.vetoes.map(({ a, b }, at) => vetoChange([a, b], { at, lifted: true }))
      person.store.apply((await resolveBatch(person.store, { evidence: [], vetoes: lift }, { settings: loose, identityKey })).changes)
      expect(person.store.vetoes).toEqual([])
      expectSound(person, evidence)
    }), propertySettings(200))
  })

  test('in any order', async () => {
    const pairs = fc.oneof(events, stars).map(evidenceFrom).chain((evidence) =>
      fc.tuple(fc.constant(evidence), fc.shuffledSubarray(evidence, { minLength: evidence.length })))
    await fc.assert(fc.asyncProperty(pairs, async ([inOrder, shuffled]) => {
      const [one, other] = [new Person(tight), new Person(tight)]
      await one.add(...inOrder)
      for (const evidence of shuffled) await other.add(evidence)
      expect(other.store.edgeRows).toEqual(one.store.edgeRows)
      const rows = ({ store }: Person): unknown =>
        new Map([...store.identifierRows].map(([key, row]) => [key, { ...row, version: 0 }]))
      expect(rows(other)).toEqual(rows(one))
    }), propertySettings())
  })

  test('told again, it changes nothing but counts', async () => {
    await fc.assert(fc.asyncProperty(events, async (drawn) => {
      const person = new Person(tight)
      const evidence = evidenceFrom(drawn)
      await person.add(...evidence)
      const { changes } = await resolveBatch(person.store, { evidence }, { settings: tight, identityKey })
      expect({ ...changes, edges: [] }).toEqual({ identifiers: [], edges: [], profiles: [], merges: [], overrides: [], pointings: [], vetoes: [], liftedVetoes: [] })
    }), propertySettings())
  })
})

describe('known-hard cases', () => {
  const cases: readonly { name: string, events: readonly string[], expected: readonly string[] }[] = [
    { name: 'shared device', events: ['d', '1+a+d', 'd', '2+b+d', 'd'], expected: ['1 a d', '2 b'] },
    { name: 'logout, reset, login', events: ['d', '1+d', 'x', '2+x'], expected: ['1 d', '2 x'] },
    { name: 'household phone, accounts', events: ['1+a+p', '2+b+p'], expected: ['1 a p', '2 b'] },
    { name: 'household phone, guests', events: ['a+p', 'b+p'], expected: ['a p', 'b'] },
    { name: 'one family e-mail, two accounts', events: ['1+a', '2+a'], expected: ['1 a', '2'] },
    { name: 'e-mail change', events: ['1+a', '1+b', 'b+x', 'a+d'], expected: ['1 a b d x'] },
    { name: 'chain', events: ['a+x', 'a+p', 'p+d', '1+d'], expected: ['1 a d p x'] },
    {
      name: 'kiosk', events: ['1+k', '2+k', '3+k', '4+k', '5+k', '6+k'],
      expected: ['1', '2', '3', '4', '5', '6', 'k'],
    },
  ]
  for (const { name, events, expected } of cases) {
    test(name, async () => {
      const person = new Person()
      for (const names of events) await person.add(event(names))
      const all = [...new Set(events.flatMap((names) => names.split('+')))].sort()
      expect(person.groups(all.join(' '))).toEqual(expected)
    })
  }

  test('an event that comes late is judged by its time', async () => {
    const person = new Person()
    await person.add(event('1+x', { time: 10 }))
    expect(person.groups('1 2 x')).toEqual(['1 x', '2'])
    const { changes, profileOf } = await person.add(event('2+x', { time: 5, receivedAt: 9_000, messageId: 'late' }))
    expect(person.groups('1 2 x')).toEqual(['1', '2 x'])
    expect(changes.merges).toMatchObject([
      { toProfile: profileOf(keyOf('2')), identifierKeys: [keyOf('x')], cause: { messageId: 'late' }, at: 9_000 },
    ])
  })

  test('an alias storm leaves four edges', async () => {
    const person = new Person()
    for (let round = 0; round < 10; round++) await person.add(event('1+x'), event('1+d'), event('2+d'), event('1+2'))
    expect(person.groups('1 2 d x')).toEqual(['1 d x', '2'])
    expect([...person.store.edgeRows.values()].map(({ count, state }) => `${count} ${state}`).sort())
      .toEqual(['10 accepted', '10 accepted', '10 rejected', '10 rejected'])
  })

  test('a profile merged away comes back under its old id when a fan-out parts what joined it', async () => {
    const person = new Person()
    const first = await person.add(event('a'), event('k'))
    const ofK = first.profileOf(keyOf('k'))
    await person.add(event('a+k'))
    expect(person.store.profileRows.get(ofK)).toMatchObject({ mergedInto: first.profileOf(keyOf('a')), version: 2 })
    for (const other of ['b', 'c', 'ab', 'ac', 'ad']) await person.add(event(`${other}+k`))
    expect(person.store.identifierRows.get(keyOf('k'))).toMatchObject({ profileId: ofK, fanOut: true, version: 3 })
    expect(person.store.profileRows.get(ofK)).toMatchObject({ mergedInto: null, version: 3 })
  })

  test('a new identifier that hangs on a profile twice may part it, however whole it was', async () => {
    const person = new Person()
    await person.add(event('1+a', { time: 0 }), event('c+p', { time: 0 }), event('p+v', { time: 10 }), event('1+v', { time: 20 }))
    expect(person.groups('1 a c p v')).toEqual(['1 a c p v'])
    // Late: v was the account's before it was the phone's, whose address is another one.
    await person.add(event('1+x', { time: 5 }), event('v+x', { time: 5 }))
    expect(person.groups('1 a c p v x')).toEqual(['1 a v x', 'c p'])
  })

  test('new identifiers are added to a large profile without reading it', async () => {
    const person = new Person()
    await person.add(...Array.from({ length: 500 }, (_, index) => event(`1+x${index}`)))
    const rows = person.store.rowsRead
    for (let index = 0; index < 100; index++) await person.add(event(`1+y${index}`))
    // The account's row and its profile's each time, and all of them again when a new key is the least.
    expect(person.store.rowsRead - rows).toBeLessThan(100 * 3 + 2 * 3 * 1_200)
    expect(person.store.profileRows.get(person.store.identifierRows.get(keyOf('1'))?.profileId ?? '')?.composition?.counts).toEqual({ 'external_id:': 1, anonymous_id: 600 })
  })

  test('of a large star only the earliest are one profile, whatever came first', async () => {
    const person = new Person(tight)
    for (let index = 9; index >= 0; index--) await person.add(event(`1+x${index}`, { time: index }))
    expect(person.groups('1 x0 x1 x2 x3 x9')).toEqual(['1 x0 x1', 'x2', 'x3', 'x9'])
    const states = [...person.store.edgeRows.values()].sort((x, y) => x.lastSeen - y.lastSeen).map(({ state }) => state)
    expect(states.slice(0, 4)).toEqual(['accepted', 'accepted', 'rejected', 'inert'])
    const reads = person.store.reads
    const { changes } = await person.add(event('1+xx', { time: 10 }))
    expect(changes.edges).toMatchObject([{ state: 'inert' }])
    expect(person.store.reads - reads).toBe(1)
  })

  test('workspaces share nothing', async () => {
    const person = new Person()
    await person.add(event('1+x'), event('2+x', { workspace: 2 }))
    expect(new Set([...person.store.identifierRows.values()].map(({ profileId }) => profileId)).size).toBe(2)
    expect([...person.store.edgeRows.values()].map(({ state }) => state)).toEqual(['accepted', 'accepted'])
  })

  test('what is known costs one read of identifiers and one of edges', async () => {
    const person = new Person()
    await person.add(event('1+a+x'))
    const reads = person.store.reads
    const { changes } = await person.add(event('1+a+x'), event('x'), event('1+x'))
    expect(person.store.reads - reads).toBe(2)
    expect(changes).toMatchObject({ identifiers: [], profiles: [], edges: [{ count: 2 }, { count: 3 }] })
  })

  test('an identifier outside the batch has no profile', async () => {
    const { profileOf } = await new Person().add(event('1'))
    expect(() => profileOf(keyOf('2'))).toThrow(RangeError)
  })
})
