import { uuidBytes, uuidText } from '../../../platform/uuid.ts'
import type { TimelineQuery, TimelineRow } from '../../../ports/profile-reader.ts'
import { bytesOf, numberOf, textOf } from '../row.ts'
import type { Session, Value } from './session.ts'

/** One clustered range that can hold events of the page. */
interface Range {
  readonly key: Buffer
  readonly metric: string
  readonly lastAt: number
}

/** Ranges that one statement merges. */
const rangesMax = 24

/**
 * A page of a person's events. The table is clustered by identifier and metric, so the page is a merge of ranges, a few
 * dozen in one statement: newest ranges first, until the page is full of events newer than anything a later one can hold.
 */
export async function readTimeline(session: Session, query: TimelineQuery): Promise<readonly TimelineRow[]> {
  const before = Math.min(query.before ?? Number.MAX_SAFE_INTEGER, query.cursor === undefined ? Number.MAX_SAFE_INTEGER : query.cursor.time + 1)
  const after = query.after ?? Number.MIN_SAFE_INTEGER
  const all = await ranges(session, query, { before, after })
  let page: TimelineRow[] = []
  for (let from = 0; from < all.length; from += rangesMax) {
    const some = all.slice(from, from + rangesMax)
    const oldest = page.length === query.limit ? page.at(-1) : undefined
    if (oldest !== undefined && oldest.time > (some[0]?.lastAt ?? 0)) break
    const rows = await readRanges(session, query, { some, before, after })
    page = [...page, ...rows].toSorted(newestFirst).slice(0, query.limit)
  }
  return page
}

async function ranges(session: Session, query: TimelineQuery, { before, after }: { before: number; after: number }): Promise<readonly Range[]> {
  const rows = await session.allOf(query.identifierKeys.map(uuidBytes),
    'SELECT identifier_key, metric, last_at FROM identifier_metric WHERE workspace = ? AND first_at < ? AND last_at > ? AND identifier_key IN (?)',
    query.workspace, before, after)
  return rows
    .map((row) => ({ key: bytesOf(row, 'identifier_key'), metric: textOf(row, 'metric'), lastAt: numberOf(row, 'last_at') }))
    .filter(({ metric }) => query.metric === undefined || metric === query.metric)
    .toSorted((a, b) => b.lastAt - a.lastAt)
}

async function readRanges(
  session: Session, query: TimelineQuery, { some, before, after }: { some: readonly Range[]; before: number; after: number },
): Promise<readonly TimelineRow[]> {
  const { workspace, cursor, limit } = query
  // Written out: a row comparison would not be served by the key.
  const past = cursor === undefined ? '' : 'AND (time < ? OR message_id < ?)'
  const one = `(SELECT identifier_key, metric, time, message_id, properties FROM timeline
    WHERE workspace = ? AND identifier_key = ? AND metric = ? AND time < ? AND time > ? ${past} ORDER BY time DESC, message_id DESC LIMIT ?)`
  const values = some.flatMap((range): Value[] => [
    workspace, range.key, range.metric, before, after, ...(cursor === undefined ? [] : [cursor.time, cursor.messageId]), limit,
  ])
  const rows = await session.all(`${some.map(() => one).join(' UNION ALL ')} ORDER BY time DESC, message_id DESC LIMIT ?`, ...values, limit)
  return rows.map((row) => ({
    workspace, identifierKey: uuidText(bytesOf(row, 'identifier_key')), metric: textOf(row, 'metric'),
    time: numberOf(row, 'time'), messageId: textOf(row, 'message_id'), properties: textOf(row, 'properties'),
  }))
}

function newestFirst(a: TimelineRow, b: TimelineRow): number {
  return b.time - a.time || (a.messageId < b.messageId ? 1 : a.messageId > b.messageId ? -1 : 0)
}
