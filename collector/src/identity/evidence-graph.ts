import type { EdgeRow, IdentifierKind, IdentifierRow, IdentityReader } from '../ports/identity.ts'
import { compareEdges } from './edge-order.ts'
import {
  earliest, edgeId, type Evidence, firstSeenOf, type GatheredEvidence, type SeenEdge, type SeenIdentifier, type VetoChange,
} from './gather-evidence.ts'

/** A row as it was and as it will be; the same object where nothing changed. */
export interface Tracked<Row> {
  readonly before: Row | null
  now: Row
}

/** An edge of the batch that is new or comes earlier in the order than before. */
export interface MovedEdge {
  readonly edge: Tracked<EdgeRow>
  readonly evidence: Evidence
}

/**
 * The part of one workspace's evidence that a batch touches, while the batch is resolved. Rows are replaced, never
 * changed, so that what is unchanged is not written.
 */
export class EvidenceGraph {
  readonly workspace: number
  readonly identifiers = new Map<string, Tracked<IdentifierRow>>()
  readonly edges = new Map<string, Tracked<EdgeRow>>()
  /** Edges that may change who is who, unless they turn out inert. */
  readonly moved: MovedEdge[] = []
  /** Identifiers from which something has to be solved again, and the first evidence that is the reason. */
  readonly seeds = new Map<string, Evidence>()
  /** Seeds at which an edge went or a veto came or went: what hangs together may come apart there. */
  readonly loosened = new Set<string>()

  constructor(workspace: number) {
    this.workspace = workspace
  }

  /** Lays the batch's evidence over what is stored: one read of identifiers, one of edges. */
  async absorb(reader: IdentityReader, { identifiers, edges, vetoes }: GatheredEvidence): Promise<void> {
    const keys = new Set(identifiers.keys())
    for (const { a, b } of vetoes.values()) keys.add(a).add(b)
    for (const row of await reader.identifiers(this.workspace, [...keys])) this.addIdentifier(row)
    for (const seen of identifiers.values()) this.#absorbIdentifier(seen)
    // After the identifiers: a batch may hold the event that made somebody known and the word that parts him.
    for (const [id, veto] of vetoes) if (!this.#absorbVeto(veto)) vetoes.delete(id)
    if (edges.size === 0) return
    const ends = [...edges.values()].filter(({ a, b }) => this.#isKnown(a) && this.#isKnown(b))
    if (ends.length > 0) {
      for (const row of await reader.edges(this.workspace, ends.map(({ a, b }) => ({ a, b })))) this.addEdge(row)
    }
    for (const seen of edges.values()) this.#absorbEdge(seen)
  }

  /** The identifier as it will be; one that is not loaded is a fault of the store. */
  identifier(key: string): Tracked<IdentifierRow> {
    const tracked = this.identifiers.get(key)
    if (tracked === undefined) throw new RangeError(`an edge ends at ${key}, which was not read`)
    return tracked
  }

  /** Takes a stored row in, unless it is here already. */
  addIdentifier(row: IdentifierRow): void {
    if (!this.identifiers.has(row.key)) this.identifiers.set(row.key, { before: row, now: row })
  }

  /** Takes a stored row in, unless it is here already; gives what is here. */
  addEdge(row: EdgeRow): Tracked<EdgeRow> {
    const id = edgeId(row.a, row.b)
    const known = this.edges.get(id)
    if (known !== undefined) return known
    const edge = { before: row, now: row }
    this.edges.set(id, edge)
    return edge
  }

  addSeed(key: string, evidence: Evidence): void {
    if (!this.seeds.has(key)) this.seeds.set(key, evidence)
  }

  addLooseSeed(key: string, evidence: Evidence): void {
    this.addSeed(key, evidence)
    this.loosened.add(key)
  }

  /** Both ends are solved again. False where one is not there: nobody can be parted before he is known, and no read looks for it. */
  #absorbVeto({ workspace, a, b, at, messageId }: VetoChange): boolean {
    if (!this.identifiers.has(a) || !this.identifiers.has(b)) return false
    for (const key of [a, b]) {
      this.addLooseSeed(key, { workspace, identifiers: [], time: at, receivedAt: at, trust: 'secret', messageId, metric: 'split' })
    }
    return true
  }

  #isKnown(key: string): boolean {
    return this.identifiers.get(key)?.before !== null
  }

  #absorbIdentifier({ key, identifier, firstReceivedAt, firstSeen, evidence }: SeenIdentifier): void {
    const known = this.identifiers.get(key)
    if (known === undefined) {
      const { kind, namespace, value } = identifier
      const now: IdentifierRow = {
        workspace: this.workspace, key, kind, namespace, value, profileId: '', component: key,
        firstReceivedAt, firstSeen, version: 0, neighbours: {}, fanOut: false, degreeCutoffs: {},
      }
      this.identifiers.set(key, { before: null, now })
      this.addSeed(key, evidence)
      return
    }
    const { now } = known
    if (firstReceivedAt >= now.firstReceivedAt && firstSeen >= now.firstSeen) return
    known.now = {
      ...now,
      firstReceivedAt: Math.min(firstReceivedAt, now.firstReceivedAt),
      firstSeen: Math.min(firstSeen, now.firstSeen),
    }
    this.addSeed(key, evidence)
  }

  #absorbEdge(seen: SeenEdge): void {
    const { id, a, b, rank, firstSeenSecret, firstSeenPublic, lastSeen, count, cause, evidence } = seen
    const known = this.edges.get(id)
    if (known === undefined) {
      const now: EdgeRow = {
        workspace: this.workspace, a, b, rank, firstSeenSecret, firstSeenPublic, lastSeen, count, cause,
        state: 'accepted', witness: null,
      }
      const edge = { before: null, now }
      this.edges.set(id, edge)
      this.moved.push({ edge, evidence })
      this.#countNeighbours(this.identifier(a), this.identifier(b))
      return
    }
    const before = known.now
    const difference = firstSeenOf(seen) - firstSeenOf(before)
    known.now = {
      ...before,
      firstSeenSecret: earliest(firstSeenSecret, before.firstSeenSecret),
      firstSeenPublic: earliest(firstSeenPublic, before.firstSeenPublic),
      lastSeen: Math.max(lastSeen, before.lastSeen),
      count: before.count + count,
      cause: difference < 0 || (difference === 0 && cause.messageId < before.cause.messageId) ? cause : before.cause,
    }
    if (compareEdges(known.now, before) < 0) this.moved.push({ edge: known, evidence })
  }

  #countNeighbours(a: Tracked<IdentifierRow>, b: Tracked<IdentifierRow>): void {
    a.now = withNeighbour(a.now, b.now.kind)
    b.now = withNeighbour(b.now, a.now.kind)
  }
}

function withNeighbour(row: IdentifierRow, kind: IdentifierKind): IdentifierRow {
  return { ...row, neighbours: { ...row.neighbours, [kind]: (row.neighbours[kind] ?? 0) + 1 } }
}
