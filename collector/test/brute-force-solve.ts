import { identifierKinds, type EdgeRow, type IdentifierKind, type IdentifierRow, type VetoRow, type Witness } from '../src/ports/identity.ts'

type Node = Pick<IdentifierRow, 'key' | 'kind' | 'namespace' | 'firstReceivedAt'>
type Edge = Pick<EdgeRow, 'a' | 'b' | 'rank' | 'firstSeenSecret' | 'firstSeenPublic'>

export interface BruteForceInput<E extends Edge> {
  readonly identifiers: readonly Node[]
  readonly liveEdges: readonly E[]
  readonly vetoes: readonly Pick<VetoRow, 'a' | 'b'>[]
}

export interface BruteForceRules {
  readonly limits: Readonly<Record<IdentifierKind, number>>
  readonly priorities?: readonly IdentifierKind[]
}

export interface BruteForceOutcome<E> {
  readonly groups: readonly { readonly anchor: string; readonly component: string; readonly members: readonly string[] }[]
  readonly verdicts: readonly { readonly edge: E; readonly state: 'accepted' | 'rejected'; readonly witness: Witness | null }[]
}

/**
 * The rules of who is who, written down once more and as plainly as they can be said, without a line of the solver: lists
 * searched from the start, each edge tried in turn. What the solver says must be what this says.
 */
export function bruteForceSolve<E extends Edge>(
  { identifiers, liveEdges, vetoes }: BruteForceInput<E>, { limits, priorities = identifierKinds }: BruteForceRules,
): BruteForceOutcome<E> {
  const nodes = new Map(identifiers.map((node) => [node.key, node]))
  let groups = identifiers.map(({ key }) => [key])
  const groupOf = (key: string): string[] => groups.find((group) => group.includes(key)) ?? []
  const kindOf = (key: string): IdentifierKind | undefined => nodes.get(key)?.kind
  const place = (key: string): number => priorities.findIndex((kind) => kind === kindOf(key))
  const placeOf = ({ a, b, rank: byHand }: Edge): number => (byHand < 0 ? byHand : Math.max(place(a), place(b)))
  const tried = liveEdges.toSorted((x, y) => before(x, y, placeOf)).map((edge) => {
    const [a, b] = [groupOf(edge.a), groupOf(edge.b)]
    if (a === b) return { edge, witness: null }
    const ofSeveral = [kindOf(edge.a), kindOf(edge.b)].some((kind) => kind === 'external_id' || kind === 'email_alias')
    const witness = (edge.rank < 0 ? null : limitBroken([a, b], { nodes, limits, ofSeveral })) ?? vetoBroken(a, b, vetoes)
    if (witness === null) groups = [...groups.filter((group) => group !== a && group !== b), [...a, ...b]]
    return { edge, witness }
  })
  return {
    verdicts: tried.map(({ edge, witness }) => groupOf(edge.a) === groupOf(edge.b) || witness === null
      ? { edge, state: 'accepted' as const, witness: null } : { edge, state: 'rejected' as const, witness }),
    groups: groups.map((members) => ({
      members: members.toSorted(), component: connectedTo(members, liveEdges).toSorted()[0] ?? '',
      anchor: members.flatMap((key) => nodes.get(key) ?? [])
        .toSorted((x, y) => x.firstReceivedAt - y.firstReceivedAt || rank(x.kind) - rank(y.kind) || text(x.key, y.key))[0]?.key ?? '',
    })),
  }
}

/** An operator's edges first, then what a secret key said, then by the place of the later end's kind, time and keys. */
function before(x: Edge, y: Edge, placeOf: (edge: Edge) => number): number {
  const level = (edge: Edge): number => (edge.rank < 0 ? 0 : edge.firstSeenSecret !== null ? 1 : 2)
  const time = (edge: Edge): number => edge.firstSeenSecret ?? edge.firstSeenPublic ?? 0
  const ends = ({ a, b }: Edge): readonly string[] => [a, b].toSorted()
  return level(x) - level(y) || placeOf(x) - placeOf(y) || time(x) - time(y) || text(ends(x)[0] ?? '', ends(y)[0] ?? '') || text(ends(x)[1] ?? '', ends(y)[1] ?? '')
}

interface LimitInput {
  readonly nodes: ReadonlyMap<string, Node>
  readonly limits: Readonly<Record<IdentifierKind, number>>
  readonly ofSeveral: boolean
}

function limitBroken([a, b]: readonly [readonly string[], readonly string[]], { nodes, limits, ofSeveral }: LimitInput): Witness | null {
  for (const kind of identifierKinds) {
    if (kind === 'email' && ofSeveral) continue
    const namespaces = [...new Set([...nodes.values()].map(({ namespace }) => (kind === 'external_id' ? namespace : '')))].toSorted(text)
    for (const namespace of namespaces) {
      const held = (group: readonly string[]): readonly string[] => group.filter((key) => {
        const node = nodes.get(key)
        return node?.kind === kind && (kind !== 'external_id' || node.namespace === namespace)
      }).toSorted(text)
      const [x, y] = [held(a), held(b)]
      if (x[0] !== undefined && y[0] !== undefined && x.length + y.length > limits[kind]) return { rule: 'limit', kind, a: x[0], b: y[0] }
    }
  }
  return null
}

/** Of several pairs the one with the least end on the side of `a`. */
function vetoBroken(a: readonly string[], b: readonly string[], vetoes: BruteForceInput<Edge>['vetoes']): Witness | null {
  const broken = vetoes.flatMap((veto) => [[veto.a, veto.b], [veto.b, veto.a]] as const)
    .filter(([x, y]) => a.includes(x) && b.includes(y)).toSorted((x, y) => text(x[0], y[0]) || text(x[1], y[1]))[0]
  return broken === undefined ? null : { rule: 'veto', a: broken[0], b: broken[1] }
}

function connectedTo(members: readonly string[], edges: readonly Edge[]): readonly string[] {
  const reached = [...members]
  for (const key of reached) {
    for (const { a, b } of edges) {
      const next = a === key ? b : b === key ? a : key
      if (!reached.includes(next)) reached.push(next)
    }
  }
  return reached
}

function rank(kind: IdentifierKind): number {
  return identifierKinds.indexOf(kind)
}

function text(x: string, y: string): number {
  return x < y ? -1 : x > y ? 1 : 0
}
