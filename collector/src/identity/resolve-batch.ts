import type { EdgeRow, IdentifierRow, IdentityChanges, IdentityReader, VetoRow } from '../ports/identity.ts'
import { EvidenceGraph, type Tracked } from './evidence-graph.ts'
import { edgeId, type Evidence, type GatheredEvidence, gatherEvidence, type VetoChange } from './gather-evidence.ts'
import type { IdentitySettings } from './identity-settings.ts'
import { profileChanges, type SolvedProfile } from './profile-changes.ts'
import { profileIdOf } from './profile-id.ts'
import { settleLiveness } from './settle-liveness.ts'
import { type Group, type Solution, solve, type Verdict } from './solve.ts'

export interface ResolveContext {
  readonly settings: IdentitySettings
  /** Secret key of profile ids; never rotates. */
  readonly identityKey: Uint8Array
}

export interface ResolveInput {
  readonly evidence: readonly Evidence[]
  /** In the order they were decided in: of two of one pair the later one counts. */
  readonly vetoes?: readonly VetoChange[]
}

export interface Resolution {
  readonly changes: IdentityChanges
  /** The profile of an identifier that the batch carries; throws RangeError for any other. */
  profileOf(identifierKey: string): string
}

/**
 * What a batch of evidence changes. Reads identifiers, edges and, where an edge is new or earlier than known, whole
 * components and profiles: at most five times a workspace, whatever the batch holds. The outcome does not depend on
 * the order of the evidence, nor on where it was cut into batches.
 */
export async function resolveBatch(
  reader: IdentityReader, { evidence, vetoes = [] }: ResolveInput, context: ResolveContext,
): Promise<Resolution> {
  const changes = { identifiers: [], edges: [], profiles: [], merges: [], overrides: [], pointings: [], vetoes: [], liftedVetoes: [] }
  const graphs: EvidenceGraph[] = []
  for (const gathered of gatherEvidence(evidence, vetoes)) {
    const graph = new EvidenceGraph(gathered.workspace)
    await resolveWorkspace(graph, { reader, gathered, changes }, context)
    graphs.push(graph)
  }
  return { changes, profileOf: (key) => profileIn(graphs, key) }
}

function profileIn(graphs: readonly EvidenceGraph[], key: string): string {
  for (const graph of graphs) {
    const tracked = graph.identifiers.get(key)
    if (tracked !== undefined) return tracked.now.profileId
  }
  throw new RangeError(`identifier ${key} is not in the batch`)
}

interface Work {
  readonly reader: IdentityReader
  readonly gathered: GatheredEvidence
  readonly changes: { [List in keyof IdentityChanges]: IdentityChanges[List][number][] }
}

async function resolveWorkspace(
  graph: EvidenceGraph, { reader, gathered, changes }: Work, context: ResolveContext,
): Promise<void> {
  await graph.absorb(reader, gathered)
  for (const veto of gathered.vetoes.values()) changes[veto.lifted ? 'liftedVetoes' : 'vetoes'].push(vetoRow(veto))
  if (graph.moved.length > 0) await settleLiveness(graph, reader, context.settings)
  if (graph.seeds.size > 0) {
    const region = await loadRegion(graph, reader, gathered)
    const solution = solve(region, context.settings)
    for (const verdict of solution.verdicts) applyVerdict(graph, verdict)
    const solved = applyGroups(graph, solution, context.identityKey)
    const { profiles, merges, overrides } = await profileChanges(graph, reader, solved)
    for (const row of profiles) changes.profiles.push(row)
    for (const row of merges) changes.merges.push(row)
    for (const row of overrides) changes.overrides.push(row)
  }
  for (const { before, now } of graph.identifiers.values()) {
    if (now === before) continue
    changes.identifiers.push(now)
    if (before?.profileId === now.profileId) continue
    changes.pointings.push({ workspace: now.workspace, identifierKey: now.key, profileId: now.profileId, version: now.version })
  }
  for (const { before, now } of graph.edges.values()) if (now !== before) changes.edges.push(now)
}

interface Region {
  readonly identifiers: readonly IdentifierRow[]
  readonly liveEdges: readonly EdgeRow[]
  readonly vetoes: readonly VetoRow[]
}

/** Everything connected to a seed over live edges, accepted and rejected: a rejected edge may find a place now. */
async function loadRegion(graph: EvidenceGraph, reader: IdentityReader, gathered: GatheredEvidence): Promise<Region> {
  const labels = new Set<string>()
  const keys = new Set<string>()
  for (const key of graph.seeds.keys()) {
    // A seed that is not loaded hangs on one that is and has its label.
    const tracked = graph.identifiers.get(key)
    if (tracked === undefined) continue
    keys.add(key)
    if (tracked.before !== null) labels.add(tracked.before.component)
  }
  const edges = new Set(graph.moved.map(({ edge }) => edge))
  const liveEdges: EdgeRow[] = []
  let vetoes: readonly VetoRow[] = []
  if (labels.size > 0) {
    const loaded = await reader.components(graph.workspace, [...labels])
    vetoes = loaded.vetoes
    for (const row of loaded.identifiers) {
      graph.addIdentifier(row)
      keys.add(row.key)
    }
    // Most of a large component is no part of the batch, and is tracked only where its verdict changes.
    const ends = new Set<string>()
    for (const { now } of graph.edges.values()) ends.add(now.b)
    for (const row of loaded.liveEdges) {
      const tracked = ends.has(row.b) ? graph.edges.get(edgeId(row.a, row.b)) : undefined
      if (tracked === undefined) liveEdges.push(row)
      else edges.add(tracked)
    }
  }
  for (const { now } of edges) if (now.state !== 'inert') liveEdges.push(now)
  return { identifiers: [...keys].map((key) => graph.identifier(key).now), liveEdges, vetoes: vetoesNow(vetoes, gathered) }
}

/** The stored vetoes and those of the batch, without those that the batch lifts. */
function vetoesNow(stored: readonly VetoRow[], { vetoes }: GatheredEvidence): readonly VetoRow[] {
  if (vetoes.size === 0) return stored
  const kept = stored.filter(({ a, b }) => !vetoes.has(edgeId(a, b)))
  return [...kept, ...[...vetoes.values()].filter(({ lifted }) => !lifted).map(vetoRow)]
}

function vetoRow({ workspace, a, b, at }: VetoChange): VetoRow {
  return { workspace, a, b, createdAt: at }
}

function applyVerdict(graph: EvidenceGraph, { edge, state, witness }: Verdict<EdgeRow>): void {
  const same = edge.state === state && edge.witness?.rule === witness?.rule && edge.witness?.kind === witness?.kind &&
    edge.witness?.a === witness?.a && edge.witness?.b === witness?.b
  if (same) return
  const tracked = graph.addEdge(edge)
  tracked.now = { ...tracked.now, state, witness }
}

/** Points every identifier of the solution at its profile. */
function applyGroups(
  graph: EvidenceGraph, { groups }: Solution<IdentifierRow, EdgeRow>, identityKey: Uint8Array,
): readonly SolvedProfile[] {
  const evidence = evidenceByComponent(graph, groups)
  const solved: SolvedProfile[] = []
  for (const group of groups) {
    const id = profileIdOf(graph.workspace, group.anchor.key, identityKey)
    const members = group.members.map(({ key }) => graph.identifier(key))
    for (const member of members) pointAt(member, id, group.component)
    const reason = evidence.get(group.component)
    // What was loaded beside a seed but hangs on none stays as it was.
    if (reason !== undefined) solved.push({ id, group, members, evidence: reason })
  }
  return solved
}

function pointAt(member: Tracked<IdentifierRow>, profileId: string, component: string): void {
  const { now } = member
  if (now.profileId === profileId && now.component === component) return
  member.now = { ...now, profileId, component, version: now.profileId === profileId ? now.version : now.version + 1 }
}

function evidenceByComponent(
  graph: EvidenceGraph, groups: readonly Group<IdentifierRow>[],
): ReadonlyMap<string, Evidence> {
  const evidence = new Map<string, Evidence>()
  for (const { component, members } of groups) {
    for (const { key } of members) {
      const reason = graph.seeds.get(key)
      if (reason !== undefined && !evidence.has(component)) evidence.set(component, reason)
    }
  }
  return evidence
}
