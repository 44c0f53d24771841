import { identifierKinds } from '../ports/identity.ts'
import type { EdgeRow, IdentifierKind, IdentifierRow, IdentityReader } from '../ports/identity.ts'
import { compareText, orderKey } from './edge-order.ts'
import type { EvidenceGraph, MovedEdge, Tracked } from './evidence-graph.ts'
import { fanOutOf } from './fan-out.ts'
import type { Evidence } from './gather-evidence.ts'
import { type IdentitySettings, isOwnBlocked } from './identity-settings.ts'

/** Edges of one identifier to one weaker kind, more than the degree bound, whose cutoff has to be found again. */
interface Overfull {
  readonly key: string
  readonly kind: IdentifierKind
  readonly bound: number
  readonly evidence: Evidence
}

/**
 * Decides which edges of the batch are live. An identifier with too many neighbours is none any more (`fanOutOf`); of too
 * many weaker neighbours of any other only the earliest count. Both only ever take edges away that did not move themselves, so one
 * read, of the edges of identifiers that just crossed a bound, is enough; mostly there are none.
 */
export async function settleLiveness(
  graph: EvidenceGraph, reader: IdentityReader, settings: IdentitySettings,
): Promise<void> {
  const fannedOut = markFanOuts(graph, settings)
  const overfull = findOverfull(graph, settings)
  const keys = new Set([...fannedOut.keys(), ...overfull.map(({ key }) => key)])
  const stored = [...keys].filter((key) => graph.identifier(key).before !== null)
  if (stored.length > 0) {
    for (const row of await reader.edgesOf(graph.workspace, stored)) graph.addEdge(row)
  }
  cutOff(graph, overfull)
  if (keys.size > 0) silence(graph, { keys, settings }, [...fannedOut.values(), ...overfull.map(({ evidence }) => evidence)])
  for (const moved of graph.moved) settleMoved(graph, moved, settings)
}

function identifiesNobody(row: IdentifierRow, settings: IdentitySettings): boolean {
  return row.fanOut || isOwnBlocked(row, settings)
}

/** Marks the identifiers that the batch gave one neighbour too many. */
function markFanOuts(graph: EvidenceGraph, settings: IdentitySettings): ReadonlyMap<string, Evidence> {
  const marked = new Map<string, Evidence>()
  for (const { edge, evidence } of graph.moved) {
    if (edge.before !== null || edge.now.rank < 0) continue
    for (const key of [edge.now.a, edge.now.b]) {
      const tracked = graph.identifier(key)
      if (tracked.now.fanOut || fanOutOf(tracked.now, settings) === null) continue
      tracked.now = { ...tracked.now, fanOut: true, degreeCutoffs: {} }
      marked.set(key, evidence)
      graph.addLooseSeed(key, evidence)
    }
  }
  return marked
}

function findOverfull(graph: EvidenceGraph, settings: IdentitySettings): readonly Overfull[] {
  const found = new Map<string, Overfull>()
  for (const { edge: { before, now }, evidence } of graph.moved) {
    const strong = graph.identifier(now.a).now
    const kind = identifierKinds[now.rank]
    // An edge that an operator made has no rank, and no bound touches it.
    if (kind === undefined) continue
    const bound = Math.max(settings.degreeMax, settings.limits[kind])
    // Whose edges are all inert needs no bound on top: it would be read and sorted over and over.
    if (strong.fanOut || strong.kind === kind || (strong.neighbours[kind] ?? 0) <= bound) continue
    const cutoff = strong.degreeCutoffs[kind]
    if (cutoff !== undefined && (orderKey(now) > cutoff || (before !== null && orderKey(before) < cutoff))) continue
    found.set(`${strong.key}${kind}`, { key: strong.key, kind, bound, evidence })
  }
  return [...found.values()]
}

/** Finds the last live edge of each by selecting the bound-th in order; the edges of its identifiers are all loaded. */
function cutOff(graph: EvidenceGraph, overfull: readonly Overfull[]): void {
  if (overfull.length === 0) return
  const wanted = new Map<string, string[]>()
  for (const { key, kind } of overfull) wanted.set(`${key}${kind}`, [])
  for (const { now } of graph.edges.values()) {
    wanted.get(`${now.a}${identifierKinds[now.rank] ?? ''}`)?.push(orderKey(now))
  }
  for (const { key, kind, bound } of overfull) {
    const cutoff = wanted.get(`${key}${kind}`)?.sort(compareText)[bound - 1]
    const strong = graph.identifier(key)
    if (cutoff === undefined) continue
    strong.now = { ...strong.now, degreeCutoffs: { ...strong.now.degreeCutoffs, [kind]: cutoff } }
  }
}

/** Makes inert what the new bounds take away among edges that did not move. */
function silence(graph: EvidenceGraph, { keys, settings }: { readonly keys: ReadonlySet<string>; readonly settings: IdentitySettings }, reasons: readonly Evidence[]): void {
  const moved = new Set(graph.moved.map(({ edge }) => edge.now))
  for (const edge of graph.edges.values()) {
    const { a, b, state } = edge.now
    if (state === 'inert' || moved.has(edge.now) || !(keys.has(a) || keys.has(b)) || !isInert(graph, edge.now, settings)) continue
    makeInert(edge)
    const reason = reasons[0]
    if (reason === undefined) continue
    graph.addLooseSeed(a, reason)
    graph.addLooseSeed(b, reason)
  }
}

function settleMoved(graph: EvidenceGraph, { edge, evidence }: MovedEdge, settings: IdentitySettings): void {
  const wasLive = edge.before !== null && edge.before.state !== 'inert'
  if (isInert(graph, edge.now, settings)) {
    makeInert(edge)
    if (!wasLive) return
    graph.addLooseSeed(edge.now.a, evidence)
    graph.addLooseSeed(edge.now.b, evidence)
    return
  }
  if (edge.now.state === 'inert') edge.now = { ...edge.now, state: 'accepted' }
  graph.addSeed(edge.now.a, evidence)
  graph.addSeed(edge.now.b, evidence)
}

export function makeInert(edge: Tracked<EdgeRow>): void {
  edge.now = { ...edge.now, state: 'inert', witness: null }
}

export function isInert(graph: EvidenceGraph, edge: EdgeRow, settings: IdentitySettings): boolean {
  const strong = graph.identifiers.get(edge.a)?.now
  const weak = graph.identifiers.get(edge.b)?.now
  if ((strong !== undefined && identifiesNobody(strong, settings)) || (weak !== undefined && identifiesNobody(weak, settings))) return true
  const kind = identifierKinds[edge.rank]
  const cutoff = kind === undefined ? undefined : strong?.degreeCutoffs[kind]
  return cutoff !== undefined && orderKey(edge) > cutoff
}
