import { type EdgeRow, type IdentifierKind, identifierKinds, type IdentifierRow, type IdentityChanges, type IdentityReader } from '../ports/identity.ts'
import { compareText, orderKey } from './edge-order.ts'
import { EvidenceGraph, type Tracked } from './evidence-graph.ts'
import { fanOutOf } from './fan-out.ts'
import type { Evidence } from './gather-evidence.ts'
import type { IdentitySettings } from './identity-settings.ts'
import { noChanges, type ResolveContext, solveSeeds } from './resolve-batch.ts'
import { isInert, makeInert } from './settle-liveness.ts'

export interface ResolveAgain {
  readonly workspace: number
  /** Stored identifiers, read in this transaction. */
  readonly rows: readonly IdentifierRow[]
  /** What stands in the merge log as the cause. */
  readonly cause: Pick<Evidence, 'messageId' | 'metric' | 'receivedAt'>
}

/**
 * What other settings change around some identifiers. Once it was done for all identifiers of a workspace, in whatever
 * pieces and with whatever decided in between by the same settings, everybody is who he would be had they always held:
 * which evidence is live is judged for each identifier anew, from all its edges; and each component is solved at the latest
 * with the identifier it is named after.
 */
export async function resolveAgain(reader: IdentityReader, { workspace, rows, cause }: ResolveAgain, context: ResolveContext): Promise<IdentityChanges> {
  const graph = new EvidenceGraph(workspace)
  const evidence: Evidence = { workspace, identifiers: [], time: cause.receivedAt, trust: 'secret', ...cause }
  const connected = rows.filter(({ neighbours }) => Object.keys(neighbours).length > 0)
  for (const row of connected) {
    graph.addIdentifier(row)
    if (row.key === row.component) graph.addLooseSeed(row.key, evidence)
  }
  await reviseLiveness(graph, { reader, connected, evidence }, context.settings)
  const changes = noChanges()
  await solveSeeds(graph, { reader, changes, solvedIdentifiers: [], gathered: { vetoes: new Map() } }, context)
  return changes
}

interface Revision {
  readonly reader: IdentityReader
  readonly connected: readonly IdentifierRow[]
  readonly evidence: Evidence
}

/** Judges all edges of the identifiers by the settings alone, whatever they were before. */
async function reviseLiveness(graph: EvidenceGraph, { reader, connected, evidence }: Revision, settings: IdentitySettings): Promise<void> {
  if (connected.length === 0) return
  const keys = new Set(connected.map(({ key }) => key))
  const edges = (await reader.edgesOf(graph.workspace, [...keys])).map((row) => graph.addEdge(row))
  const ends = new Set(edges.flatMap(({ now: { a, b } }) => [a, b]))
  for (const row of await reader.identifiers(graph.workspace, [...ends].filter((key) => !keys.has(key)))) graph.addIdentifier(row)
  const edgesByStrong = Map.groupBy(edges, ({ now }) => now.a)
  for (const { key } of connected) reviseBounds(graph.identifier(key), edgesByStrong.get(key) ?? [], settings)
  for (const edge of edges) {
    const inert = isInert(graph, edge.now, settings)
    if (inert === (edge.now.state === 'inert')) continue
    if (inert) makeInert(edge)
    else {
      edge.now = { ...edge.now, state: 'accepted' }
      // The store does not know it as live, so the region would be loaded without it.
      graph.moved.push({ edge, evidence })
    }
    graph.addLooseSeed(edge.now.a, evidence)
    graph.addLooseSeed(edge.now.b, evidence)
  }
}

/** Whether too many stronger identifiers came with it, and where its edges to weaker ones are cut. */
function reviseBounds(tracked: Tracked<IdentifierRow>, weaker: readonly Tracked<EdgeRow>[], settings: IdentitySettings): void {
  const { now } = tracked
  const fanOut = fanOutOf(now, settings) !== null
  const degreeCutoffs: Partial<Record<IdentifierKind, string>> = {}
  // Whose edges are all inert needs no bound on top.
  for (const kind of fanOut ? [] : identifierKinds) {
    const bound = Math.max(settings.degreeMax, settings.limits[kind])
    if (kind === now.kind || (now.neighbours[kind] ?? 0) <= bound) continue
    const rank = identifierKinds.indexOf(kind)
    const cutoff = weaker.filter((edge) => edge.now.rank === rank).map((edge) => orderKey(edge.now)).sort(compareText)[bound - 1]
    if (cutoff !== undefined) degreeCutoffs[kind] = cutoff
  }
  const same = fanOut === now.fanOut && identifierKinds.every((kind) => degreeCutoffs[kind] === now.degreeCutoffs[kind])
  if (!same) tracked.now = { ...now, fanOut, degreeCutoffs }
}
