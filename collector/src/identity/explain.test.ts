import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MemoryIdentity } from '../../test/memory-identity.ts'
import { propertySettings } from '../../test/property-settings.ts'
import type { EvidenceAround, Explanation } from '../query/explanation.ts'
import { explain } from './explain.ts'
import type { Identifier } from './identifier.ts'
import { identifierKey } from './identifier-key.ts'
import { defaultIdentitySettings, type IdentitySettings } from './identity-settings.ts'
import { resolveBatch } from './resolve-batch.ts'

const settings: IdentitySettings = { ...defaultIdentitySettings, limits: { ...defaultIdentitySettings.limits, anonymous_id: 2 }, fanOutMax: 2, degreeMax: 3 }
const identityKey = Buffer.alloc(32, 7)
const workspace = 1
const t0 = Date.UTC(2026, 0, 1)

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

interface Veto {
  readonly names: readonly [string, string]
  readonly lifted?: boolean
}

/** What a store knows after the events, written `1+a+p`, one a second, and then the vetoes. */
async function storeOf(events: readonly string[], vetoes: readonly Veto[] = []): Promise<MemoryIdentity> {
  const store = new MemoryIdentity()
  const evidence = events.map((names, index) => ({
    workspace, identifiers: names.split('+').map(identifier), time: t0 + index * 1_000, receivedAt: t0, trust: 'public', messageId: `m${index}`, metric: 'Viewed Product',
  }) as const)
  store.apply((await resolveBatch(store, { evidence }, { settings, identityKey })).changes)
  for (const { names, lifted = false } of vetoes) {
    const [a = '', b = ''] = names.map(keyOf).toSorted()
    store.apply((await resolveBatch(store, { evidence: [], vetoes: [{ workspace, a, b, lifted, at: t0, messageId: 'operator' }] }, { settings, identityKey })).changes)
  }
  return store
}

function around(store: MemoryIdentity, [first, second]: readonly [string, string], isWhole = true): EvidenceAround {
  const [a, b] = [store.identifierRows.get(keyOf(first)), store.identifierRows.get(keyOf(second))]
  if (a === undefined || b === undefined) throw new Error(`${first} or ${second} is unknown`)
  return { a, b, identifiers: store.identifierRows, edges: [...store.edgeRows.values()], vetoes: store.vetoes, isWhole }
}

async function explained(events: readonly string[], pair: readonly [string, string], vetoes: readonly Veto[] = []): Promise<Explanation> {
  return explain(around(await storeOf(events, vetoes), pair), settings)
}

describe('explain', () => {
  it('names the event that carried both', async () => {
    const { samePerson, sentence, path, rejected } = await explained(['1+a', '1+a'], ['a', '1'])
    expect(sentence).toBe('email "a@example.com" and external id "1" are one person: event "m0" (Viewed Product, 2026-01-01T00:00:00.000Z, the first of 2) carried both external id "1" and email "a@example.com".')
    expect({ samePerson, rejected }).toEqual({ samePerson: true, rejected: null })
    expect(path).toMatchObject([{ a: { kind: 'external_id', value: '1' }, b: { kind: 'email', value: 'a@example.com' }, cause: { messageId: 'm0', metric: 'Viewed Product' }, firstSeen: '2026-01-01T00:00:00.000Z', count: 2 }])
  })

  it('goes the shortest way, the strongest and earliest first', async () => {
    const events = ['a+x', 'a+p', 'p+x', '1+p']
    const { sentence, path } = await explained(events, ['x', '1'])
    expect(sentence).toContain('are one person through phone "p": event "m2" ')
    expect(path.map(({ cause }) => cause.messageId)).toEqual(['m2', 'm3'])
    expect((await explained(['a+p', 'b+p', 'a+x', '1+a', '1+b', '1+x'], ['p', 'x'])).path.map(({ cause }) => cause.messageId)).toEqual(['m0', 'm2'])
  })

  it('names the limit that keeps two apart, with one of each side', async () => {
    const { samePerson, sentence, rejected, path } = await explained(['1+x', '2+x'], ['x', '2'])
    expect(samePerson).toBe(false)
    expect(sentence).toBe('anonymous id "x" and external id "2" are two people: event "m1" (Viewed Product, 2026-01-01T00:00:01.000Z) carried both external id "2" and anonymous id "x", which would join them, but one person would have external id "2" and external id "1", and has at most 1 external id.')
    expect(rejected).toMatchObject({ cause: { messageId: 'm1' }, state: 'rejected', hindrance: { rule: 'limit', kind: 'external_id', a: { value: expect.stringMatching(/[12]/) }, b: { value: expect.stringMatching(/[12]/) } } })
    expect(path).toHaveLength(1)
  })

  it('names the veto, with evidence and without', async () => {
    expect(await explained(['1+x'], ['1', 'x'], [{ names: ['1', 'x'] }])).toMatchObject({
      samePerson: false, rejected: { hindrance: { rule: 'veto' } }, sentence: expect.stringMatching(/but an operator parted .*"(?:1|x)" and .* on 2026-01-01T00:00:00\.000Z\.$/),
    })
    expect(await explained(['1', 'x'], ['1', 'x'], [{ names: ['1', 'x'] }])).toMatchObject({
      samePerson: false, rejected: null, path: [], sentence: expect.stringMatching(/no event connects them, .* and an operator parted /),
    })
    expect((await explained(['1+x'], ['1', 'x'], [{ names: ['1', 'x'] }, { names: ['1', 'x'], lifted: true }])).samePerson).toBe(true)
  })

  it('says that an identifier is shared by too many, or came too late among too many', async () => {
    expect(await explained(['1+p', '2+p', '3+p'], ['1', 'p'])).toMatchObject({
      samePerson: false, rejected: { hindrance: { rule: 'fan_out' } }, sentence: expect.stringContaining('phone "p" came with more than 2 identifiers of one stronger kind and identifies nobody'),
    })
    const customers = Array.from({ length: 26 }, (_, index) => `a+p${index}`)
    expect(await explained(customers, ['a', 'p3'])).toMatchObject({
      samePerson: false, rejected: { hindrance: { rule: 'fan_out' } }, sentence: expect.stringContaining('email "a@example.com" came with more than 25 of one kind (phone) and identifies nobody'),
    })
    expect(await explained(['1+w', '1+x', '1+y', '1+z'], ['1', 'z'])).toMatchObject({
      samePerson: false, rejected: { hindrance: { rule: 'degree' } }, sentence: expect.stringContaining('only the first 3 count'),
    })
  })

  it('goes through others to the first edge that keeps two apart, and counts the rest', async () => {
    const { sentence, rejected, path } = await explained(['1+a', '1+x', '2+x', '2+y', '3+y'], ['a', '3'])
    expect(rejected).toMatchObject({ cause: { messageId: 'm2' } })
    expect(path.map(({ state }) => state)).toEqual(['accepted', 'accepted', 'rejected', 'accepted', 'rejected'])
    expect(sentence).toMatch(/On the way one more connection is not accepted\.$/)
  })

  it('says so where nothing connects them, or the evidence is too much', async () => {
    expect(await explained(['1+a', '2+b'], ['a', '2'])).toMatchObject({ samePerson: false, path: [], rejected: null, sentence: expect.stringContaining('no event connects them') })
    expect((await explained(['1+a'], ['a', 'a'])).sentence).toBe('email "a@example.com" is one identifier in two spellings.')
    const store = await storeOf(['1+a', '2+b'])
    expect(explain(around(store, ['1', '2'], false), settings).sentence).toContain('within the evidence that is looked through')
  })

  it('agrees with the profiles and the evidence, for every pair, in whatever order the evidence is read', async () => {
    const names = ['1', '2', '3', 'a', 'b', 'p', 'x', 'y', 'z']
    const histories = fc.array(fc.subarray(names, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 14 })
    const vetoes = fc.array(fc.subarray(names, { minLength: 2, maxLength: 2 }), { maxLength: 2 })
    await fc.assert(fc.asyncProperty(histories, vetoes, fc.nat(20), async (events, parted, cut) => {
      const store = await storeOf(events.map((event) => event.join('+')),
        parted.map(([one = '', other = '']) => ({ names: [one, other] })))
      const known = names.filter((name) => store.identifierRows.has(keyOf(name)))
      for (const one of known) for (const other of known) {
        if (one === other) continue
        const evidence = around(store, [one, other])
        const explanation = explain(evidence, settings)
        expect(explanation.samePerson).toBe(evidence.a.profileId === evidence.b.profileId)
        const accepted = evidence.edges.filter(({ state }) => state === 'accepted')
        const steps = distance(accepted, evidence)
        if (explanation.samePerson) expect(explanation.path).toHaveLength(steps ?? -1)
        else expect(explanation.rejected === null).toBe(distance(evidence.edges, evidence) === null)
        expect(walks(explanation, [identifier(one).value, identifier(other).value])).toBe(true)
        const mixed = [...evidence.edges.slice(cut), ...evidence.edges.slice(0, cut).toReversed()]
        expect(explain({ ...evidence, edges: mixed }, settings)).toEqual(explanation)
      }
    }), propertySettings(150))
  })
})

/** Steps between the two, by widening a set; null if it never reaches. */
function distance(edges: readonly { readonly a: string; readonly b: string }[], { a, b }: EvidenceAround): number | null {
  let reached = new Set([a.key])
  for (let steps = 0; ; steps += 1) {
    if (reached.has(b.key)) return steps
    const wider = new Set([...reached, ...edges.flatMap((edge) => (reached.has(edge.a) ? [edge.b] : reached.has(edge.b) ? [edge.a] : []))])
    if (wider.size === reached.size) return null
    reached = wider
  }
}

/** Whether the path, if there is any, leads from the one value to the other without a gap. */
function walks({ path }: Explanation, [from, to]: readonly [string, string]): boolean {
  let at = from
  for (const { a, b } of path) {
    if (a.value !== at && b.value !== at) return false
    at = a.value === at ? b.value : a.value
  }
  return path.length === 0 || at === to
}
