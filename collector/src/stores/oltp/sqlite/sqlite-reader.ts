import type { AutomationReader } from '../../../ports/automation-store.ts'
import type { ErasureReader } from '../../../ports/erasure-store.ts'
import type { KeyRow } from '../../../ports/key.ts'
import type { LoadRefusal } from '../../../ports/load-outcome.ts'
import type {
  BatchRow, Claim, LoadRow, ObjectRow, OltpReader, PartitionRow, PartitionTotals, QuarantineQuery, QuarantineRow, SegmentRow, WorkspaceRow,
} from '../../../ports/oltp.ts'
import type { ResolveRow, SettingsRow } from '../../../ports/workspace-settings.ts'
import { messageKey } from '../../../platform/uuid.ts'
import { Connection } from './connection.ts'
import { numberOf, textOf } from '../row.ts'
import { EventPeriods } from './event-periods.ts'
import { batchRow, keyRow, loadRefusal, loadRow, partitionRow, quarantineRow, selectKeys } from '../rows.ts'
import { SqliteAutomationReader } from './sqlite-automation-reader.ts'
import { readErasure } from './sqlite-erasure-store.ts'
import { batchesOf, objectOf } from './sqlite-oltp.ts'
import { SqliteProfileReader } from './sqlite-profile-reader.ts'
import { newestSegments, readSegment } from './segments.ts'
import { newestSettings, resolveOf, settingsOf, settingsVersions } from './workspace-settings.ts'

/** Reads beside the writer, in any process; SQLite's WAL gives each statement a consistent snapshot. */
export class SqliteReader extends SqliteProfileReader implements OltpReader {
  readonly automations: AutomationReader
  readonly erasures: ErasureReader
  readonly #connection: Connection
  readonly #periods: EventPeriods

  constructor(path: string) {
    const connection = new Connection({ path, readOnly: true })
    super(connection)
    this.#connection = connection
    this.automations = new SqliteAutomationReader(connection)
    this.#periods = new EventPeriods(this.#connection)
    this.erasures = {
      erasure: async (workspace, id) => readErasure(this.#connection, workspace, id),
      openErasures: async () => numberOf(this.#connection.get('SELECT count(*) AS open FROM erasure WHERE report IS NULL') ?? {}, 'open'),
      erasedEvents: async () => numberOf(this.#connection.get('SELECT ifnull(sum(erased_events), 0) AS events FROM erasure') ?? {}, 'events'),
    }
  }

  async setting(name: string): Promise<string | null> {
    const row = this.#connection.get('SELECT value FROM setting WHERE name = ?', name)
    return row === undefined ? null : textOf(row, 'value')
  }

  async keys(): Promise<readonly KeyRow[]> {
    return this.#connection.all(selectKeys).map(keyRow)
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

  async refusals(): Promise<readonly LoadRefusal[]> {
    return this.#connection.all('SELECT * FROM load_refusal ORDER BY partition, load').map(loadRefusal)
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

  async quarantine({ workspace, reason, after, limit }: QuarantineQuery): Promise<readonly QuarantineRow[]> {
    return this.#connection.all(`SELECT * FROM quarantine WHERE workspace = ? AND message_key > ? AND (? IS NULL OR reason = ?)
      ORDER BY message_key LIMIT ?`, workspace, after === null ? Buffer.alloc(0) : messageKey(after), reason, reason, limit).map(quarantineRow)
  }

  async segments(workspace: number): Promise<readonly SegmentRow[]> {
    return newestSegments(this.#connection, workspace)
  }

  async segment(workspace: number, id: string, version: number | null): Promise<SegmentRow | null> {
    return readSegment(this.#connection, { workspace, id, version })
  }

  async newestSettings(): Promise<readonly SettingsRow[]> {
    return newestSettings(this.#connection)
  }

  async settings(workspace: number, version: number | null): Promise<SettingsRow | null> {
    return settingsOf(this.#connection, workspace, version)
  }

  async settingsVersions(workspace: number, before: number | null, limit: number): Promise<readonly SettingsRow[]> {
    return settingsVersions(this.#connection, { workspace, before, limit })
  }

  async resolve(workspace: number): Promise<ResolveRow | null> {
    return resolveOf(this.#connection, workspace)
  }

  async close(): Promise<void> {
    this.#connection.close()
  }
}
