import { MillraceError } from '../../platform/errors.ts'
import { type SegmentDraft, type SegmentRow, segmentsMax } from '../../ports/oltp.ts'

/** The row that a draft becomes beside the newest versions of a workspace's segments; fails as `putSegment` of the port says. */
export function nextSegment(newest: readonly SegmentRow[], { workspace, id, newId, name, definition, createdAt }: SegmentDraft): SegmentRow {
  const named = newest.find((row) => row.name === name)
  const known = id === null ? named : newest.find((row) => row.id === id)
  if (id !== null && known === undefined) throw new MillraceError('not_found', `there is no segment ${id}`)
  if (named !== undefined && named.id !== known?.id) throw new MillraceError('bad_request', `another segment is named ${JSON.stringify(name)}`)
  if (known === undefined && newest.length >= segmentsMax) throw new MillraceError('bad_request', `a workspace may have ${segmentsMax} segments`)
  return { workspace, id: known?.id ?? newId, version: (known?.version ?? 0) + 1, name, definition, createdAt }
}
