import { uuidBytes, uuidText } from '../../../platform/uuid.ts'
import type { TimelineQuery, TimelineRow } from '../../../ports/profile-reader.ts'
import { totalsOf, totalsOfMetric } from './activity.ts'
import type { Connection } from './connection.ts'
import { numberOf, textOf } from '../row.ts'
import { shapesOf } from './property-shapes.ts'

/** One clustered range that can hold events of the page. */
interface Range {
  readonly key: Buffer
  readonly metric: string
  readonly lastAt: number
}

/**
 * A page of a person's events. The table is clustered by identifier and metric, so the page is a merge of ranges:
 * newest range first, stopping when the page is full of events newer than anything a later range can hold.
 */
export function readTimeline(connection: Connection, query: TimelineQuery): readonly TimelineRow[] {
  const before = Math.min(query.before ?? Number.MAX_SAFE_INTEGER, query.cursor === undefined ? Number.MAX_SAFE_INTEGER : query.cursor.time + 1)
  const after = query.after ?? Number.MIN_SAFE_INTEGER
  let page: TimelineRow[] = []
  for (const range of ranges(connection, query, { before, after })) {
    const oldest = page.length === query.limit ? page.at(-1) : undefined
    if (oldest !== undefined && oldest.time > range.lastAt) break
    const rows = readRange(connection, query, { range, before, after: Math.max(after, (oldest?.time ?? after + 1) - 1) })
    if (rows.length > 0) page = [...page, ...rows].toSorted(newestFirst).slice(0, query.limit)
  }
  return page
}

function ranges(connection: Connection, query: TimelineQuery, { before, after }: { before: number; after: number }): readonly Range[] {
  const { workspace, metric } = query
  return query.identifierKeys.map(uuidBytes)
    .flatMap((key) => (metric === undefined ? totalsOf(connection, workspace, key) : totalsOfMetric(connection, { workspace, key, metric })).map((row) => ({ key, row })))
    .filter(({ row }) => numberOf(row, 'first_at') < before && numberOf(row, 'last_at') > after)
    .map(({ key, row }) => ({ key, metric: textOf(row, 'metric'), lastAt: numberOf(row, 'last_at') }))
    .toSorted((a, b) => b.lastAt - a.lastAt)
}

function readRange(
  connection: Connection, query: TimelineQuery, { range, before, after }: { range: Range; before: number; after: number },
): TimelineRow[] {
  const cursorTime = query.cursor?.time ?? Number.MAX_SAFE_INTEGER
  const cursorId = query.cursor?.messageId ?? ''
  return connection.all(`SELECT time, message_id, properties FROM activity WHERE workspace = ? AND identifier_key = ? AND metric = ? AND time < ? AND time > ?
      AND (time, message_id) < (?, ?) ORDER BY time DESC, message_id DESC LIMIT ?`,
  query.workspace, range.key, range.metric, before, after, cursorTime, cursorId, query.limit).map((row) => ({
    workspace: query.workspace, identifierKey: uuidText(range.key), metric: range.metric,
    time: numberOf(row, 'time'), messageId: textOf(row, 'message_id'), properties: shapesOf(connection).unpack(textOf(row, 'properties')),
  }))
}

function newestFirst(a: TimelineRow, b: TimelineRow): number {
  return b.time - a.time || (a.messageId < b.messageId ? 1 : a.messageId > b.messageId ? -1 : 0)
}
