import type { EdgeRow, EdgeState, IdentifierKind, IdentifierRow, VetoRow, Witness } from '../ports/identity.ts'
import { identifierKinds } from '../ports/identity.ts'
import { DisjointSets } from './disjoint-sets.ts'
import { compareText } from './edge-order.ts'
import { sortEdges } from './sort-edges.ts'

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
  /** Which kinds' evidence is taken first; by trust where it is left out. */
  readonly priorities?: readonly IdentifierKind[]
}

/** What a group holds of one limited thing. */
interface Held {
  /** Number of the limited thing, see {@link Limited}. */
  readonly what: number
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
  const indexes = new Map<string, number>()
  identifiers.forEach(({ key }, index) => indexes.set(key, index))
  const ends = endsOf(liveEdges, indexes)
  const connected = new DisjointSets(identifiers.length)
  for (let at = 0; at < liveEdges.length; at += 1) connected.unite(ends.a[at] ?? 0, ends.b[at] ?? 0)
  const limited = new Limited(identifiers, settings)
  const contested = contestedRoots(input, { indexes, connected, limited })
  if (contested.size === 0) {
    return { groups: groupsOf(identifiers, connected, connected), verdicts: liveEdges.map((edge) => ({ edge, state: 'accepted', witness: null })) }
  }
  const solver = new Solver(input, { indexes, ends, limited })
  const disputed: number[] = []
  liveEdges.forEach((_, at) => {
    if (contested.has(connected.find(ends.a[at] ?? 0))) disputed.push(at)
    else solver.sets.unite(ends.a[at] ?? 0, ends.b[at] ?? 0)
  })
  const rejected = new Map<number, Witness>()
  for (const at of sortEdges(ranked(liveEdges, identifiers, { ends, priorities: settings.priorities }), disputed)) {
    const witness = solver.judge(at)
    if (witness !== null) rejected.set(at, witness)
  }
  return {
    groups: groupsOf(identifiers, solver.sets, connected),
    verdicts: liveEdges.map((edge, at): Verdict<E> => {
      const witness = rejected.get(at)
      // An edge rejected early whose ends another path united after all contradicts nothing.
      if (witness === undefined || solver.joins(at)) return { edge, state: 'accepted', witness: null }
      return { edge, state: 'rejected', witness }
    }),
  }
}

/** Places of the edges' ends among the identifiers. */
interface Ends {
  readonly a: Int32Array
  readonly b: Int32Array
}

function endsOf(edges: readonly SolveEdge[], indexes: ReadonlyMap<string, number>): Ends {
  const ends = { a: new Int32Array(edges.length), b: new Int32Array(edges.length) }
  edges.forEach((edge, at) => {
    ends.a[at] = indexOf(indexes, edge.a)
    ends.b[at] = indexOf(indexes, edge.b)
  })
  return ends
}

/** The edges for their total order, ranked by the workspace's own order of kinds where it has one. */
function ranked(edges: readonly SolveEdge[], nodes: readonly SolveNode[], { ends, priorities = identifierKinds }: { readonly ends: Ends; readonly priorities?: readonly IdentifierKind[] | undefined }): readonly SolveEdge[] {
  if (priorities.every((kind, place) => kind === identifierKinds[place])) return edges
  const placeOf = (index = 0): number => priorities.indexOf(nodes[index]?.kind ?? 'checkout')
  return edges.map((edge, at) => ({ ...edge, rank: edge.rank < 0 ? edge.rank : Math.max(placeOf(ends.a[at]), placeOf(ends.b[at])) }))
}

function indexOf(indexes: ReadonlyMap<string, number>, key: string): number {
  const index = indexes.get(key)
  if (index === undefined) throw new RangeError(`an edge ends at ${key}, which is not in its component`)
  return index
}

/** What limits count together, as small numbers: a kind, or the external ids of one namespace. */
class Limited {
  readonly #ofNode: Int32Array
  readonly #kinds: IdentifierKind[] = [...identifierKinds]
  readonly #namespaces = [...identifierKinds].map(() => '')
  readonly #limits: SolveSettings['limits']

  constructor(nodes: readonly SolveNode[], { limits }: SolveSettings) {
    this.#limits = limits
    this.#ofNode = new Int32Array(nodes.length)
    const ofNamespace = new Map([['', rankOf('external_id')]])
    nodes.forEach(({ kind, namespace }, index) => {
      this.#ofNode[index] = kind === 'external_id' ? this.#ofAccount(namespace, ofNamespace) : rankOf(kind)
    })
  }

  get size(): number {
    return this.#kinds.length
  }

  of(index: number): number {
    return this.#ofNode[index] ?? 0
  }

  kindOf(what: number): IdentifierKind {
    return this.#kinds[what] ?? 'checkout'
  }

  limitOf(what: number): number {
    return this.#limits[this.kindOf(what)]
  }

  /** Whether a witness names `x` rather than `y`: the stronger kind, then the lesser namespace. */
  isBefore(x: number, y: number): boolean {
    return (rankOf(this.kindOf(x)) - rankOf(this.kindOf(y)) || compareText(this.#namespaces[x] ?? '', this.#namespaces[y] ?? '')) < 0
  }

  #ofAccount(namespace: string, ofNamespace: Map<string, number>): number {
    const known = ofNamespace.get(namespace)
    if (known !== undefined) return known
    const what = this.#kinds.push('external_id') - 1
    this.#namespaces.push(namespace)
    ofNamespace.set(namespace, what)
    return what
  }
}

interface Connections {
  readonly indexes: ReadonlyMap<string, number>
  readonly connected: DisjointSets
  readonly limited: Limited
}

/**
 * What is connected but may not be one profile; mostly nothing, and the rest needs no order: everything connected that
 * breaks no limit and no veto is one profile whichever edge comes first.
 */
function contestedRoots(
  { identifiers, vetoes }: SolveInput<SolveNode, SolveEdge>, { indexes, connected, limited }: Connections,
): ReadonlySet<number> {
  const counts = new Map<number, number>()
  const contested = new Set<number>()
  for (let index = 0; index < identifiers.length; index += 1) {
    const root = connected.find(index)
    const what = limited.of(index)
    if (connected.sizeOf(root) <= limited.limitOf(what)) continue
    const place = root * limited.size + what
    const count = (counts.get(place) ?? 0) + 1
    counts.set(place, count)
    if (count > limited.limitOf(what)) contested.add(root)
  }
  for (const { a } of vetoes) {
    const index = indexes.get(a)
    if (index !== undefined) contested.add(connected.find(index))
  }
  return contested
}

class Solver {
  readonly sets: DisjointSets
  readonly #identifiers: readonly SolveNode[]
  readonly #indexes: ReadonlyMap<string, number>
  readonly #edges: readonly SolveEdge[]
  readonly #ends: Ends
  readonly #limited: Limited
  /** Of the number that stands for a set, a few things each; made when an edge to it is judged. */
  readonly #held: (Held[] | undefined)[]
  /** Keys in a set that some veto names; most sets have none. */
  readonly #vetoed = new Map<number, readonly string[]>()
  readonly #vetoes = new Map<string, string[]>()

  constructor(
    { identifiers, liveEdges, vetoes }: SolveInput<SolveNode, SolveEdge>,
    { indexes, ends, limited }: { readonly indexes: ReadonlyMap<string, number>; readonly ends: Ends; readonly limited: Limited },
  ) {
    this.sets = new DisjointSets(identifiers.length)
    this.#identifiers = identifiers
    this.#indexes = indexes
    this.#edges = liveEdges
    this.#ends = ends
    this.#limited = limited
    this.#held = Array.from({ length: identifiers.length })
    for (const { a, b } of vetoes) {
      this.#forbid(a, b)
      this.#forbid(b, a)
    }
  }

  /** Unites what the edge joins, or says what forbids it. */
  judge(at: number): Witness | null {
    const [x, y] = [this.#ends.a[at] ?? 0, this.#ends.b[at] ?? 0]
    const a = this.sets.find(x)
    const b = this.sets.find(y)
    if (a === b) return null
    const byHand = (this.#edges[at]?.rank ?? 0) < 0
    const ofSeveral = this.#hasSeveralAddresses(x) || this.#hasSeveralAddresses(y)
    const witness = (byHand ? null : this.#limitBroken({ ofSeveral }, a, b)) ?? this.#vetoBroken(a, b)
    if (witness === null) this.#unite(a, b)
    return witness
  }

  /** Whether both ends of the edge are in one set. */
  joins(at: number): boolean {
    return this.sets.find(this.#ends.a[at] ?? 0) === this.sets.find(this.#ends.b[at] ?? 0)
  }

  #forbid(from: string, to: string): void {
    const index = this.#indexes.get(from)
    if (index === undefined) return
    this.#vetoed.set(index, [from])
    const others = this.#vetoes.get(from)
    if (others === undefined) this.#vetoes.set(from, [to])
    else others.push(to)
  }

  #limitBroken({ ofSeveral }: { readonly ofSeveral: boolean }, a: number, b: number): Witness | null {
    let broken: { readonly what: number; readonly witness: Witness } | null = null
    const ofB = this.#heldBy(b)
    for (const { what, count, least } of this.#heldBy(a)) {
      const other = ofB.find((held) => held.what === what)
      if (other === undefined || count + other.count <= this.#limited.limitOf(what)) continue
      const kind = this.#limited.kindOf(what)
      // An account may change its address, a mailbox has several; two guests at one phone are two people.
      if (kind === 'email' && ofSeveral) continue
      if (broken !== null && this.#limited.isBefore(broken.what, what)) continue
      broken = { what, witness: { rule: 'limit', kind, a: least, b: other.least } }
    }
    return broken?.witness ?? null
  }

  #heldBy(root: number): Held[] {
    const known = this.#held[root]
    if (known !== undefined) return known
    const held = [{ what: this.#limited.of(root), count: 1, least: this.#identifiers[root]?.key ?? '' }]
    this.#held[root] = held
    return held
  }

  #hasSeveralAddresses(index: number): boolean {
    const kind = this.#identifiers[index]?.kind
    return kind === 'external_id' || kind === 'email_alias'
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
    const [heldByA, heldByB] = [this.#heldBy(a), this.#heldBy(b)]
    const into = this.sets.unite(a, b)
    const from = into === a ? b : a
    const held = into === a ? heldByA : heldByB
    for (const { what, count, least } of into === a ? heldByB : heldByA) {
      const place = held.findIndex((one) => one.what === what)
      const before = held[place]
      if (before === undefined) held.push({ what, count, least })
      else held[place] = { what, count: before.count + count, least: before.least < least ? before.least : least }
    }
    this.#held[from] = undefined
    const vetoed = this.#vetoed.get(from)
    if (vetoed !== undefined) this.#vetoed.set(into, [...this.#vetoed.get(into) ?? [], ...vetoed])
  }
}

const ranks = new Map(identifierKinds.map((kind, rank) => [kind, rank]))

function rankOf(kind: IdentifierKind): number {
  return ranks.get(kind) ?? identifierKinds.length
}

/** Whether `x` anchors rather than `y`: known longer by the receiver's clock, which nobody can forge; then stronger. */
export function anchorsBefore(x: Omit<SolveNode, 'namespace'>, y: Omit<SolveNode, 'namespace'>): boolean {
  return (x.firstReceivedAt - y.firstReceivedAt || rankOf(x.kind) - rankOf(y.kind) || compareText(x.key, y.key)) < 0
}

function groupsOf<N extends SolveNode>(
  identifiers: readonly N[], sets: DisjointSets, connected: DisjointSets,
): readonly Group<N>[] {
  const labels: (string | undefined)[] = Array.from({ length: identifiers.length })
  const ofRoot: ({ anchor: N, members: N[] } | undefined)[] = Array.from({ length: identifiers.length })
  const groups: { readonly connection: number, anchor: N, readonly members: N[] }[] = []
  identifiers.forEach((node, index) => {
    const connection = connected.find(index)
    const label = labels[connection]
    if (label === undefined || node.key < label) labels[connection] = node.key
    const root = sets.find(index)
    const group = ofRoot[root]
    if (group === undefined) {
      const made = { connection, anchor: node, members: [node] }
      ofRoot[root] = made
      groups.push(made)
      return
    }
    group.members.push(node)
    if (anchorsBefore(node, group.anchor)) group.anchor = node
  })
  return groups.map(({ connection, anchor, members }) => ({ anchor, members, component: labels[connection] ?? anchor.key }))
}
