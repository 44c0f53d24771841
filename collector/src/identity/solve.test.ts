import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bruteForceSolve } from '../../test/brute-force-solve.ts'
import { propertySettings } from '../../test/property-settings.ts'
import { identifierKinds, type IdentifierKind } from '../ports/identity.ts'
import { solve, type SolveEdge, type SolveInput, type SolveNode, type SolveSettings } from './solve.ts'

const limits: Record<IdentifierKind, number> = {
  external_id: 1, email: 1, phone: 2, device: 20, anonymous_id: 3, cart: 1_000, checkout: 1_000, email_alias: 1_000,
}
const unlimited: Record<IdentifierKind, number> = {
  external_id: 100, email: 100, phone: 100, device: 100, anonymous_id: 100, cart: 100, checkout: 100, email_alias: 100,
}

function node(key: string, kind: IdentifierKind, { namespace = '', firstReceivedAt = 0 } = {}): SolveNode {
  return { key, kind, namespace, firstReceivedAt }
}

interface EdgeOptions {
  readonly time?: number
  readonly secret?: number | null
  readonly rank?: number | null
}

function edge(x: SolveNode, y: SolveNode, { time = 0, secret = null, rank = null }: EdgeOptions = {}): SolveEdge {
  const difference = identifierKinds.indexOf(x.kind) - identifierKinds.indexOf(y.kind)
  const [a, b] = difference < 0 || (difference === 0 && x.key < y.key) ? [x, y] : [y, x]
  const trust = rank ?? identifierKinds.indexOf(b.kind)
  return { a: a.key, b: b.key, rank: trust, firstSeenSecret: secret, firstSeenPublic: time }
}

type Input = SolveInput<SolveNode, SolveEdge>

function partition(input: Input, settings: SolveSettings = { limits }): readonly (readonly string[])[] {
  return solve(input, settings).groups.map(({ members }) => members.map(({ key }) => key).sort()).sort()
}

const kinds: readonly IdentifierKind[] = ['external_id', 'email', 'phone', 'anonymous_id']

const inputs: fc.Arbitrary<Input> = fc.record({
  nodes: fc.array(fc.record({
    kind: fc.constantFrom(...kinds), firstReceivedAt: fc.nat(5), namespace: fc.constantFrom('', '', 'shop'),
  }), { minLength: 1, maxLength: 9 }),
  edges: fc.array(fc.record({
    x: fc.nat(8), y: fc.nat(8), time: fc.nat(6), secret: fc.option(fc.nat(6)), operator: fc.nat(9),
  }), { maxLength: 16 }),
  vetoes: fc.array(fc.tuple(fc.nat(8), fc.nat(8)), { maxLength: 2 }),
}).map(({ nodes, edges, vetoes }) => {
  const identifiers = nodes.map(({ kind, firstReceivedAt, namespace }, index) =>
    node(`n${index}`, kind, { firstReceivedAt, namespace: kind === 'external_id' ? namespace : '' }))
  const liveEdges = new Map<string, SolveEdge>()
  for (const { x, y, time, secret, operator } of edges) {
    const [one, other] = [identifiers[x], identifiers[y]]
    if (one === undefined || other === undefined || one === other) continue
    const made = edge(one, other, { time, secret, rank: operator === 0 ? -1 : null })
    liveEdges.set(made.a + made.b, made)
  }
  return {
    identifiers, liveEdges: [...liveEdges.values()],
    vetoes: vetoes.map(([a, b]) => ({ a: `n${a}`, b: `n${b}` })).filter(({ a, b }) => a !== b),
  }
})

/** Groups by repeated search, as plainly as it can be said. */
function connected({ identifiers, liveEdges }: Input): readonly (readonly string[])[] {
  const rest = new Set(identifiers.map(({ key }) => key))
  const groups: string[][] = []
  for (const start of rest) {
    const group = [start]
    rest.delete(start)
    for (const key of group) {
      for (const { a, b } of liveEdges) {
        const next = a === key ? b : b === key ? a : null
        if (next !== null && rest.delete(next)) group.push(next)
      }
    }
    groups.push(group.sort())
  }
  return groups.sort()
}

describe('solve', () => {
  const one = node('1', 'external_id')
  const two = node('2', 'external_id')
  const mail = node('a', 'email')
  const otherMail = node('b', 'email')
  const phone = node('p', 'phone')
  const device = node('d', 'anonymous_id')

  test('an identifier without edges is a profile', () => {
    expect(partition({ identifiers: [device], liveEdges: [], vetoes: [] })).toEqual([['d']])
  })

  test('a device of two accounts belongs to the first, and the edge says why', () => {
    const late = edge(two, device, { time: 2 })
    const liveEdges = [late, edge(one, device, { time: 1 })]
    const { verdicts, groups } = solve({ identifiers: [one, two, device], liveEdges, vetoes: [] }, { limits })
    expect(groups).toHaveLength(2)
    expect(verdicts.find((verdict) => verdict.edge === late)).toEqual({
      edge: late, state: 'rejected', witness: { rule: 'limit', kind: 'external_id', a: '2', b: '1' },
    })
  })

  test('by the workspace\'s own order of kinds other evidence comes first', () => {
    const [a, b] = [node('a', 'email'), node('b', 'email')]
    const liveEdges = [edge(a, phone, { time: 3 }), edge(phone, device, { time: 9 }), edge(b, device, { time: 2 })]
    const input = { identifiers: [a, b, phone, device], liveEdges, vetoes: [] }
    expect(partition(input)).toEqual([['a', 'p'], ['b', 'd']])
    const priorities: readonly IdentifierKind[] = ['anonymous_id', 'phone', 'email', 'external_id', 'device', 'cart', 'checkout', 'email_alias']
    expect(partition(input, { limits, priorities })).toEqual([['a'], ['b', 'd', 'p']])
  })

  test('spellings of one mailbox are no two guests', () => {
    const [a, b, mailbox] = [node('a', 'email'), node('b', 'email'), node('m', 'email_alias')]
    expect(partition({ identifiers: [a, b, mailbox], liveEdges: [edge(a, mailbox), edge(b, mailbox)], vetoes: [] })).toEqual([['a', 'b', 'm']])
    const liveEdges = [edge(one, mailbox), edge(two, mailbox, { time: 1 })]
    expect(partition({ identifiers: [one, two, mailbox], liveEdges, vetoes: [] })).toEqual([['1', 'm'], ['2']])
  })

  test('a witness names the least identifier of each side', () => {
    const phones = ['p1', 'p2', 'p0'].map((key) => node(key, 'phone'))
    const liveEdges = phones.map((other, time) => edge(one, other, { time }))
    const { verdicts } = solve({ identifiers: [one, ...phones], liveEdges, vetoes: [] }, { limits })
    const rejected = verdicts.find(({ state }) => state === 'rejected')
    expect(rejected?.witness).toEqual({ rule: 'limit', kind: 'phone', a: 'p1', b: 'p0' })
  })

  test('evidence of a secret key comes before earlier public evidence', () => {
    const liveEdges = [edge(one, device, { time: 1 }), edge(two, device, { time: 9, secret: 9 })]
    expect(partition({ identifiers: [one, two, device], liveEdges, vetoes: [] })).toEqual([['1'], ['2', 'd']])
  })

  test('an account may own two addresses, a phone may not', () => {
    const ofAccount = [edge(one, mail), edge(one, otherMail)]
    const mails = [mail, otherMail]
    expect(partition({ identifiers: [one, ...mails], liveEdges: ofAccount, vetoes: [] })).toEqual([['1', 'a', 'b']])
    const ofPhone = [edge(mail, phone, { time: 1 }), edge(otherMail, phone, { time: 2 })]
    expect(partition({ identifiers: [phone, ...mails], liveEdges: ofPhone, vetoes: [] })).toEqual([['a', 'p'], ['b']])
  })

  test('account ids of two namespaces may be one person', () => {
    const shop = node('s', 'external_id', { namespace: 'shopify:x' })
    expect(partition({ identifiers: [one, shop], liveEdges: [edge(one, shop)], vetoes: [] })).toEqual([['1', 's']])
  })

  test('a veto rejects the weakest edge of the path between its ends', () => {
    const liveEdges = [
      edge(mail, phone, { time: 5 }), edge(phone, device, { time: 1 }), edge(mail, device, { time: 2 }),
    ]
    const input = { identifiers: [mail, phone, device], liveEdges, vetoes: [{ a: 'a', b: 'p' }] }
    const { verdicts } = solve(input, { limits })
    expect(partition(input)).toEqual([['a'], ['d', 'p']])
    expect(verdicts.filter(({ state }) => state === 'rejected').map(({ witness }) => witness))
      .toEqual([{ rule: 'veto', a: 'a', b: 'p' }, { rule: 'veto', a: 'a', b: 'p' }])
  })

  test('an operator overrides a limit, but no veto', () => {
    const byHand = edge(one, two, { rank: -1 })
    expect(partition({ identifiers: [one, two], liveEdges: [byHand], vetoes: [] })).toEqual([['1', '2']])
    const vetoes = [{ a: '1', b: '2' }]
    expect(partition({ identifiers: [one, two], liveEdges: [byHand], vetoes })).toEqual([['1'], ['2']])
  })

  test('the anchor is the one known longest, then the strongest', () => {
    const old = node('z', 'anonymous_id', { firstReceivedAt: -1 })
    const anchors = (other: SolveNode): string[] => {
      const { groups } = solve({ identifiers: [one, other], liveEdges: [edge(one, other)], vetoes: [] }, { limits })
      return groups.map(({ anchor }) => anchor.key)
    }
    expect(anchors(old)).toEqual(['z'])
    expect(anchors(device)).toEqual(['1'])
  })

  test('an edge from outside is a fault', () => {
    const input = { identifiers: [one], liveEdges: [edge(one, device)], vetoes: [] }
    expect(() => solve(input, { limits })).toThrow(RangeError)
  })

  test('without limits and vetoes it is connectivity', () => {
    fc.assert(fc.property(inputs, (input) => {
      expect(partition({ ...input, vetoes: [] }, { limits: unlimited })).toEqual(connected(input))
    }), propertySettings())
  })

  test('is what the rules say, word for word', () => {
    fc.assert(fc.property(inputs, (input) => {
      const { groups, verdicts } = solve(input, { limits })
      const plain = bruteForceSolve(input, { limits })
      const byAnchor = (x: { readonly anchor: string }, y: { readonly anchor: string }): number => (x.anchor < y.anchor ? -1 : 1)
      expect(groups.map(({ anchor, component, members }) => ({ anchor: anchor.key, component, members: members.map(({ key }) => key).toSorted() })).toSorted(byAnchor))
        .toEqual(plain.groups.toSorted(byAnchor))
      const byEdge = (list: typeof plain.verdicts): unknown => new Map(list.map(({ edge: { a, b }, state, witness }) => [a + b, { state, witness }]))
      expect(byEdge(verdicts)).toEqual(byEdge(plain.verdicts))
    }), propertySettings(5_000))
  })

  test('the order of the input does not matter', () => {
    const shuffled = inputs.chain((input) => fc.tuple(
      fc.constant(input),
      fc.shuffledSubarray([...input.identifiers], { minLength: input.identifiers.length }),
      fc.shuffledSubarray([...input.liveEdges], { minLength: input.liveEdges.length }),
      fc.shuffledSubarray([...input.vetoes], { minLength: input.vetoes.length }),
    ))
    const outcome = (input: Input): unknown => {
      const { groups, verdicts } = solve(input, { limits })
      return [
        groups.map(({ anchor, members, component }) =>
          ({ anchor: anchor.key, component, members: members.map(({ key }) => key).sort() }))
          .sort((x, y) => (x.anchor < y.anchor ? -1 : 1)),
        verdicts.map(({ edge: { a, b }, ...verdict }) => ({ id: a + b, ...verdict }))
          .sort((x, y) => (x.id < y.id ? -1 : 1)),
      ]
    }
    fc.assert(fc.property(shuffled, ([input, identifiers, liveEdges, vetoes]) => {
      expect(outcome({ identifiers, liveEdges, vetoes })).toEqual(outcome(input))
    }), propertySettings())
  })

  test('no profile breaks a limit or a veto, and every rejected edge has a true witness', () => {
    fc.assert(fc.property(inputs, (given) => {
      const input = { ...given, liveEdges: given.liveEdges.filter(({ rank }) => rank >= 0) }
      const { groups, verdicts } = solve(input, { limits })
      const groupOf = new Map(groups.flatMap((group) => group.members.map(({ key }) => [key, group] as const)))
      for (const { members } of groups) {
        const isAccount = members.some(({ kind }) => kind === 'external_id')
        for (const kind of kinds) {
          for (const group of Map.groupBy(members.filter((member) => member.kind === kind), ({ namespace }) => namespace).values()) {
            if (kind !== 'email' || !isAccount) expect(group.length).toBeLessThanOrEqual(limits[kind])
          }
        }
      }
      for (const { a, b } of input.vetoes) {
        if (groupOf.has(a) && groupOf.has(b)) expect(groupOf.get(a)).not.toBe(groupOf.get(b))
      }
      for (const { edge: { a, b }, state, witness } of verdicts) {
        expect(groupOf.get(a) === groupOf.get(b)).toBe(state === 'accepted')
        if (witness === null) continue
        expect(groupOf.get(witness.a)).toBe(groupOf.get(a))
        expect(groupOf.get(witness.b)).toBe(groupOf.get(b))
      }
    }), propertySettings())
  })
})
