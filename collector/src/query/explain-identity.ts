import { MillraceError } from '../platform/errors.ts'
import type { EdgeRow, IdentifierRow } from '../ports/identity.ts'
import type { ProfileReader } from '../ports/profile-reader.ts'
import type { EvidenceAround, Explanation } from './explanation.ts'
import { identifierParameters } from './find-profile.ts'
import type { IdentityView } from './identity-view.ts'
import { knownIdentifier, type NamedIdentifier } from './named-identifier.ts'

interface ExplainDependencies {
  readonly reader: ProfileReader
  readonly identity: IdentityView
}

/** Identifiers and edges that are looked through. */
const identifiersMax = 5_000
const edgesMax = 20_000
/** How far around the two profiles. */
const roundsMax = 6

/**
 * Why two identifiers are, or are not, one person. Fails with `bad_request` for what can be no identifier and `not_found`
 * for one that nobody has.
 */
export async function explainIdentity(
  workspace: number, [first, second]: readonly [NamedIdentifier, NamedIdentifier], { reader, identity }: ExplainDependencies,
): Promise<Explanation> {
  const a = await knownIdentifier(workspace, first, { reader, identity })
  const b = await knownIdentifier(workspace, second, { reader, identity })
  return identity.explain(await evidenceAround(a, b, reader))
}

async function evidenceAround(a: IdentifierRow, b: IdentifierRow, reader: ProfileReader): Promise<EvidenceAround> {
  const { workspace } = a
  const identifiers = new Map([a, b].map((row) => [row.key, row]))
  for (const id of new Set([a.profileId, b.profileId])) {
    for (const row of await reader.identifiersOf(workspace, id, identifiersMax)) identifiers.set(row.key, row)
  }
  const vetoes = await reader.vetoesOf(workspace, [...identifiers.keys()], edgesMax)
  const edges = new Map<string, EdgeRow>()
  let frontier = [...identifiers.keys()]
  for (let round = 0; frontier.length > 0 && round < roundsMax && identifiers.size < identifiersMax && edges.size < edgesMax; round += 1) {
    for (const edge of await reader.edgesOf(workspace, frontier, edgesMax)) edges.set(edge.a + edge.b, edge)
    frontier = await namesOf(workspace, [...edges.values()].flatMap(({ a: one, b: other }) => [one, other]), { identifiers, reader })
    if (isJoined(edges.values(), { a, b, identifiers })) frontier = []
  }
  await namesOf(workspace, [...[...edges.values()].flatMap(({ witness }) => (witness === null ? [] : [witness.a, witness.b])),
    ...vetoes.flatMap(({ a: one, b: other }) => [one, other])], { identifiers, reader })
  return { a, b, identifiers, edges: [...edges.values()], vetoes, isWhole: frontier.length === 0 && identifiers.size < identifiersMax && edges.size < edgesMax }
}

/** Reads those of the keys that are not known yet, and answers which that are. */
async function namesOf(
  workspace: number, keys: readonly string[], { identifiers, reader }: { readonly identifiers: Map<string, IdentifierRow>; readonly reader: ProfileReader },
): Promise<string[]> {
  const unknown = [...new Set(keys)].filter((key) => !identifiers.has(key))
  const rows = unknown.length === 0 ? [] : await reader.identifiers(workspace, unknown)
  for (const row of rows) identifiers.set(row.key, row)
  return rows.map(({ key }) => key)
}

/** Whether the edges suffice: they are one person, or an edge leads from the one's profile to the other's. */
function isJoined(edges: Iterable<EdgeRow>, { a, b, identifiers }: Pick<EvidenceAround, 'a' | 'b' | 'identifiers'>): boolean {
  if (a.profileId === b.profileId) return true
  for (const edge of edges) {
    const profiles = [identifiers.get(edge.a)?.profileId, identifiers.get(edge.b)?.profileId]
    if (profiles.includes(a.profileId) && profiles.includes(b.profileId)) return true
  }
  return false
}

/** Reads the two identifiers of a query such as `email=a&externalId=b`, in its order. Fails with `bad_request`. */
export function parsePair(query: URLSearchParams): readonly [NamedIdentifier, NamedIdentifier] {
  const named: NamedIdentifier[] = []
  for (const [name, value] of query) {
    const parameter = Object.entries(identifierParameters).find(([known]) => known === name)
    if (parameter === undefined) throw new MillraceError('bad_request', `${name} is unknown; name two of ${Object.keys(identifierParameters).join(', ')}`)
    named.push({ kind: parameter[1], value })
  }
  const [first, second, third] = named
  if (first === undefined || second === undefined || third !== undefined) {
    throw new MillraceError('bad_request', `name two identifiers, each one of ${Object.keys(identifierParameters).join(', ')}`)
  }
  return [first, second]
}
