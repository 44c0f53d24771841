import { identifierKinds } from '../ports/identity.ts'
import type { EdgeRow } from '../ports/identity.ts'
import type { Trust } from '../ports/record.ts'
import type { Identifier } from './identifier.ts'
import { identifierKey } from './identifier-key.ts'

/** What one event says about who somebody is. */
export interface Evidence {
  readonly workspace: number
  /** Strongest first; blocked values are not among them. */
  readonly identifiers: readonly Identifier[]
  /** Event time, epoch milliseconds. */
  readonly time: number
  readonly receivedAt: number
  readonly trust: Trust
  readonly messageId: string
  readonly metric: string
}

/** An identifier that the batch carries. */
export interface SeenIdentifier {
  readonly key: string
  readonly identifier: Identifier
  firstReceivedAt: number
  firstSeen: number
  /** The first evidence of the batch that carries it. */
  readonly evidence: Evidence
}

/** An edge that the batch carries, with what the batch alone says of it. */
export interface SeenEdge extends Pick<EdgeRow, 'a' | 'b' | 'rank'> {
  readonly id: string
  firstSeenSecret: number | null
  firstSeenPublic: number | null
  lastSeen: number
  count: number
  cause: EdgeRow['cause']
  readonly evidence: Evidence
}

/** A pair that from now on may not, or may again, share a profile. */
export interface VetoChange {
  readonly workspace: number
  /** Identifier keys, the lesser one first. */
  readonly a: string
  readonly b: string
  readonly lifted: boolean
  /** When the operator decided it, epoch milliseconds. */
  readonly at: number
  readonly messageId: string
}

/** All evidence of one workspace in a batch, each identifier and edge once. */
export interface GatheredEvidence {
  readonly workspace: number
  readonly identifiers: Map<string, SeenIdentifier>
  readonly edges: Map<string, SeenEdge>
  /** The last one of each pair. */
  readonly vetoes: Map<string, VetoChange>
}

const ranks = new Map(identifierKinds.map((kind, rank) => [kind, rank]))

/** Folds the evidence of a batch by workspace. Folding twice what was folded once differs in the counts alone. */
export function gatherEvidence(evidence: readonly Evidence[], vetoes: readonly VetoChange[] = []): readonly GatheredEvidence[] {
  const workspaces = new Map<number, GatheredEvidence>()
  for (const one of evidence) addEvidence(gatheredOf(workspaces, one.workspace), one)
  for (const veto of vetoes) gatheredOf(workspaces, veto.workspace).vetoes.set(edgeId(veto.a, veto.b), veto)
  return [...workspaces.values()]
}

function gatheredOf(workspaces: Map<number, GatheredEvidence>, workspace: number): GatheredEvidence {
  let gathered = workspaces.get(workspace)
  if (gathered === undefined) {
    gathered = { workspace, identifiers: new Map(), edges: new Map(), vetoes: new Map() }
    workspaces.set(workspace, gathered)
  }
  return gathered
}

function addEvidence(gathered: GatheredEvidence, evidence: Evidence): void {
  const [strongest, ...others] = evidence.identifiers
  if (strongest === undefined) return
  const center = seeIdentifier(gathered, strongest, evidence)
  for (const other of others) {
    const seen = seeIdentifier(gathered, other, evidence)
    if (seen.key !== center.key) seeEdge(gathered, [center, seen], evidence)
  }
}

function seeIdentifier({ identifiers }: GatheredEvidence, identifier: Identifier, evidence: Evidence): SeenIdentifier {
  const key = identifierKey(evidence.workspace, identifier)
  const seen = identifiers.get(key)
  const { receivedAt: firstReceivedAt, time: firstSeen } = evidence
  if (seen === undefined) {
    const created = { key, identifier, firstReceivedAt, firstSeen, evidence }
    identifiers.set(key, created)
    return created
  }
  if (firstReceivedAt < seen.firstReceivedAt) seen.firstReceivedAt = firstReceivedAt
  if (firstSeen < seen.firstSeen) seen.firstSeen = firstSeen
  return seen
}

function seeEdge(
  { edges }: GatheredEvidence, [center, other]: readonly [SeenIdentifier, SeenIdentifier], evidence: Evidence,
): void {
  const difference = rankOf(center) - rankOf(other)
  const [a, b] = difference < 0 || (difference === 0 && center.key < other.key) ? [center, other] : [other, center]
  const { time, trust, messageId, metric } = evidence
  const id = edgeId(a.key, b.key)
  const seen = edges.get(id)
  if (seen === undefined) {
    edges.set(id, {
      id, a: a.key, b: b.key, rank: rankOf(b), count: 1, lastSeen: time, cause: { messageId, metric }, evidence,
      firstSeenSecret: trust === 'secret' ? time : null, firstSeenPublic: trust === 'secret' ? null : time,
    })
    return
  }
  const before = firstSeenOf(seen)
  if (time < before || (time === before && messageId < seen.cause.messageId)) seen.cause = { messageId, metric }
  if (trust === 'secret') seen.firstSeenSecret = earliest(seen.firstSeenSecret, time)
  else seen.firstSeenPublic = earliest(seen.firstSeenPublic, time)
  if (time > seen.lastSeen) seen.lastSeen = time
  seen.count++
}

function rankOf({ identifier }: SeenIdentifier): number {
  return ranks.get(identifier.kind) ?? identifierKinds.length
}

export function edgeId(a: string, b: string): string {
  return a + b
}

/** Least event time of any evidence for the edge, epoch milliseconds. */
export function firstSeenOf(
  { firstSeenSecret, firstSeenPublic }: Pick<EdgeRow, 'firstSeenSecret' | 'firstSeenPublic'>,
): number {
  return Math.min(firstSeenSecret ?? Infinity, firstSeenPublic ?? Infinity)
}

export function earliest(x: number | null, y: number | null): number | null {
  if (x === null || y === null) return x ?? y
  return Math.min(x, y)
}
