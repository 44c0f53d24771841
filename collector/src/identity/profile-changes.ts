import { MillraceError } from '../platform/errors.ts'
import type { Composition, IdentifierRow, IdentityOverride, IdentityReader, MergeRow, ProfileRow } from '../ports/identity.ts'
import { isSameComposition } from './composition.ts'
import type { EvidenceGraph, Tracked } from './evidence-graph.ts'
import type { Evidence } from './gather-evidence.ts'
import { anchorsBefore } from './solve.ts'

/** One profile after solving, and its id. */
export interface SolvedProfile {
  readonly id: string
  readonly anchorKey: string
  /** All its identifiers, or at least those that are new to it or changed. */
  readonly members: readonly Tracked<IdentifierRow>[]
  /** Least firstSeen of all its identifiers. */
  readonly createdAt: number
  readonly composition: Composition | null
  /** Whether its composition is sure to be the stored one, where its members are the same. */
  readonly isComposedAsBefore: boolean
  /** The first evidence of the batch that is a reason to solve what is connected to it. */
  readonly evidence: Evidence
}

export interface ProfileChanges {
  readonly profiles: readonly ProfileRow[]
  readonly merges: readonly MergeRow[]
  readonly overrides: readonly IdentityOverride[]
}

const nothing: ProfileChanges = Object.freeze({ profiles: [], merges: [], overrides: [] })

/** Rows of profiles as they were before the batch, each read once. */
export class StoredProfiles {
  readonly rows = new Map<string, ProfileRow>()
  readonly #graph: EvidenceGraph
  readonly #reader: IdentityReader
  readonly #asked = new Set<string>()

  constructor(graph: EvidenceGraph, reader: IdentityReader) {
    this.#graph = graph
    this.#reader = reader
  }

  /** Reads those that were not asked for before, with what redirects to them. */
  async read(ids: Iterable<string>): Promise<void> {
    const wanted = [...new Set(ids)].filter((id) => !this.#asked.has(id))
    if (wanted.length === 0) return
    for (const id of wanted) this.#asked.add(id)
    for (const row of await this.#reader.profiles(this.#graph.workspace, wanted)) this.rows.set(row.id, row)
  }
}

/** What follows for profiles from where identifiers point now: rows, redirects of length one, merge log, overrides. */
export async function profileChanges(
  graph: EvidenceGraph, stored: StoredProfiles, solved: readonly SolvedProfile[],
): Promise<ProfileChanges> {
  const left = leftBy(solved)
  const changed = solved.filter(({ id, members, isComposedAsBefore }) => !isComposedAsBefore || left.has(id) || members.some(movedOrOlder))
  if (changed.length === 0) return nothing
  const heirs = heirsOf(left, solved)
  const ids = new Set(heirs.keys())
  // What a new identifier anchors cannot have had its id before.
  for (const { id, anchorKey } of changed) if (graph.identifiers.get(anchorKey)?.before !== null) ids.add(id)
  await stored.read(ids)
  return {
    profiles: [...liveRows(graph.workspace, { changed, left, stored: stored.rows }), ...redirects(stored.rows, heirs, solved)],
    ...moves(changed),
  }
}

function movedOrOlder({ before, now }: Tracked<IdentifierRow>): boolean {
  return before === null || before.profileId !== now.profileId || before.firstSeen !== now.firstSeen
}

/** Profiles that some identifier pointed at before and does not now. */
function leftBy(solved: readonly SolvedProfile[]): ReadonlySet<string> {
  const left = new Set<string>()
  for (const { members } of solved) {
    for (const { before, now } of members) {
      if (before !== null && before.profileId !== now.profileId) left.add(before.profileId)
    }
  }
  return left
}

/** The profile that takes over from each one left: where the identifier it was known longest by went. */
function heirsOf(left: ReadonlySet<string>, solved: readonly SolvedProfile[]): ReadonlyMap<string, string> {
  if (left.size === 0) return new Map()
  const best = new Map<string, { anchor: IdentifierRow, heir: string }>()
  for (const { id, members } of solved) {
    for (const { before } of members) {
      if (before === null || !left.has(before.profileId)) continue
      const known = best.get(before.profileId)
      if (known !== undefined && !anchorsBefore(before, known.anchor)) continue
      best.set(before.profileId, { anchor: before, heir: id })
    }
  }
  return new Map([...best].map(([id, { heir }]) => [id, heir]))
}

interface LiveInput {
  readonly changed: readonly SolvedProfile[]
  readonly left: ReadonlySet<string>
  readonly stored: ReadonlyMap<string, ProfileRow>
}

/** A row for each profile whose identifiers, creation time or composition changed, revived where it had been merged away. */
function liveRows(workspace: number, { changed, left, stored }: LiveInput): readonly ProfileRow[] {
  const rows: ProfileRow[] = []
  for (const { id, members, createdAt, composition } of changed) {
    const before = stored.get(id)
    const moved = left.has(id) || members.some((member) => member.before?.profileId !== member.now.profileId)
    const same = before !== undefined && !moved && before.createdAt === createdAt && isSameComposition(before.composition, composition)
    if (!same) rows.push({ workspace, id, version: (before?.version ?? 0) + 1, createdAt, mergedInto: null, composition })
  }
  return rows
}

/** Rows of the profiles that end here, and of those that redirected to one of them. */
function redirects(
  stored: ReadonlyMap<string, ProfileRow>, heirs: ReadonlyMap<string, string>, solved: readonly SolvedProfile[],
): readonly ProfileRow[] {
  const live = new Set(solved.map(({ id }) => id))
  const written: ProfileRow[] = []
  for (const row of stored.values()) {
    if (live.has(row.id)) continue
    const mergedInto = heirs.get(row.id) ?? (row.mergedInto === null ? undefined : heirOf(row.mergedInto, heirs, live))
    if (mergedInto === undefined) {
      throw new MillraceError('corrupt', `profile ${row.id} has neither identifiers nor an heir`)
    }
    if (mergedInto !== row.mergedInto) written.push({ ...row, mergedInto, version: row.version + 1, composition: null })
  }
  return written
}

/** Where a redirect to `target` leads; a target that lives on keeps it. */
function heirOf(target: string, heirs: ReadonlyMap<string, string>, live: ReadonlySet<string>): string {
  return live.has(target) ? target : heirs.get(target) ?? target
}

/** The merge log and overrides: only for identifiers that were there before and point elsewhere now. */
function moves(changed: readonly SolvedProfile[]): Pick<ProfileChanges, 'merges' | 'overrides'> {
  const merges: MergeRow[] = []
  const overrides: IdentityOverride[] = []
  for (const { id: toProfile, members, evidence } of changed) {
    const keysFrom = new Map<string, string[]>()
    for (const { before, now: { workspace, key, profileId, version } } of members) {
      if (before === null || before.profileId === profileId) continue
      overrides.push({ workspace, identifierKey: key, profileId, version })
      const keys = keysFrom.get(before.profileId)
      if (keys === undefined) keysFrom.set(before.profileId, [key])
      else keys.push(key)
    }
    const { workspace, messageId, metric, receivedAt: at } = evidence
    for (const [fromProfile, identifierKeys] of keysFrom) {
      identifierKeys.sort()
      merges.push({ workspace, fromProfile, toProfile, identifierKeys, cause: { messageId, metric }, at })
    }
  }
  return { merges, overrides }
}
