import { MillraceError } from '../../platform/errors.ts'
import { type NewSegment, type SegmentDraft, type SegmentRow, segmentsMax } from '../../ports/oltp.ts'

/** The row that a draft becomes beside the newest versions of a workspace's segments; fails as `putSegment` of the port says. */
export function nextSegment(newest: readonly SegmentRow[], { workspace, id, newId, name, definition, createdAt }: SegmentDraft): SegmentRow {
  const named = newest.find((row) => row.name === name)
  const known = id === null ? named : newest.find((row) => row.id === id)
  if (id !== null && known === undefined) throw new MillraceError('not_found', `there is no segment ${id}`)
  if (named !== undefined && named.id !== known?.id) throw new MillraceError('bad_request', `another segment is named ${JSON.stringify(name)}`)
  if (known === undefined && newest.length >= segmentsMax) throw new MillraceError('bad_request', `a workspace may have ${segmentsMax} segments`)
  return { workspace, id: known?.id ?? newId, version: (known?.version ?? 0) + 1, name, definition, createdAt }
}

/** The rows that `addSegments` of the port adds to the newest versions of a workspace's segments. */
export function missingSegments(newest: readonly SegmentRow[], workspace: number, drafts: readonly NewSegment[]): readonly SegmentRow[] {
  const rows = [...newest]
  for (const draft of drafts) {
    if (rows.length < segmentsMax && !rows.some(({ name }) => name === draft.name)) rows.push(nextSegment(rows, { ...draft, workspace, id: null }))
  }
  return rows.slice(newest.length)
}
