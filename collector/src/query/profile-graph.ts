import type { IdentifierRow, MergeRow, ProfileRow, VetoRow } from '../ports/identity.ts'
import type { ProfileReader } from '../ports/profile-reader.ts'
import { type GraphEdge, graphEdge, type GraphEnd, graphEnd } from './graph-edge.ts'
import { isoTime } from './profile-card.ts'

const identifiersMax = 2_000
const edgesMax = 10_000
const vetoesMax = 1_000

/** A pair that an operator parted. */
interface GraphVeto {
  readonly a: GraphEnd
  readonly b: GraphEnd
  readonly since: string
}

interface ProfileGraph {
  readonly profileId: string
  readonly identifiers: readonly (GraphEnd & { readonly namespace: string; readonly firstSeen: string })[]
  readonly edges: readonly GraphEdge[]
  readonly rejected: readonly GraphEdge[]
  readonly vetoes: readonly GraphVeto[]
  readonly merges: readonly MergeRow[]
}

/** What is known about why these identifiers are one person: every edge with its cause, the rejected ones with their witness. */
export async function profileGraph(profile: ProfileRow, reader: ProfileReader): Promise<ProfileGraph> {
  const { workspace } = profile
  const identifiers = await reader.identifiersOf(workspace, profile.id, identifiersMax)
  const keys = identifiers.map((identifier) => identifier.key)
  const edges = await reader.edgesOf(workspace, keys, edgesMax)
  const vetoes = await reader.vetoesOf(workspace, keys, vetoesMax)
  const known = new Map(identifiers.map((identifier) => [identifier.key, identifier]))
  const witnesses = edges.flatMap(({ witness }) => witness ?? [])
  const others = [...edges, ...witnesses, ...vetoes].flatMap(({ a, b }) => [a, b]).filter((key) => !known.has(key))
  for (const row of await reader.identifiers(workspace, [...new Set(others)])) known.set(row.key, row)
  const shown = edges.map((edge) => graphEdge(edge, known))
  return {
    profileId: profile.id,
    identifiers: identifiers.map((row) => ({ ...graphEnd(row), namespace: row.namespace, firstSeen: isoTime(row.firstReceivedAt) })),
    edges: shown.filter((edge) => edge.state === 'accepted'),
    rejected: shown.filter((edge) => edge.state !== 'accepted'),
    vetoes: vetoes.map((veto) => graphVeto(veto, known)),
    merges: await reader.mergesOf(workspace, profile.id, 1_000),
  }
}

function graphVeto({ a, b, createdAt }: VetoRow, known: ReadonlyMap<string, IdentifierRow>): GraphVeto {
  return { a: graphEnd(known.get(a)), b: graphEnd(known.get(b)), since: isoTime(createdAt) }
}
