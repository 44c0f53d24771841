import type { Composition, IdentifierRow, ProfileRow } from '../ports/identity.ts'
import { anchorOf, isWithin, limitedAs, limitOf, sumOfCounts } from './composition.ts'
import { DisjointSets } from './disjoint-sets.ts'
import type { EvidenceGraph, Tracked } from './evidence-graph.ts'
import type { Evidence } from './gather-evidence.ts'
import type { IdentitySettings } from './identity-settings.ts'
import type { SolvedProfile, StoredProfiles } from './profile-changes.ts'
import { profileIdOf } from './profile-id.ts'
import { anchorsBefore } from './solve.ts'

/** A stored profile that the batch touches, or a new identifier. */
interface Part {
  readonly seeds: Tracked<IdentifierRow>[]
  /** Null for a new identifier. */
  readonly stored: { readonly profileId: string; readonly component: string } | null
}

/** A part that is all of its component. */
interface WholePart extends Part {
  readonly row: ProfileRow | null
  readonly anchor: Composition['anchor']
  readonly counts: Readonly<Record<string, number>>
}

/** Parts that are one profile from now on, none of whose choices hangs on the order of its edges. */
interface Join {
  readonly parts: readonly WholePart[]
  readonly id: string
  readonly component: string
  readonly composition: Composition
  readonly evidence: Evidence
}

export interface JoinPlan {
  readonly joins: readonly Join[]
  /** Components whose identifiers come to point elsewhere: the only ones that have to be read. */
  readonly moving: ReadonlySet<string>
  /** Seeds of which none can be said but by solving everything connected to them. */
  readonly rest: ReadonlySet<string>
}

interface PlanContext {
  readonly settings: IdentitySettings
  readonly identityKey: Uint8Array
}

/**
 * Finds what can be united without solving it again: exact, and the cost is what moves, however large the profiles are.
 * Parts that are whole (see {@link Composition}) stay whole under new edges when
 * - all that the edges connect is within every limit: nothing can be rejected, whatever the order; or
 * - new identifiers hang on one stored profile like leaves, and what there is of their kinds is within the limit: no choice
 *   among the other edges hangs on them, and nothing speaks against them.
 */
export async function planJoins(graph: EvidenceGraph, stored: StoredProfiles, { settings, identityKey }: PlanContext): Promise<JoinPlan> {
  const { parts, placeOf } = partsOf(graph)
  await stored.read(parts.flatMap((part) => part.stored?.profileId ?? []))
  const sets = new DisjointSets(parts.length)
  const edges: (readonly [number, number])[] = []
  for (const { edge: { now } } of graph.moved) {
    if (now.state === 'inert') continue
    const [a, b] = [placeOf.get(now.a), placeOf.get(now.b)]
    if (a === undefined || b === undefined) throw new RangeError('an edge of the batch ends outside of it')
    edges.push([a, b])
    sets.unite(a, b)
  }
  const plan = { joins: new Array<Join>(), moving: new Set<string>(), rest: new Set<string>() }
  const edgesIn = Map.groupBy(edges, ([a]) => sets.find(a))
  for (const [root, members] of Map.groupBy(parts, (_, place) => sets.find(place))) {
    const whole = wholeParts(members, { graph, stored, settings })
    const join = whole.length < members.length ? null
      : joinOf(whole, { workspace: graph.workspace, seeds: graph.seeds, settings, identityKey, isTree: isTree(edgesIn.get(root) ?? [], members.length) })
    if (join === null) {
      for (const { seeds } of members) for (const { now } of seeds) plan.rest.add(now.key)
      continue
    }
    plan.joins.push(join)
    for (const { stored: part } of join.parts) if (part !== null && moves(part, join)) plan.moving.add(part.component)
  }
  return plan
}

/** Points the identifiers of each join at its profile; those of the parts that move have been loaded. */
export function applyJoins(graph: EvidenceGraph, { joins, moving }: JoinPlan, point: (member: Tracked<IdentifierRow>, join: Join) => void): readonly SolvedProfile[] {
  const loaded = moving.size === 0 ? new Map<string, Tracked<IdentifierRow>[]>()
    : Map.groupBy([...graph.identifiers.values()].filter(({ before }) => before !== null), ({ before }) => before?.component ?? '')
  return joins.map((join) => {
    const members = new Set<Tracked<IdentifierRow>>()
    let createdAt = Infinity
    for (const { seeds, stored, row } of join.parts) {
      for (const seed of seeds) members.add(seed)
      if (row !== null) createdAt = Math.min(createdAt, row.createdAt)
      if (stored !== null && moves(stored, join)) for (const member of loaded.get(stored.component) ?? []) members.add(member)
    }
    for (const member of members) {
      createdAt = Math.min(createdAt, member.now.firstSeen)
      point(member, join)
    }
    const { id, composition, evidence } = join
    return { id, anchorKey: composition.anchor.key, members: [...members], createdAt, composition, isComposedAsBefore: false, evidence }
  })
}

/** The seeds by the stored profile they are of; each new identifier on its own. */
function partsOf(graph: EvidenceGraph): { readonly parts: readonly Part[]; readonly placeOf: ReadonlyMap<string, number> } {
  const parts: Part[] = []
  const placeOf = new Map<string, number>()
  const ofProfile = new Map<string, number>()
  for (const key of graph.seeds.keys()) {
    // A seed that is not loaded hangs on one that is, and both are loosened.
    const seed = graph.identifiers.get(key)
    if (seed === undefined) continue
    const known = seed.before === null ? undefined : ofProfile.get(seed.before.profileId)
    const place = known ?? parts.push({ seeds: [], stored: seed.before }) - 1
    parts[place]?.seeds.push(seed)
    placeOf.set(key, place)
    if (seed.before !== null) ofProfile.set(seed.before.profileId, place)
  }
  return { parts, placeOf }
}

interface WholeContext extends Pick<PlanContext, 'settings'> {
  readonly graph: EvidenceGraph
  readonly stored: StoredProfiles
}

function wholeParts(parts: readonly Part[], context: WholeContext): readonly WholePart[] {
  const whole: WholePart[] = []
  for (const part of parts) {
    const one = wholePart(part, context)
    if (one !== null) whole.push(one)
  }
  return whole
}

function wholePart(part: Part, { graph, stored: { rows }, settings }: WholeContext): WholePart | null {
  if (part.seeds.some(({ now }) => graph.loosened.has(now.key))) return null
  const row = part.stored === null ? null : rows.get(part.stored.profileId)
  const composition = row?.composition
  if (row !== null && composition === null || row === undefined) return null
  if (composition != null && composition.settings !== settings.version) return null
  let anchor = composition?.anchor
  // Times only ever get earlier: what the batch made earlier may anchor now, and nothing else.
  for (const { now } of part.seeds) if (anchor === undefined || anchorsBefore(now, anchor)) anchor = now
  if (anchor === undefined) return null
  const [seed] = part.seeds
  const counts = composition?.counts ?? (seed === undefined ? {} : { [limitedAs(seed.now)]: 1 })
  return { seeds: part.seeds, stored: part.stored, row, anchor, counts }
}

/** Whether so many edges connect so many parts without one to spare. */
function isTree(edges: readonly (readonly [number, number])[], parts: number): boolean {
  return edges.length === parts - 1 && edges.every(([a, b]) => a !== b)
}

interface JoinContext extends PlanContext {
  readonly workspace: number
  readonly seeds: ReadonlyMap<string, Evidence>
  readonly isTree: boolean
}

/** Null where the order of the edges may matter. */
function joinOf(parts: readonly WholePart[], { workspace, seeds, settings, identityKey, isTree }: JoinContext): Join | null {
  const [first] = parts
  const evidence = seeds.get(first?.seeds[0]?.now.key ?? '')
  if (first === undefined || evidence === undefined) return null
  let anchoring = first
  let component = componentOf(first)
  for (const part of parts) {
    if (anchorsBefore(part.anchor, anchoring.anchor)) anchoring = part
    if (componentOf(part) < component) component = componentOf(part)
  }
  const counts = sumOfCounts(parts)
  if (!isWithin(counts, settings.limits)) {
    const leaves = parts.filter(({ stored }) => stored === null)
    const hang = isTree && leaves.length === parts.length - 1
    if (!hang || leaves.some((leaf) => Object.keys(leaf.counts).some((what) => (counts[what] ?? 0) > limitOf(what, settings.limits)))) return null
  }
  const { anchor, row } = anchoring
  const id = row !== null && row.composition?.anchor.key === anchor.key ? row.id : profileIdOf(workspace, anchor.key, identityKey)
  return { parts, id, component, composition: { anchor: anchorOf(anchor), counts, settings: settings.version }, evidence }
}

function componentOf({ stored, anchor }: WholePart): string {
  return stored?.component ?? anchor.key
}

function moves({ profileId, component }: NonNullable<Part['stored']>, to: Pick<Join, 'id' | 'component'>): boolean {
  return profileId !== to.id || component !== to.component
}
