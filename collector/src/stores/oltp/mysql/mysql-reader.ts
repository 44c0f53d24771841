import type { Pool } from 'mysql2/promise'
import { messageKey, uuidBytes, uuidText } from '../../../platform/uuid.ts'
import type { EdgeRow, IdentifierRow, MergeRow, ProfileRow, VetoRow } from '../../../ports/identity.ts'
import type {
  BatchRow, Claim, KeyRow, LoadRow, ObjectRow, OltpReader, PartitionRow, PartitionTotals, QuarantineRow, WorkspaceRow,
} from '../../../ports/oltp.ts'
import type { MetricTotal, TimelineQuery, TimelineRow } from '../../../ports/profile-reader.ts'
import { forEver } from '../event-period.ts'
import { edgeRow, identifierRow, mergeRow, profileRow, vetoRow } from '../identity-rows.ts'
import { bytesOf, numberOf, textOf } from '../row.ts'
import { batchRow, keyRow, loadRow, partitionRow, quarantineRow } from '../rows.ts'
import { readBatches, readObjectOf } from './mysql-oltp.ts'
import { openPool, parseMysqlUrl } from './open-pool.ts'
import { Session } from './session.ts'
import { readTimeline } from './timeline.ts'

const connectionsMax = 12

/** The reading half of the address that {@link openMysqlOltp} describes; each statement sees what is committed. */
export async function openMysqlReader(url: string): Promise<OltpReader> {
  return new MysqlReader(await openPool(parseMysqlUrl(url), connectionsMax))
}

class MysqlReader implements OltpReader {
  readonly #pool: Pool
  readonly #session: Session

  constructor(pool: Pool) {
    this.#pool = pool
    this.#session = new Session(pool)
  }

  async setting(name: string): Promise<string | null> {
    const row = await this.#session.get('SELECT value FROM setting WHERE name = ?', name)
    return row === undefined ? null : textOf(row, 'value')
  }

  async keys(): Promise<readonly KeyRow[]> {
    return (await this.#session.all('SELECT * FROM api_key ORDER BY created_at, id')).map(keyRow)
  }

  async workspaces(): Promise<readonly WorkspaceRow[]> {
    return (await this.#session.all('SELECT * FROM workspace ORDER BY workspace')).map((row) => ({
      workspace: numberOf(row, 'workspace'), name: textOf(row, 'name'), createdAt: numberOf(row, 'created_at'),
    }))
  }

  async partitions(): Promise<readonly PartitionRow[]> {
    return (await this.#session.all('SELECT * FROM `partition` WHERE `partition` >= 0 ORDER BY `partition`')).map(partitionRow)
  }

  async totals(): Promise<readonly PartitionTotals[]> {
    const at = (cursor: string): string => `LEFT JOIN batch AS ${cursor} ON ${cursor}.\`partition\` = p.\`partition\` AND ${cursor}.batch = p.`
    const rows = await this.#session.all(`SELECT p.\`partition\` AS number,
        IFNULL(decided.total_accepted, 0) AS accepted, IFNULL(decided.total_stored, 0) AS \`stored\`,
        IFNULL(decided.total_duplicate, 0) AS duplicate, IFNULL(decided.total_quarantined, 0) AS quarantined,
        IFNULL(archived.total_stored, 0) AS archived, IFNULL(loaded.total_stored, 0) AS loaded
      FROM \`partition\` AS p ${at('decided')}batch ${at('archived')}archived_batch ${at('loaded')}loaded_batch WHERE p.\`partition\` >= 0 ORDER BY p.\`partition\``)
    return rows.map((row) => ({
      partition: numberOf(row, 'number'),
      decided: {
        accepted: numberOf(row, 'accepted'), stored: numberOf(row, 'stored'),
        duplicate: numberOf(row, 'duplicate'), quarantined: numberOf(row, 'quarantined'),
      },
      archived: numberOf(row, 'archived'),
      loaded: numberOf(row, 'loaded'),
    }))
  }

  async batch(partition: number, batch: number): Promise<BatchRow | null> {
    const row = await this.#session.get('SELECT * FROM batch WHERE `partition` = ? AND batch = ?', partition, batch)
    return row === undefined ? null : batchRow(row)
  }

  batches(partition: number, firstBatch: number, limit: number): Promise<readonly BatchRow[]> {
    return readBatches(this.#session, { partition, firstBatch, limit })
  }

  objectOf(partition: number, batch: number): Promise<ObjectRow | null> {
    return readObjectOf(this.#session, partition, batch)
  }

  async loadOf(partition: number, batch: number): Promise<LoadRow | null> {
    const row = await this.#session.get(`SELECT * FROM \`load\` WHERE \`partition\` = ? AND last_batch >= ? AND first_batch <= ? AND closes_run = 1
      ORDER BY last_batch LIMIT 1`, partition, batch, batch)
    return row === undefined ? null : loadRow(row)
  }

  async registered(workspace: number, messageIds: readonly string[]): Promise<readonly boolean[]> {
    const keys = messageIds.map(messageKey)
    const rows = await this.#session.allOf(keys, 'SELECT message_key FROM event_key WHERE workspace = ? AND period_end = ? AND message_key IN (?)', workspace, forEver)
    const found = new Set(rows.map((row) => bytesOf(row, 'message_key').toString('latin1')))
    return keys.map((key) => found.has(key.toString('latin1')))
  }

  async claimOf(workspace: number, messageId: string): Promise<Claim | null> {
    const row = await this.#session.get('SELECT `partition`, batch, identifier_key FROM event_key WHERE workspace = ? AND message_key = ?',
      workspace, messageKey(messageId))
    if (row === undefined) return null
    const identifierKey = row.identifier_key === null ? null : uuidText(bytesOf(row, 'identifier_key'))
    return { partition: numberOf(row, 'partition'), batch: numberOf(row, 'batch'), identifierKey }
  }

  async quarantined(workspace: number, messageId: string): Promise<QuarantineRow | null> {
    const row = await this.#session.get('SELECT * FROM quarantine WHERE workspace = ? AND message_key = ?', workspace, messageKey(messageId))
    return row === undefined ? null : quarantineRow(row)
  }

  async identifier(workspace: number, key: string): Promise<IdentifierRow | null> {
    const row = await this.#session.get('SELECT * FROM identifier WHERE workspace = ? AND identifier_key = ?', workspace, uuidBytes(key))
    return row === undefined ? null : identifierRow(row)
  }

  async identifiers(workspace: number, keys: readonly string[]): Promise<readonly IdentifierRow[]> {
    return (await this.#session.allOf(keys.map(uuidBytes), 'SELECT * FROM identifier WHERE workspace = ? AND identifier_key IN (?)', workspace)).map(identifierRow)
  }

  async profile(workspace: number, id: string): Promise<ProfileRow | null> {
    const row = await this.#session.get('SELECT * FROM profile WHERE workspace = ? AND profile_id = ?', workspace, uuidBytes(id))
    return row === undefined ? null : profileRow(row)
  }

  async identifiersOf(workspace: number, profileId: string, limit: number): Promise<readonly IdentifierRow[]> {
    return (await this.#session.all('SELECT * FROM identifier WHERE workspace = ? AND profile_id = ? ORDER BY identifier_key LIMIT ?',
      workspace, uuidBytes(profileId), limit)).map(identifierRow)
  }

  async registersOf(workspace: number, identifierKeys: readonly string[]): Promise<readonly string[]> {
    const rows = await this.#session.allOf(identifierKeys.map(uuidBytes),
      'SELECT identifier_key, registers FROM identifier_register WHERE workspace = ? AND identifier_key IN (?)', workspace)
    const found = new Map(rows.map((row) => [uuidText(bytesOf(row, 'identifier_key')), textOf(row, 'registers')]))
    return identifierKeys.flatMap((key) => found.get(key) ?? [])
  }

  async metricTotals(workspace: number, identifierKeys: readonly string[]): Promise<readonly MetricTotal[]> {
    const totals = new Map<string, MetricTotal>()
    const rows = await this.#session.allOf(identifierKeys.map(uuidBytes), `SELECT metric, CAST(SUM(count) AS SIGNED) AS total, MIN(first_at) AS first_at,
      MAX(last_at) AS last_at FROM identifier_metric WHERE workspace = ? AND identifier_key IN (?) GROUP BY metric`, workspace)
    for (const row of rows) {
      const metric = textOf(row, 'metric')
      const before = totals.get(metric)
      totals.set(metric, {
        metric,
        count: (before?.count ?? 0) + numberOf(row, 'total'),
        firstAt: Math.min(before?.firstAt ?? Infinity, numberOf(row, 'first_at')),
        lastAt: Math.max(before?.lastAt ?? -Infinity, numberOf(row, 'last_at')),
      })
    }
    return [...totals.values()].toSorted((a, b) => b.lastAt - a.lastAt || (a.metric < b.metric ? -1 : 1))
  }

  timeline(query: TimelineQuery): Promise<readonly TimelineRow[]> {
    return readTimeline(this.#session, query)
  }

  async edgesOf(workspace: number, identifierKeys: readonly string[], limit: number): Promise<readonly EdgeRow[]> {
    const edges = new Map<string, EdgeRow>()
    for (const end of ['a', 'b']) {
      const rows = await this.#session.allOf(identifierKeys.map(uuidBytes),
        `SELECT * FROM identity_edge WHERE workspace = ? AND ${end} IN (?) LIMIT ${Math.trunc(limit)}`, workspace)
      for (const edge of rows.map(edgeRow)) if (edges.size < limit) edges.set(`${edge.a}/${edge.b}`, edge)
    }
    return [...edges.values()]
  }

  async vetoesOf(workspace: number, identifierKeys: readonly string[], limit: number): Promise<readonly VetoRow[]> {
    const keys = identifierKeys.map(uuidBytes)
    const found = new Map<string, VetoRow>()
    for (const end of ['a', 'b']) {
      const rows = await this.#session.allOf(keys, `SELECT * FROM identity_veto WHERE workspace = ? AND ${end} IN (?) LIMIT ${Math.trunc(limit)}`, workspace)
      for (const veto of rows.map(vetoRow)) if (found.size < limit) found.set(`${veto.a}/${veto.b}`, veto)
    }
    return [...found.values()]
  }

  async mergesOf(workspace: number, profileId: string, limit: number): Promise<readonly MergeRow[]> {
    return (await this.#session.all('SELECT * FROM merge_log WHERE workspace = ? AND (from_profile = ? OR to_profile = ?) ORDER BY at DESC LIMIT ?',
      workspace, uuidBytes(profileId), uuidBytes(profileId), limit)).map(mergeRow)
  }

  close(): Promise<void> {
    return this.#pool.end()
  }
}
