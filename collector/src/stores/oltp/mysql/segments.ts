import { uuidBytes } from '../../../platform/uuid.ts'
import type { NewSegment, SegmentDraft, SegmentRow } from '../../../ports/oltp.ts'
import { missingSegments, nextSegment } from '../next-segment.ts'
import { segmentRow } from '../rows.ts'
import type { Session } from './session.ts'

/** Inside of a transaction; two of one workspace take turns at its row. */
export async function putSegment(session: Session, draft: SegmentDraft): Promise<SegmentRow> {
  await takeTurn(session, draft.workspace)
  const row = nextSegment(await newestSegments(session, draft.workspace), draft)
  await insert(session, [row])
  return row
}

/** Inside of a transaction, in turns as {@link putSegment}. */
export async function addSegments(session: Session, workspace: number, drafts: readonly NewSegment[]): Promise<void> {
  await takeTurn(session, workspace)
  const rows = missingSegments(await newestSegments(session, workspace), workspace, drafts)
  if (rows.length > 0) await insert(session, rows)
}

async function takeTurn(session: Session, workspace: number): Promise<void> {
  await session.all('SELECT workspace FROM workspace WHERE workspace = ? FOR UPDATE', workspace)
}

async function insert(session: Session, rows: readonly SegmentRow[]): Promise<void> {
  await session.insertNew('INSERT INTO segment (workspace, segment_id, version, name, definition, created_at) VALUES ?',
    rows.map((row) => [row.workspace, uuidBytes(row.id), row.version, row.name, row.definition, row.createdAt]))
}

export async function newestSegments(session: Session, workspace: number): Promise<readonly SegmentRow[]> {
  return (await session.all(`SELECT newest.* FROM segment AS newest WHERE newest.workspace = ? AND newest.version =
    (SELECT MAX(version) FROM segment WHERE workspace = newest.workspace AND segment_id = newest.segment_id)
    ORDER BY newest.segment_id`, workspace)).map(segmentRow)
}

export async function readSegment(
  session: Session, { workspace, id, version }: { workspace: number; id: string; version: number | null },
): Promise<SegmentRow | null> {
  const row = version === null
    ? await session.get('SELECT * FROM segment WHERE workspace = ? AND segment_id = ? ORDER BY version DESC LIMIT 1', workspace, uuidBytes(id))
    : await session.get('SELECT * FROM segment WHERE workspace = ? AND segment_id = ? AND version = ?', workspace, uuidBytes(id), version)
  return row === undefined ? null : segmentRow(row)
}
