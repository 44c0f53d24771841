import type { EdgeRow, IdentifierRow, IdentityChanges, IdentityReader, VetoRow } from '../ports/identity.ts'
import { compositionOf } from './composition.ts'
import { EvidenceGraph, type Tracked } from './evidence-graph.ts'
import { edgeId, type Evidence, type GatheredEvidence, gatherEvidence, type VetoChange } from './gather-evidence.ts'
import type { IdentitySettings, SettingsOf } from './identity-settings.ts'
import { applyJoins, type JoinPlan, planJoins } from './join-whole.ts'
import { profileChanges, type SolvedProfile, StoredProfiles } from './profile-changes.ts'
import { profileIdOf } from './profile-id.ts'
import { settleLiveness } from './settle-liveness.ts'
import { type Group, type Solution, solve, type Verdict } from './solve.ts'

export interface ResolveContext {
  readonly settings: IdentitySettings
  /** Where workspaces have rules of their own. */
  readonly settingsOf?: SettingsOf
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
  /** Identifiers of each component that was solved again from all its evidence. */
  readonly solvedIdentifiers: readonly number[]
  /** The profile of an identifier that the batch carries; throws RangeError for any other. */
  profileOf(identifierKey: string): string
}

/**
 * What a batch of evidence changes. Reads identifiers, edges and, where an edge is new or earlier than known, profiles and
 * those components whose people may change: at most six times a workspace, whatever the batch holds. The outcome does not
 * depend on the order of the evidence, nor on where it was cut into batches.
 */
export async function resolveBatch(
  reader: IdentityReader, { evidence, vetoes = [] }: ResolveInput, context: ResolveContext,
): Promise<Resolution> {
  const changes = noChanges()
  const graphs: EvidenceGraph[] = []
  const solvedIdentifiers: number[] = []
  for (const gathered of gatherEvidence(evidence, vetoes)) {
    const graph = new EvidenceGraph(gathered.workspace)
    await resolveWorkspace(graph, { reader, gathered, changes, solvedIdentifiers }, { ...context, settings: context.settingsOf?.(gathered.workspace) ?? context.settings })
    graphs.push(graph)
  }
  return { changes, solvedIdentifiers, profileOf: (key) => profileIn(graphs, key) }
}

function profileIn(graphs: readonly EvidenceGraph[], key: string): string {
  for (const graph of graphs) {
    const tracked = graph.identifiers.get(key)
    if (tracked !== undefined) return tracked.now.profileId
  }
  throw new RangeError(`identifier ${key} is not in the batch`)
}

type Changes = { [List in keyof IdentityChanges]: IdentityChanges[List][number][] }

export function noChanges(): Changes {
  return { identifiers: [], edges: [], profiles: [], merges: [], overrides: [], pointings: [], vetoes: [], liftedVetoes: [] }
}

interface Work {
  readonly reader: IdentityReader
  readonly gathered: GatheredEvidence
  readonly changes: Changes
  readonly solvedIdentifiers: number[]
}

async function resolveWorkspace(
  graph: EvidenceGraph, { reader, gathered, changes, solvedIdentifiers }: Work, context: ResolveContext,
): Promise<void> {
  await graph.absorb(reader, gathered)
  for (const veto of gathered.vetoes.values()) changes[veto.lifted ? 'liftedVetoes' : 'vetoes'].push(vetoRow(veto))
  if (graph.moved.length > 0) await settleLiveness(graph, reader, context.settings)
  await solveSeeds(graph, { reader, gathered, changes, solvedIdentifiers }, context)
}

/** Solves what is connected to the seeds again and collects everything that changed. */
export async function solveSeeds(
  graph: EvidenceGraph, { reader, gathered, changes, solvedIdentifiers }: Pick<Work, 'reader' | 'changes' | 'solvedIdentifiers'> & { readonly gathered: Pick<GatheredEvidence, 'vetoes'> },
  context: ResolveContext,
): Promise<void> {
  if (graph.seeds.size > 0) {
    const stored = new StoredProfiles(graph, reader)
    const plan = await planJoins(graph, stored, context)
    const region = await loadRegion(graph, { reader, gathered, plan })
    const joined = applyJoins(graph, plan, (member, { id, component }) => pointAt(member, id, component))
    const solution = solve(region, context.settings)
    for (const groups of Map.groupBy(solution.groups, ({ component }) => component).values()) {
      solvedIdentifiers.push(groups.reduce((sum, { members }) => sum + members.length, 0))
    }
    for (const verdict of solution.verdicts) applyVerdict(graph, verdict)
    const solved = applyGroups(graph, { solution, vetoes: region.vetoes }, context)
    const { profiles, merges, overrides } = await profileChanges(graph, stored, [...joined, ...solved])
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

interface RegionInput extends Pick<Work, 'reader'> {
  readonly gathered: Pick<GatheredEvidence, 'vetoes'>
  readonly plan: JoinPlan
}

/**
 * Everything connected over live edges, accepted and rejected, to a seed that cannot simply be joined: a rejected edge may
 * find a place now. Reads with it the identifiers of what moves by being joined.
 */
async function loadRegion(graph: EvidenceGraph, { reader, gathered, plan: { moving, rest } }: RegionInput): Promise<Region> {
  const labels = new Set(moving)
  const keys = new Set<string>()
  for (const key of graph.seeds.keys()) {
    if (!rest.has(key)) continue
    keys.add(key)
    const { before } = graph.identifier(key)
    if (before !== null) labels.add(before.component)
  }
  const liveEdges: EdgeRow[] = []
  let vetoes: readonly VetoRow[] = []
  const edges = new Set<Tracked<EdgeRow>>()
  for (const { edge } of graph.moved) if (keys.has(edge.now.a)) edges.add(edge)
  if (labels.size > 0) {
    const loaded = await reader.components(graph.workspace, [...labels])
    vetoes = loaded.vetoes
    for (const row of loaded.identifiers) {
      graph.addIdentifier(row)
      if (!moving.has(row.component)) keys.add(row.key)
    }
    // Most of a large component is no part of the batch, and is tracked only where its verdict changes.
    const ends = new Set<string>()
    for (const { now } of graph.edges.values()) ends.add(now.b)
    for (const row of loaded.liveEdges) {
      if (!keys.has(row.a)) continue
      const tracked = ends.has(row.b) ? graph.edges.get(edgeId(row.a, row.b)) : undefined
      if (tracked === undefined) liveEdges.push(row)
      else edges.add(tracked)
    }
  }
  for (const { now } of edges) if (now.state !== 'inert') liveEdges.push(now)
  return { identifiers: [...keys].map((key) => graph.identifier(key).now), liveEdges, vetoes: vetoesNow(vetoes, gathered) }
}

/** The stored vetoes and those of the batch, without those that the batch lifts. */
function vetoesNow(stored: readonly VetoRow[], { vetoes }: Pick<GatheredEvidence, 'vetoes'>): readonly VetoRow[] {
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

interface Solved {
  readonly solution: Solution<IdentifierRow, EdgeRow>
  readonly vetoes: readonly VetoRow[]
}

/** Points every identifier of the solution at its profile. */
function applyGroups(graph: EvidenceGraph, { solution: { groups }, vetoes }: Solved, { settings, identityKey }: ResolveContext): readonly SolvedProfile[] {
  const evidence = evidenceByComponent(graph, groups)
  const wasShared = sharedComponents(graph, groups)
  const vetoed = new Set(vetoes.map(({ a }) => a))
  const groupsIn = Map.groupBy(groups, ({ component }) => component)
  const solved: SolvedProfile[] = []
  for (const group of groups) {
    const id = profileIdOf(graph.workspace, group.anchor.key, identityKey)
    const members = group.members.map(({ key }) => graph.identifier(key))
    for (const member of members) pointAt(member, id, group.component)
    const reason = evidence.get(group.component)
    // What was loaded beside a seed but hangs on none stays as it was.
    if (reason === undefined) continue
    const isWhole = groupsIn.get(group.component)?.length === 1 && !group.members.some(({ key }) => vetoed.has(key))
    solved.push({
      id, anchorKey: group.anchor.key, members, evidence: reason,
      createdAt: members.reduce((least, { now }) => Math.min(least, now.firstSeen), Infinity),
      composition: isWhole ? compositionOf(group.members, group.anchor, settings.version) : null,
      isComposedAsBefore: !isWhole && members.every(({ before }) => before !== null && wasShared.has(before.component)),
    })
  }
  return solved
}

/** Components that held more than one profile before. */
function sharedComponents(graph: EvidenceGraph, groups: readonly Group<IdentifierRow>[]): ReadonlySet<string> {
  const firstIn = new Map<string, string>()
  const shared = new Set<string>()
  for (const { members } of groups) {
    for (const { key } of members) {
      const { before } = graph.identifier(key)
      if (before === null) continue
      const first = firstIn.get(before.component)
      if (first === undefined) firstIn.set(before.component, before.profileId)
      else if (first !== before.profileId) shared.add(before.component)
    }
  }
  return shared
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
