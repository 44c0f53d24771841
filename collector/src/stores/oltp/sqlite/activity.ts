import { uuidBytes } from '../../../platform/uuid.ts'
import type { EdgeRow } from '../../../ports/identity.ts'
import type { MetricDelta } from '../../../ports/oltp.ts'
import type { TimelineRow } from '../../../ports/profile-reader.ts'
import { edgeRow } from '../identity-rows.ts'
import { numberOf, type Row } from '../row.ts'
import type { Connection } from './connection.ts'
import { shapesOf } from './property-shapes.ts'

/**
 * What is counted of an identifier lies in one tree with its events: before the first event of a metric its totals, before all of them when each of
 * its edges was last seen. An event then writes one page of its person and not one of each table, and of many people nearly every row has a page
 * to itself. Rows that count have this time, which no event can have: the least number that is exact in JavaScript, as a text of SQL. Those of an edge
 * stand under the empty metric, which is the name of none.
 */
const countedAt = '-9007199254740991'

const columns = 'workspace, identifier_key, metric, time, message_id, properties, count, first_at, last_at'

export function addMetric(connection: Connection, row: MetricDelta): void {
  connection.run(`INSERT INTO activity (${columns}) VALUES (?, ?, ?, ${countedAt}, '', '', ?, ?, ?)
    ON CONFLICT DO UPDATE SET count = count + excluded.count, first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)`,
  row.workspace, uuidBytes(row.identifierKey), row.metric, row.count, row.firstAt, row.lastAt)
}

/** `metric`, `count`, `first_at` and `last_at` of each metric that the identifier has events of, in order of metrics. */
export function totalsOf(connection: Connection, workspace: number, identifierKey: Buffer): readonly Row[] {
  const next = connection.statement(`SELECT metric, count, first_at, last_at FROM activity
    WHERE workspace = ? AND identifier_key = ? AND metric > ? AND time = ${countedAt} ORDER BY metric LIMIT 1`)
  const rows: Row[] = []
  // From one metric to the next over all its events.
  for (let row = next.get(workspace, identifierKey, ''); row !== undefined; row = next.get(workspace, identifierKey, row.metric ?? null)) rows.push(row)
  return rows
}

/** The same of one metric, if there are events of it. */
export function totalsOfMetric(connection: Connection, { workspace, key, metric }: { readonly workspace: number; readonly key: Buffer; readonly metric: string }): readonly Row[] {
  return connection.all(`SELECT metric, count, first_at, last_at FROM activity
    WHERE workspace = ? AND identifier_key = ? AND metric = ? AND time = ${countedAt} AND message_id = ''`, workspace, key, metric)
}

export function putEvent(connection: Connection, row: TimelineRow): void {
  // A message id that comes again after the duplicate window is stored again, but it is the same moment of the same person.
  connection.run('INSERT OR IGNORE INTO activity (workspace, identifier_key, metric, time, message_id, properties) VALUES (?, ?, ?, ?, ?, ?)',
    row.workspace, uuidBytes(row.identifierKey), row.metric, row.time, row.messageId, shapesOf(connection).pack(row.properties, row.identifierKey))
}

/** An edge of which nothing but this changed since it was stored. */
export function putSighting(connection: Connection, { workspace, a, b, count, lastSeen }: EdgeRow): void {
  connection.run(`INSERT INTO activity (${columns}) VALUES (?, ?, '', ${countedAt}, lower(hex(?)), '', ?, ?, ?)
    ON CONFLICT DO UPDATE SET count = excluded.count, last_at = excluded.last_at`, workspace, uuidBytes(a), uuidBytes(b), count, lastSeen, lastSeen)
}

/** Edges with what was counted of them since they were stored; both only ever rise, so the greater is the newer. */
export const seenEdges = `SELECT edge.*, sighting.count AS seen_count, sighting.last_at AS seen_last FROM identity_edge AS edge LEFT JOIN activity AS sighting
  ON sighting.workspace = edge.workspace AND sighting.identifier_key = edge.a AND sighting.metric = '' AND sighting.time = ${countedAt}
  AND sighting.message_id = lower(hex(edge.b))`

export function seenEdgeRow(row: Row): EdgeRow {
  const edge = edgeRow(row)
  if (row.seen_count === null) return edge
  return { ...edge, count: Math.max(edge.count, numberOf(row, 'seen_count')), lastSeen: Math.max(edge.lastSeen, numberOf(row, 'seen_last')) }
}

/** Removes all that is counted of an identifier, and of its edges wherever it is. Returns the rows of metrics. */
export function removeCounts(connection: Connection, workspace: number, identifierKey: Buffer): number {
  connection.run(`DELETE FROM activity WHERE workspace = ?1 AND metric = '' AND time = ${countedAt} AND message_id = lower(hex(?2))
    AND identifier_key IN (SELECT a FROM identity_edge WHERE workspace = ?1 AND b = ?2)`, workspace, identifierKey)
  connection.run(`DELETE FROM activity WHERE workspace = ? AND identifier_key = ? AND metric = ''`, workspace, identifierKey)
  return connection.run(`DELETE FROM activity WHERE workspace = ? AND identifier_key = ? AND time = ${countedAt}`, workspace, identifierKey)
}

/** Removes the events of an identifier whose counts are gone. */
export function removeEvents(connection: Connection, workspace: number, identifierKey: Buffer): number {
  return connection.run('DELETE FROM activity WHERE workspace = ? AND identifier_key = ?', workspace, identifierKey)
}
