import type { EdgeRow, EdgeState, IdentifierKind, IdentifierRow, VetoRow, Witness } from '../ports/identity.ts'
import { identifierKinds } from '../ports/identity.ts'
import { DisjointSets } from './disjoint-sets.ts'
import { compareEdges, compareText } from './edge-order.ts'

export type SolveNode = Pick<IdentifierRow, 'key' | 'kind' | 'namespace' | 'firstReceivedAt'>
export type SolveEdge = Pick<EdgeRow, 'a' | 'b' | 'rank' | 'firstSeenSecret' | 'firstSeenPublic'>

export interface SolveInput<N extends SolveNode, E extends SolveEdge> {
  readonly identifiers: readonly N[]
  /** Not the inert ones; both ends are among the identifiers. */
  readonly liveEdges: readonly E[]
  readonly vetoes: readonly Pick<VetoRow, 'a' | 'b'>[]
}

/** The identifiers of one profile. */
export interface Group<N> {
  readonly anchor: N
  readonly members: readonly N[]
  /** Least key of everything connected to it over live edges. */
  readonly component: string
}

export interface Verdict<E> {
  readonly edge: E
  readonly state: Exclude<EdgeState, 'inert'>
  readonly witness: Witness | null
}

export interface Solution<N, E> {
  readonly groups: readonly Group<N>[]
  readonly verdicts: readonly Verdict<E>[]
}

export interface SolveSettings {
  /** Identifiers a profile may have, by kind; of external ids for each namespace. */
  readonly limits: Readonly<Record<IdentifierKind, number>>
}

/** What a group holds of one limited thing. */
interface Held {
  readonly kind: IdentifierKind
  readonly count: number
  /** Least key, so that a witness does not depend on the order of the input. */
  readonly least: string
}

/**
 * Which identifiers are one profile: Kruskal's algorithm (1956) over the edges in their total order, where an edge that
 * would break a limit or a veto is rejected. A pure function of the sets given; their order does not matter.
 */
export function solve<N extends SolveNode, E extends SolveEdge>(
  input: SolveInput<N, E>, settings: SolveSettings,
): Solution<N, E> {
  const { identifiers, liveEdges } = input
  const indexes = new Map(identifiers.map(({ key }, index) => [key, index]))
  const connected = new DisjointSets(identifiers.length)
  for (const edge of liveEdges) connected.unite(indexOf(indexes, edge.a), indexOf(indexes, edge.b))
  const contested = contestedRoots(input, { indexes, connected }, settings)
  if (contested.size === 0) {
    return { groups: groupsOf(identifiers, connected, connected), verdicts: liveEdges.map((edge) => ({ edge, state: 'accepted', witness: null })) }
  }
  const verdicts: Verdict<E>[] = []
  const disputed: E[] = []
  const solver = new Solver(input, indexes, settings)
  for (const edge of liveEdges) {
    if (contested.has(connected.find(indexOf(indexes, edge.a)))) {
      disputed.push(edge)
      continue
    }
    solver.sets.unite(indexOf(indexes, edge.a), indexOf(indexes, edge.b))
    verdicts.push({ edge, state: 'accepted', witness: null })
  }
  const judged = disputed.sort(compareEdges).map((edge) => solver.judge(edge))
  for (const verdict of judged) verdicts.push(solver.review(verdict))
  return { groups: groupsOf(identifiers, solver.sets, connected), verdicts }
}

function indexOf(indexes: ReadonlyMap<string, number>, key: string): number {
  const index = indexes.get(key)
  if (index === undefined) throw new RangeError(`an edge ends at ${key}, which is not in its component`)
  return index
}

/** What the limit counts together. */
function limitedAs({ kind, namespace }: SolveNode): string {
  return kind === 'external_id' ? `${kind}:${namespace}` : kind
}

/**
 * What is connected but may not be one profile; mostly nothing, and the rest needs no order: everything connected that
 * breaks no limit and no veto is one profile whichever edge comes first.
 */
function contestedRoots(
  { identifiers, vetoes }: SolveInput<SolveNode, SolveEdge>, { indexes, connected }: Connections,
  { limits }: SolveSettings,
): ReadonlySet<number> {
  const counts = new Map<string, number>()
  const contested = new Set<number>()
  identifiers.forEach((node, index) => {
    const root = connected.find(index)
    if (connected.sizeOf(root) <= limits[node.kind]) return
    const what = `${root}:${limitedAs(node)}`
    const count = (counts.get(what) ?? 0) + 1
    counts.set(what, count)
    if (count > limits[node.kind]) contested.add(root)
  })
  for (const { a } of vetoes) {
    const index = indexes.get(a)
    if (index !== undefined) contested.add(connected.find(index))
  }
  return contested
}

interface Connections {
  readonly indexes: ReadonlyMap<string, number>
  readonly connected: DisjointSets
}

class Solver<N extends SolveNode, E extends SolveEdge> {
  readonly sets: DisjointSets
  readonly #identifiers: readonly N[]
  readonly #indexes: ReadonlyMap<string, number>
  readonly #limits: SolveSettings['limits']
  /** Of the number that stands for a set; made when an edge to it is judged. */
  readonly #held = new Map<number, Map<string, Held>>()
  /** Keys in a set that some veto names; most sets have none. */
  readonly #vetoed = new Map<number, readonly string[]>()
  readonly #vetoes = new Map<string, string[]>()

  constructor(
    { identifiers, vetoes }: SolveInput<N, E>, indexes: ReadonlyMap<string, number>, { limits }: SolveSettings,
  ) {
    this.sets = new DisjointSets(identifiers.length)
    this.#identifiers = identifiers
    this.#indexes = indexes
    this.#limits = limits
    for (const { a, b } of vetoes) {
      this.#forbid(a, b)
      this.#forbid(b, a)
    }
  }

  /** Unites what the edge joins, or says what forbids it. */
  judge(edge: E): Verdict<E> {
    const [x, y] = [indexOf(this.#indexes, edge.a), indexOf(this.#indexes, edge.b)]
    const a = this.sets.find(x)
    const b = this.sets.find(y)
    if (a === b) return { edge, state: 'accepted', witness: null }
    const ofAccount = this.#isAccount(x) || this.#isAccount(y)
    const witness = (edge.rank < 0 ? null : this.#limitBroken({ ofAccount }, a, b)) ?? this.#vetoBroken(a, b)
    if (witness !== null) return { edge, state: 'rejected', witness }
    this.#unite(a, b)
    return { edge, state: 'accepted', witness: null }
  }

  /** An edge rejected early whose ends another path united after all contradicts nothing. */
  review(verdict: Verdict<E>): Verdict<E> {
    if (verdict.state === 'accepted') return verdict
    const { a, b } = verdict.edge
    const united = this.sets.find(indexOf(this.#indexes, a)) === this.sets.find(indexOf(this.#indexes, b))
    return united ? { edge: verdict.edge, state: 'accepted', witness: null } : verdict
  }

  #forbid(from: string, to: string): void {
    const index = this.#indexes.get(from)
    if (index === undefined) return
    this.#vetoed.set(index, [from])
    const others = this.#vetoes.get(from)
    if (others === undefined) this.#vetoes.set(from, [to])
    else others.push(to)
  }

  #limitBroken({ ofAccount }: { readonly ofAccount: boolean }, a: number, b: number): Witness | null {
    const heldByA = this.#heldBy(a)
    const heldByB = this.#heldBy(b)
    let broken: { what: string, rank: number, witness: Witness } | null = null
    for (const what of (heldByA.size <= heldByB.size ? heldByA : heldByB).keys()) {
      const x = heldByA.get(what)
      const y = heldByB.get(what)
      if (x === undefined || y === undefined) continue
      // An account may change its address; two guests at one phone are two people.
      if (x.kind === 'email' && ofAccount) continue
      if (x.count + y.count <= this.#limits[x.kind]) continue
      const rank = rankOf(x.kind)
      if (broken !== null && (broken.rank - rank || compareText(broken.what, what)) < 0) continue
      broken = { what, rank, witness: { rule: 'limit', kind: x.kind, a: x.least, b: y.least } }
    }
    return broken?.witness ?? null
  }

  #heldBy(root: number): Map<string, Held> {
    const known = this.#held.get(root)
    if (known !== undefined) return known
    const held = new Map<string, Held>()
    const node = this.#identifiers[root]
    if (node !== undefined) held.set(limitedAs(node), { kind: node.kind, count: 1, least: node.key })
    this.#held.set(root, held)
    return held
  }

  #isAccount(index: number): boolean {
    return this.#identifiers[index]?.kind === 'external_id'
  }

  #vetoBroken(a: number, b: number): Witness | null {
    let broken: Witness | null = null
    for (const x of this.#vetoed.get(a) ?? []) {
      for (const y of this.#vetoes.get(x) ?? []) {
        const index = this.#indexes.get(y)
        if (index === undefined || this.sets.find(index) !== b) continue
        if (broken !== null && (compareText(broken.a, x) || compareText(broken.b, y)) < 0) continue
        broken = { rule: 'veto', a: x, b: y }
      }
    }
    return broken
  }

  #unite(a: number, b: number): void {
    const into = this.sets.unite(a, b)
    const from = into === a ? b : a
    const held = this.#heldBy(into)
    for (const [what, { kind, count, least }] of this.#heldBy(from)) {
      const before = held.get(what)
      held.set(what, before === undefined
        ? { kind, count, least }
        : { kind, count: before.count + count, least: before.least < least ? before.least : least })
    }
    const vetoed = this.#vetoed.get(from)
    if (vetoed !== undefined) this.#vetoed.set(into, [...this.#vetoed.get(into) ?? [], ...vetoed])
  }
}

function rankOf(kind: IdentifierKind): number {
  return identifierKinds.indexOf(kind)
}

/** Whether `x` anchors rather than `y`: known longer by the receiver's clock, which nobody can forge; then stronger. */
export function anchorsBefore(x: SolveNode, y: SolveNode): boolean {
  return (x.firstReceivedAt - y.firstReceivedAt || rankOf(x.kind) - rankOf(y.kind) || compareText(x.key, y.key)) < 0
}

function groupsOf<N extends SolveNode>(
  identifiers: readonly N[], sets: DisjointSets, connected: DisjointSets,
): readonly Group<N>[] {
  const labels = new Map<number, string>()
  const groups = new Map<number, { anchor: N, members: N[] }>()
  identifiers.forEach((node, index) => {
    const connection = connected.find(index)
    const label = labels.get(connection)
    if (label === undefined || node.key < label) labels.set(connection, node.key)
    const root = sets.find(index)
    const group = groups.get(root)
    if (group === undefined) {
      groups.set(root, { anchor: node, members: [node] })
      return
    }
    group.members.push(node)
    if (anchorsBefore(node, group.anchor)) group.anchor = node
  })
  return [...groups.entries()].map(([root, { anchor, members }]) =>
    ({ anchor, members, component: labels.get(connected.find(root)) ?? anchor.key }))
}
