import { uuidBytes } from '../../../platform/uuid.ts'
import type { EdgeRow, IdentifierRow, MergeRow, ProfileRow, VetoRow } from '../../../ports/identity.ts'
import type {
  BatchRow, Claim, KeyRow, LoadRow, ObjectRow, OltpReader, PartitionRow, PartitionTotals, QuarantineRow, WorkspaceRow,
} from '../../../ports/oltp.ts'
import type { MetricTotal, TimelineQuery, TimelineRow } from '../../../ports/profile-reader.ts'
import { messageKey } from '../../../platform/uuid.ts'
import { Connection } from './connection.ts'
import { numberOf, textOf } from '../row.ts'
import { EventPeriods } from './event-periods.ts'
import { identifiersOf } from './sqlite-decide-transaction.ts'
import { edgeRow, identifierRow, mergeRow, profileRow, vetoRow } from '../identity-rows.ts'
import { batchRow, keyRow, loadRow, partitionRow, quarantineRow } from '../rows.ts'
import { batchesOf, objectOf } from './sqlite-oltp.ts'
import { readTimeline } from './timeline.ts'

/** Reads beside the writer, in any process; SQLite's WAL gives each statement a consistent snapshot. */
export class SqliteReader implements OltpReader {
  readonly #connection: Connection
  readonly #periods: EventPeriods

  constructor(path: string) {
    this.#connection = new Connection({ path, readOnly: true })
    this.#periods = new EventPeriods(this.#connection)
  }

  async setting(name: string): Promise<string | null> {
    const row = this.#connection.get('SELECT value FROM setting WHERE name = ?', name)
    return row === undefined ? null : textOf(row, 'value')
  }

  async keys(): Promise<readonly KeyRow[]> {
    return this.#connection.all('SELECT * FROM api_key ORDER BY created_at, id').map(keyRow)
  }

  async workspaces(): Promise<readonly WorkspaceRow[]> {
    return this.#connection.all('SELECT * FROM workspace ORDER BY workspace').map((row) => ({
      workspace: numberOf(row, 'workspace'), name: textOf(row, 'name'), createdAt: numberOf(row, 'created_at'),
    }))
  }

  async partitions(): Promise<readonly PartitionRow[]> {
    return this.#connection.all('SELECT * FROM partition WHERE partition >= 0 ORDER BY partition').map(partitionRow)
  }

  async totals(): Promise<readonly PartitionTotals[]> {
    const at = (cursor: string): string =>
      `LEFT JOIN batch AS ${cursor} ON ${cursor}.partition = partition.partition AND ${cursor}.batch = partition.`
    return this.#connection.all(`SELECT partition.partition AS partition,
        ifnull(decided.total_accepted, 0) AS accepted, ifnull(decided.total_stored, 0) AS stored,
        ifnull(decided.total_duplicate, 0) AS duplicate, ifnull(decided.total_quarantined, 0) AS quarantined,
        ifnull(archived.total_stored, 0) AS archived, ifnull(loaded.total_stored, 0) AS loaded
      FROM partition ${at('decided')}batch ${at('archived')}archived_batch ${at('loaded')}loaded_batch
      WHERE partition.partition >= 0 ORDER BY partition.partition`).map((row) => ({
      partition: numberOf(row, 'partition'),
      decided: {
        accepted: numberOf(row, 'accepted'), stored: numberOf(row, 'stored'),
        duplicate: numberOf(row, 'duplicate'), quarantined: numberOf(row, 'quarantined'),
      },
      archived: numberOf(row, 'archived'),
      loaded: numberOf(row, 'loaded'),
    }))
  }

  async batch(partition: number, batch: number): Promise<BatchRow | null> {
    const row = this.#connection.get('SELECT * FROM batch WHERE partition = ? AND batch = ?', partition, batch)
    return row === undefined ? null : batchRow(row)
  }

  async batches(partition: number, firstBatch: number, limit: number): Promise<readonly BatchRow[]> {
    return batchesOf(this.#connection, { partition, firstBatch, limit })
  }

  async objectOf(partition: number, batch: number): Promise<ObjectRow | null> {
    return objectOf(this.#connection, partition, batch)
  }

  async loadOf(partition: number, batch: number): Promise<LoadRow | null> {
    const row = this.#connection.get(`SELECT * FROM load WHERE partition = ? AND last_batch >= ? AND first_batch <= ? AND closes_run = 1
      ORDER BY last_batch LIMIT 1`, partition, batch, batch)
    return row === undefined ? null : loadRow(row)
  }

  async registered(workspace: number, messageIds: readonly string[]): Promise<readonly boolean[]> {
    return this.#periods.registered(workspace, messageIds)
  }

  async claimOf(workspace: number, messageId: string): Promise<Claim | null> {
    return this.#periods.find(workspace, messageId)
  }

  async quarantined(workspace: number, messageId: string): Promise<QuarantineRow | null> {
    const row = this.#connection.get('SELECT * FROM quarantine WHERE workspace = ? AND message_key = ?', workspace, messageKey(messageId))
    return row === undefined ? null : quarantineRow(row)
  }

  async identifier(workspace: number, key: string): Promise<IdentifierRow | null> {
    const row = this.#connection.get('SELECT * FROM identifier WHERE workspace = ? AND identifier_key = ?', workspace, uuidBytes(key))
    return row === undefined ? null : identifierRow(row)
  }

  async identifiers(workspace: number, keys: readonly string[]): Promise<readonly IdentifierRow[]> {
    return identifiersOf(this.#connection, workspace, keys)
  }

  async profile(workspace: number, id: string): Promise<ProfileRow | null> {
    const row = this.#connection.get('SELECT * FROM profile WHERE workspace = ? AND profile_id = ?', workspace, uuidBytes(id))
    return row === undefined ? null : profileRow(row)
  }

  async identifiersOf(workspace: number, profileId: string, limit: number): Promise<readonly IdentifierRow[]> {
    return this.#connection.all('SELECT * FROM identifier WHERE workspace = ? AND profile_id = ? ORDER BY identifier_key LIMIT ?',
      workspace, uuidBytes(profileId), limit).map(identifierRow)
  }

  async registersOf(workspace: number, identifierKeys: readonly string[]): Promise<readonly string[]> {
    const statement = this.#connection.statement('SELECT registers FROM identifier_register WHERE workspace = ? AND identifier_key = ?')
    return identifierKeys.flatMap((key) => {
      const row = statement.get(workspace, uuidBytes(key))
      return row === undefined ? [] : [textOf(row, 'registers')]
    })
  }

  async metricTotals(workspace: number, identifierKeys: readonly string[]): Promise<readonly MetricTotal[]> {
    const totals = new Map<string, MetricTotal>()
    const statement = this.#connection.statement('SELECT * FROM identifier_metric WHERE workspace = ? AND identifier_key = ?')
    for (const key of identifierKeys) {
      for (const row of statement.all(workspace, uuidBytes(key))) {
        const metric = textOf(row, 'metric')
        const before = totals.get(metric)
        totals.set(metric, {
          metric,
          count: (before?.count ?? 0) + numberOf(row, 'count'),
          firstAt: Math.min(before?.firstAt ?? Infinity, numberOf(row, 'first_at')),
          lastAt: Math.max(before?.lastAt ?? -Infinity, numberOf(row, 'last_at')),
        })
      }
    }
    return [...totals.values()].toSorted((a, b) => b.lastAt - a.lastAt || (a.metric < b.metric ? -1 : 1))
  }

  async timeline(query: TimelineQuery): Promise<readonly TimelineRow[]> {
    return readTimeline(this.#connection, query)
  }

  async edgesOf(workspace: number, identifierKeys: readonly string[], limit: number): Promise<readonly EdgeRow[]> {
    const edges = new Map<string, EdgeRow>()
    for (const end of ['a', 'b']) {
      const statement = this.#connection.statement(`SELECT * FROM identity_edge WHERE workspace = ? AND ${end} = ? LIMIT ?`)
      for (const key of identifierKeys) {
        for (const row of statement.all(workspace, uuidBytes(key), limit)) {
          const edge = edgeRow(row)
          if (edges.size < limit) edges.set(`${edge.a}/${edge.b}`, edge)
        }
      }
    }
    return [...edges.values()]
  }

  async vetoesOf(workspace: number, identifierKeys: readonly string[], limit: number): Promise<readonly VetoRow[]> {
    const statement = this.#connection.statement('SELECT * FROM identity_veto WHERE workspace = ? AND (a = ? OR b = ?) LIMIT ?')
    const found = new Map<string, VetoRow>()
    for (const key of identifierKeys.map(uuidBytes)) {
      for (const veto of statement.all(workspace, key, key, limit).map(vetoRow)) if (found.size < limit) found.set(`${veto.a}/${veto.b}`, veto)
    }
    return [...found.values()]
  }

  async mergesOf(workspace: number, profileId: string, limit: number): Promise<readonly MergeRow[]> {
    return this.#connection.all(`SELECT * FROM merge_log WHERE workspace = ? AND (from_profile = ? OR to_profile = ?)
      ORDER BY at DESC LIMIT ?`, workspace, uuidBytes(profileId), uuidBytes(profileId), limit).map(mergeRow)
  }

  async close(): Promise<void> {
    this.#connection.close()
  }
}
