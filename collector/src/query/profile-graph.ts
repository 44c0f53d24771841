import type { EdgeRow, IdentifierRow, MergeRow, ProfileRow, Witness } from '../ports/identity.ts'
import type { ProfileReader } from '../ports/profile-reader.ts'
import { isoTime } from './profile-card.ts'

const identifiersMax = 2_000
const edgesMax = 10_000

interface GraphEnd {
  readonly kind: string
  readonly value: string
}

export interface GraphEdge {
  readonly a: GraphEnd
  readonly b: GraphEnd
  readonly state: string
  readonly firstSeen: string
  readonly lastSeen: string
  readonly count: number
  readonly cause: { readonly messageId: string; readonly metric: string }
  /** For a rejected edge, what it would have broken; `between` says which identifiers the keys `a` and `b` are. */
  readonly witness?: Witness & { readonly between: readonly [GraphEnd, GraphEnd] }
}

export interface ProfileGraph {
  readonly profileId: string
  readonly identifiers: readonly (GraphEnd & { readonly namespace: string; readonly firstSeen: string })[]
  readonly edges: readonly GraphEdge[]
  readonly rejected: readonly GraphEdge[]
  readonly merges: readonly MergeRow[]
}

/** What is known about why these identifiers are one person: every edge with its cause, the rejected ones with their witness. */
export async function profileGraph(profile: ProfileRow, reader: ProfileReader): Promise<ProfileGraph> {
  const { workspace } = profile
  const identifiers = await reader.identifiersOf(workspace, profile.id, identifiersMax)
  const edges = await reader.edgesOf(workspace, identifiers.map((identifier) => identifier.key), edgesMax)
  const known = new Map(identifiers.map((identifier) => [identifier.key, identifier]))
  for (const edge of edges) {
    for (const end of [edge.a, edge.b, ...(edge.witness === null ? [] : [edge.witness.a, edge.witness.b])]) {
      const other = known.has(end) ? null : await reader.identifier(workspace, end)
      if (other !== null) known.set(end, other)
    }
  }
  const shown = edges.map((edge) => graphEdge(edge, known))
  return {
    profileId: profile.id,
    identifiers: identifiers.map((row) => ({ ...end(row), namespace: row.namespace, firstSeen: isoTime(row.firstReceivedAt) })),
    edges: shown.filter((edge) => edge.state === 'accepted'),
    rejected: shown.filter((edge) => edge.state !== 'accepted'),
    merges: await reader.mergesOf(workspace, profile.id, 1_000),
  }
}

function graphEdge(edge: EdgeRow, known: ReadonlyMap<string, IdentifierRow>): GraphEdge {
  const firstSeen = Math.min(edge.firstSeenSecret ?? Infinity, edge.firstSeenPublic ?? Infinity)
  return {
    a: end(known.get(edge.a)), b: end(known.get(edge.b)), state: edge.state,
    firstSeen: isoTime(firstSeen), lastSeen: isoTime(edge.lastSeen), count: edge.count, cause: edge.cause,
    ...(edge.witness === null ? {} : { witness: { ...edge.witness, between: [end(known.get(edge.witness.a)), end(known.get(edge.witness.b))] as const } }),
  }
}

function end(row: IdentifierRow | undefined): GraphEnd {
  return row === undefined ? { kind: 'unknown', value: '' } : { kind: row.kind, value: row.value }
}
