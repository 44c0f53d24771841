import { uuidBytes } from '../../../platform/uuid.ts'
import type { NewSegment, SegmentDraft, SegmentRow } from '../../../ports/oltp.ts'
import { missingSegments, nextSegment } from '../next-segment.ts'
import { segmentRow } from '../rows.ts'
import type { Connection } from './connection.ts'

/** Inside of a write transaction. */
export function putSegment(connection: Connection, draft: SegmentDraft): SegmentRow {
  const row = nextSegment(newestSegments(connection, draft.workspace), draft)
  insert(connection, row)
  return row
}

/** Inside of a write transaction. */
export function addSegments(connection: Connection, workspace: number, drafts: readonly NewSegment[]): void {
  for (const row of missingSegments(newestSegments(connection, workspace), workspace, drafts)) insert(connection, row)
}

function insert(connection: Connection, row: SegmentRow): void {
  connection.run('INSERT INTO segment (workspace, segment_id, version, name, definition, created_at) VALUES (?, ?, ?, ?, ?, ?)',
    row.workspace, uuidBytes(row.id), row.version, row.name, row.definition, row.createdAt)
}

export function newestSegments(connection: Connection, workspace: number): readonly SegmentRow[] {
  return connection.all(`SELECT * FROM segment AS newest WHERE workspace = ? AND version =
    (SELECT max(version) FROM segment WHERE workspace = newest.workspace AND segment_id = newest.segment_id)
    ORDER BY segment_id`, workspace).map(segmentRow)
}

export function readSegment(
  connection: Connection, { workspace, id, version }: { workspace: number; id: string; version: number | null },
): SegmentRow | null {
  const row = version === null
    ? connection.get('SELECT * FROM segment WHERE workspace = ? AND segment_id = ? ORDER BY version DESC LIMIT 1', workspace, uuidBytes(id))
    : connection.get('SELECT * FROM segment WHERE workspace = ? AND segment_id = ? AND version = ?', workspace, uuidBytes(id), version)
  return row === undefined ? null : segmentRow(row)
}
