import { join } from 'node:path'
import { MillraceError, messageOf } from '../../../platform/errors.ts'
import { Mutex } from '../../../platform/mutex.ts'
import { uuidBytes } from '../../../platform/uuid.ts'
import type { AutomationStore } from '../../../ports/automation-store.ts'
import type { KeyLimits, KeyRow } from '../../../ports/key.ts'
import { generationAfter, type GenerationSwap, generationSetting, newestGenerationSetting, type NewGeneration } from '../../../ports/generation-setting.ts'
import type { LoadOutcome, LoadRefusal } from '../../../ports/load-outcome.ts'
import type {
  BatchRow, Claimed, DecideTransaction, Fence, LoadRow, MemberRow, NewSegment, ObjectRow, Oltp, PartitionRole, PartitionRow, RebuildTransaction, RebuiltPeople, SegmentDraft,
  SegmentRow, WorkspaceRow,
} from '../../../ports/oltp.ts'
import type { ErasureStore } from '../../../ports/erasure-store.ts'
import type { DecidedPointing, IdentityOverride, IdentityPointing } from '../../../ports/identity.ts'
import type { SettingsRow } from '../../../ports/workspace-settings.ts'
import { epochOf, plannedAlready, requireEpoch } from '../fence.ts'
import { Connection } from './connection.ts'
import { numberOf, textOf } from '../row.ts'
import { EventPeriods } from './event-periods.ts'
import { decidedPointing, overrideRow } from '../identity-rows.ts'
import { batchRow, loadRow, memberRow, objectRow, partitionRow } from '../rows.ts'
import { beginRebuild, endRebuild, rebuildTransaction } from './rebuild-profiles.ts'
import { addSegments, putSegment } from './segments.ts'
import { shapesOf } from './property-shapes.ts'
import { migrations } from './schema.ts'
import { writeStatistics } from './statistics.ts'
import { sqliteFailure } from './sqlite-failure.ts'
import { restoreSettings } from './workspace-settings.ts'
import { SqliteErasureStore } from './sqlite-erasure-store.ts'
import { SqliteAutomationStore } from './sqlite-automation-store.ts'
import { SqliteDecideTransaction } from './sqlite-decide-transaction.ts'
import { failPlace, failStep } from '../../../platform/fail-point.ts'

export function sqlitePath(dataDirectory: string): string {
  return join(dataDirectory, 'oltp', 'millrace.db')
}

/** The one writer of the database. Transactions of several partitions take turns. */
export class SqliteOltp implements Oltp {
  readonly erasures: ErasureStore
  readonly automations: AutomationStore
  readonly #connection: Connection
  readonly #periods: EventPeriods
  readonly #turn = new Mutex()

  constructor(path: string) {
    this.#connection = new Connection({ path, readOnly: false })
    this.#periods = new EventPeriods(this.#connection)
    this.erasures = new SqliteErasureStore(this.#connection, this.#periods, {
      write: (work) => this.#write(work), alone: (work) => this.#turn.run(work),
    })
    this.automations = new SqliteAutomationStore(this.#connection, (work) => this.#write(work))
  }

  async migrate(): Promise<void> {
    await this.#write(() => {
      const version = numberOf(this.#connection.get('PRAGMA user_version') ?? {}, 'user_version')
      if (version > migrations.length) {
        throw new MillraceError('bad_config', `the database was written by a newer Millrace (schema ${version}, this one knows ${migrations.length})`)
      }
      migrations.slice(version).forEach((sql) => this.#connection.exec(sql))
      this.#connection.exec(`PRAGMA user_version = ${migrations.length}`)
      writeStatistics(this.#connection)
    })
  }

  async setting(name: string): Promise<string | null> {
    return this.#settingOf(name)
  }

  #settingOf(name: string): string | null {
    const row = this.#connection.get('SELECT value FROM setting WHERE name = ?', name)
    return row === undefined ? null : textOf(row, 'value')
  }

  settingOnce(name: string, value: string): Promise<string> {
    return this.#write(() => {
      this.#connection.run('INSERT OR IGNORE INTO setting (name, value) VALUES (?, ?)', name, value)
      return textOf(this.#connection.get('SELECT value FROM setting WHERE name = ?', name) ?? {}, 'value')
    })
  }

  setSetting(name: string, value: string): Promise<void> {
    return this.#write(() => this.#putSetting(name, value))
  }

  #putSetting(name: string, value: string): void {
    this.#connection.run('INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value', name, value)
  }

  heartbeat({ member, roles }: MemberRow, aliveMs: number): Promise<readonly MemberRow[]> {
    return this.#write(() => {
      // In milliseconds, by the machine's clock: all processes on one file share it.
      const now = Date.now()
      // Also who was seen in a future that a clock set back took away.
      this.#connection.run('DELETE FROM member WHERE seen_at <= ? OR seen_at > ?', now - aliveMs, now + aliveMs)
      this.#connection.run('INSERT INTO member (member, roles, seen_at) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET seen_at = excluded.seen_at',
        member, roles.join(','), now)
      return this.#connection.all('SELECT member, roles FROM member ORDER BY member').map(memberRow)
    })
  }

  leave(member: string): Promise<void> {
    return this.#write(() => {
      this.#connection.run('DELETE FROM member WHERE member = ?', member)
    })
  }

  claimPartition(partition: number, role: PartitionRole): Promise<Claimed> {
    return this.#write(() => {
      this.#connection.run(`INSERT OR IGNORE INTO partition
        (partition, pump_epoch, load_epoch, position, sequence, batch, archived_batch, loaded_batch, load)
        VALUES (?, 0, 0, NULL, NULL, 0, 0, 0, 0)`, partition)
      this.#connection.run(`UPDATE partition SET ${role}_epoch = ${role}_epoch + 1 WHERE partition = ?`, partition)
      const row = this.#partition(partition)
      return { row, fence: { partition, role, epoch: epochOf(row, role) } }
    })
  }

  async partition(partition: number): Promise<PartitionRow> {
    return this.#partition(partition)
  }

  decide<T>(fence: Fence, work: (transaction: DecideTransaction) => Promise<T>): Promise<T> {
    return this.#write(() => failStep('decide.work', () => work(new SqliteDecideTransaction(this.#connection, this.#periods, this.#fenced(fence)))))
  }

  async batches(partition: number, firstBatch: number, limit: number): Promise<readonly BatchRow[]> {
    return batchesOf(this.#connection, { partition, firstBatch, limit })
  }

  planObject(fence: Fence, row: ObjectRow): Promise<void> {
    return this.#write(() => {
      this.#fenced(fence)
      this.#requireNew('SELECT 1 FROM archive_object WHERE partition = ? AND last_batch >= ?', row)
      this.#connection.run(`INSERT INTO archive_object (partition, first_batch, last_batch, name, digest, events, planned_at, archived_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, NULL)`, row.partition, row.firstBatch, row.lastBatch, row.name, row.digest, row.events, row.plannedAt)
    })
  }

  finishObject(fence: Fence, row: ObjectRow, archivedAt: number): Promise<void> {
    return this.#write(() => {
      this.#fenced(fence)
      this.#connection.run('UPDATE archive_object SET archived_at = ? WHERE partition = ? AND last_batch = ?', archivedAt, row.partition, row.lastBatch)
      this.#connection.run('UPDATE partition SET archived_batch = max(archived_batch, ?) WHERE partition = ?', row.lastBatch, row.partition)
    })
  }

  async openObject(partition: number): Promise<ObjectRow | null> {
    const row = this.#connection.get(`SELECT * FROM archive_object WHERE partition = ? AND last_batch >
      (SELECT archived_batch FROM partition WHERE partition = ?) ORDER BY last_batch LIMIT 1`, partition, partition)
    return row === undefined ? null : objectRow(row)
  }

  async objectOf(partition: number, batch: number): Promise<ObjectRow | null> {
    return objectOf(this.#connection, partition, batch)
  }

  requireOwned(fence: Fence): Promise<void> {
    return this.#write(() => {
      this.#fenced(fence)
    })
  }

  planLoads(fence: Fence, rows: readonly LoadRow[]): Promise<void> {
    return this.#write(() => {
      this.#fenced(fence)
      const [first] = rows
      if (first !== undefined) this.#requireNew('SELECT 1 FROM load WHERE partition = ? AND last_batch >= ?', first)
      for (const row of rows) {
        this.#connection.run(`INSERT INTO load (partition, load, first_batch, last_batch, first_month, last_month, closes_run,
          digest, schema_version, planned_at, rows, loaded_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)`,
        row.partition, row.load, row.firstBatch, row.lastBatch, row.firstMonth, row.lastMonth, row.closesRun ? 1 : 0,
        row.digest, row.schemaVersion, row.plannedAt)
        this.#connection.run('UPDATE partition SET load = max(load, ?) WHERE partition = ?', row.load, row.partition)
      }
    })
  }

  finishLoad(fence: Fence, row: LoadRow, { rows, refusal, loadedAt }: LoadOutcome): Promise<void> {
    return this.#write(() => {
      this.#fenced(fence)
      if (refusal !== null) this.#putRefusal(refusal)
      this.#connection.run('UPDATE load SET rows = ?, loaded_at = ? WHERE partition = ? AND load = ?', rows, loadedAt, row.partition, row.load)
      if (!row.closesRun) return
      this.#connection.run('UPDATE partition SET loaded_batch = max(loaded_batch, ?) WHERE partition = ?', row.lastBatch, row.partition)
    })
  }

  newGeneration(): Promise<NewGeneration> {
    return this.#write(() => {
      const given = generationAfter(this.#settingOf(generationSetting), this.#settingOf(newestGenerationSetting))
      this.#putSetting(newestGenerationSetting, String(given.generation))
      return given
    })
  }

  swapGeneration(fences: readonly Fence[], { generation, refusals }: GenerationSwap): Promise<void> {
    return this.#write(() => {
      for (const fence of fences) this.#fenced(fence)
      this.#putSetting(generationSetting, String(generation))
      this.#connection.run('DELETE FROM load_refusal')
      for (const refusal of refusals) this.#putRefusal(refusal)
    })
  }

  #putRefusal({ partition, load, rows, reason, at }: LoadRefusal): void {
    this.#connection.run('INSERT OR REPLACE INTO load_refusal (partition, load, refused, reason, at) VALUES (?, ?, ?, ?, ?)',
      partition, load, JSON.stringify(rows), reason, at)
  }

  async openLoads(partition: number): Promise<readonly LoadRow[]> {
    return this.#connection.all(`SELECT * FROM load INDEXED BY load_by_batch WHERE partition = ? AND last_batch >
      (SELECT loaded_batch FROM partition WHERE partition = ?) AND loaded_at IS NULL ORDER BY load`, partition, partition).map(loadRow)
  }

  async loads(partition: number, firstLoad: number, limit: number): Promise<readonly LoadRow[]> {
    return this.#connection.all('SELECT * FROM load WHERE partition = ? AND load >= ? ORDER BY load LIMIT ?', partition, firstLoad, limit).map(loadRow)
  }

  async overridesOf(partition: number, firstBatch: number, lastBatch: number): Promise<readonly IdentityOverride[]> {
    return this.#connection.all(`SELECT * FROM identity_override_change WHERE partition = ? AND batch BETWEEN ? AND ?
      ORDER BY batch, workspace, identifier_key`, partition, firstBatch, lastBatch).map(overrideRow)
  }

  async overrides(after: IdentityOverride | null, limit: number): Promise<readonly IdentityOverride[]> {
    return this.#connection.all(`SELECT * FROM identity_override WHERE (workspace, identifier_key) > (?, ?)
      ORDER BY workspace, identifier_key LIMIT ?`, after?.workspace ?? -1, uuidBytes(after?.identifierKey ?? ''), limit).map(overrideRow)
  }

  async pointingsOf(partition: number, firstBatch: number, lastBatch: number): Promise<readonly DecidedPointing[]> {
    return this.#connection.all(`SELECT * FROM identity_pointing_change WHERE partition = ? AND batch BETWEEN ? AND ?
      ORDER BY batch, workspace, identifier_key`, partition, firstBatch, lastBatch).map(decidedPointing)
  }

  async pointings(after: IdentityPointing | null, limit: number): Promise<readonly IdentityPointing[]> {
    return this.#connection.all(`SELECT workspace, identifier_key, profile_id, version FROM identifier WHERE (workspace, identifier_key) > (?, ?)
      ORDER BY workspace, identifier_key LIMIT ?`, after?.workspace ?? -1, uuidBytes(after?.identifierKey ?? ''), limit).map(overrideRow)
  }

  prune(partition: number, windowStart: number): Promise<void> {
    return this.#write(() => {
      this.#periods.prune(windowStart)
      const row = this.#partition(partition)
      const finished = Math.min(row.archivedBatch, row.loadedBatch)
      this.#connection.run(`UPDATE batch SET decisions = NULL WHERE partition = ? AND batch IN
        (SELECT batch FROM batch WHERE partition = ? AND batch BETWEEN ? AND ? AND decisions IS NOT NULL)`,
      partition, partition, finished - 1_000, finished)
      for (const feed of ['identity_override_change', 'identity_pointing_change']) {
        this.#connection.run(`DELETE FROM ${feed} WHERE partition = ? AND batch <= ?`, partition, row.loadedBatch)
      }
    })
  }

  rebuildProfiles(work: (transaction: RebuildTransaction) => Promise<void>): Promise<RebuiltPeople> {
    return this.#write(async () => {
      beginRebuild(this.#connection)
      const partition = this.#connection.all('SELECT * FROM partition ORDER BY partition LIMIT 1').map(partitionRow)[0]
      if (partition !== undefined) await work(rebuildTransaction(this.#connection, new SqliteDecideTransaction(this.#connection, this.#periods, partition)))
      return endRebuild(this.#connection)
    })
  }

  restoreSettings(rows: readonly SettingsRow[]): Promise<void> {
    return this.#write(() => restoreSettings(this.#connection, rows))
  }

  createWorkspace(name: string, createdAt: number): Promise<WorkspaceRow> {
    return this.#write(() => {
      this.#connection.run('INSERT OR IGNORE INTO workspace (name, created_at) VALUES (?, ?)', name, createdAt)
      const row = this.#connection.get('SELECT * FROM workspace WHERE name = ?', name) ?? {}
      return { workspace: numberOf(row, 'workspace'), name: textOf(row, 'name'), createdAt: numberOf(row, 'created_at') }
    })
  }

  addSegments(workspace: number, drafts: readonly NewSegment[]): Promise<void> {
    return this.#write(() => addSegments(this.#connection, workspace, drafts))
  }

  putSegment(draft: SegmentDraft): Promise<SegmentRow> {
    return this.#write(() => putSegment(this.#connection, draft))
  }

  putKey(row: KeyRow): Promise<void> {
    return this.#write(() => {
      this.#connection.run(`INSERT INTO api_key (id, workspace, kind, hash, created_at, revoked_at) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT DO NOTHING`, row.id, row.workspace, row.kind, row.hash, row.createdAt, row.revokedAt)
    })
  }

  limitKey(id: string, limits: KeyLimits): Promise<boolean> {
    return this.#write(() => {
      if (this.#connection.get('SELECT id FROM api_key WHERE id = ? AND revoked_at IS NULL', id) === undefined) return false
      this.#connection.run(`INSERT OR REPLACE INTO key_limit (id, events_per_second, burst_events, bytes_per_second, events_per_day) VALUES (?, ?, ?, ?, ?)`,
        id, limits.eventsPerSecond, limits.burstEvents, limits.bytesPerSecond, limits.eventsPerDay)
      return true
    })
  }

  revokeKey(id: string, revokedAt: number): Promise<boolean> {
    return this.#write(() => this.#connection.run('UPDATE api_key SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL', revokedAt, id) > 0)
  }

  async close(): Promise<void> {
    await this.#turn.run(async () => this.#connection.close())
  }

  #partition(partition: number): PartitionRow {
    const row = this.#connection.get('SELECT * FROM partition WHERE partition = ?', partition)
    if (row === undefined) throw new MillraceError('not_found', `there is no partition ${partition}`)
    return partitionRow(row)
  }

  #requireNew(laterThan: string, { partition, firstBatch }: Pick<ObjectRow, 'partition' | 'firstBatch'>): void {
    if (this.#connection.get(laterThan, partition, firstBatch) !== undefined) throw plannedAlready(partition, firstBatch)
  }

  #fenced(fence: Fence): PartitionRow {
    const row = this.#partition(fence.partition)
    requireEpoch(row, fence)
    return row
  }

  #write<T>(work: () => T | Promise<T>): Promise<T> {
    return this.#turn.run(async () => {
      // IMMEDIATE: a transaction that reads first and then finds the write lock taken would fail at once.
      failPlace('oltp.begin')
      this.#exec('BEGIN IMMEDIATE')
      try {
        const result = await work()
        await failStep('oltp.commit', async () => this.#exec('COMMIT'))
        return result
      } catch (error) {
        this.#periods.forget()
        shapesOf(this.#connection).forget()
        try {
          this.#connection.exec('ROLLBACK')
        } catch {
          // SQLite has already rolled back (disk full, for one); there is nothing left to undo.
        }
        throw sqliteFailure(error)
      }
    })
  }

  #exec(sql: string): void {
    try {
      this.#connection.exec(sql)
    } catch (error) {
      const failure = sqliteFailure(error)
      throw failure instanceof MillraceError ? failure : new MillraceError('unavailable', `SQLite: ${messageOf(error)}`, { retryable: true, cause: error })
    }
  }
}

export function objectOf(connection: Connection, partition: number, batch: number): ObjectRow | null {
  const row = connection.get(`SELECT * FROM archive_object WHERE partition = ? AND last_batch >= ? AND first_batch <= ?
    ORDER BY last_batch LIMIT 1`, partition, batch, batch)
  return row === undefined ? null : objectRow(row)
}

export function batchesOf(
  connection: Connection, { partition, firstBatch, limit }: { readonly partition: number; readonly firstBatch: number; readonly limit: number },
): readonly BatchRow[] {
  return connection.all('SELECT * FROM batch WHERE partition = ? AND batch >= ? ORDER BY batch LIMIT ?', partition, firstBatch, limit).map(batchRow)
}
