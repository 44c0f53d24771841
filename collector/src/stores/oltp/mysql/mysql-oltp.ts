import type { Pool, PoolConnection } from 'mysql2/promise'
import { MillraceError } from '../../../platform/errors.ts'
import { failPlace, failStep } from '../../../platform/fail-point.ts'
import { uuidBytes } from '../../../platform/uuid.ts'
import type { AutomationStore } from '../../../ports/automation-store.ts'
import type { ErasureStore } from '../../../ports/erasure-store.ts'
import type { DecidedPointing, IdentityOverride, IdentityPointing } from '../../../ports/identity.ts'
import type { KeyLimits, KeyRow } from '../../../ports/key.ts'
import { generationAfter, type GenerationSwap, generationSetting, newestGenerationSetting, type NewGeneration } from '../../../ports/generation-setting.ts'
import type { LoadOutcome, LoadRefusal } from '../../../ports/load-outcome.ts'
import type {
  BatchRow, Claimed, DecideTransaction, Fence, LoadRow, MemberRow, NewSegment, ObjectRow, Oltp, PartitionRole, PartitionRow, RebuildTransaction, RebuiltPeople, SegmentDraft, SegmentRow, WorkspaceRow,
} from '../../../ports/oltp.ts'
import type { SettingsRow } from '../../../ports/workspace-settings.ts'
import { epochOf, plannedAlready, requireEpoch } from '../fence.ts'
import { decidedPointing, overrideRow } from '../identity-rows.ts'
import { numberOf, textOf } from '../row.ts'
import { batchRow, loadRow, memberRow, objectRow, partitionRow } from '../rows.ts'
import { migrate } from './migrate.ts'
import { MysqlDecideTransaction } from './mysql-decide-transaction.ts'
import { MysqlAutomationStore } from './mysql-automation-store.ts'
import { MysqlErasureStore } from './mysql-erasure-store.ts'
import { isUnreachable, mysqlFailure } from './mysql-failure.ts'
import { openPool, parseMysqlUrl } from './open-pool.ts'
import { beginRebuild, endRebuild, rebuildTransaction } from './rebuild-profiles.ts'
import { addSegments, putSegment } from './segments.ts'
import { Session } from './session.ts'
import { restoreSettings } from './workspace-settings.ts'

/** A decide transaction a partition, and what archive, load and commands do beside them. */
const connectionsMax = 24
const pruneRowsMax = 5_000
const nowMs = 'CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)'

/**
 * MySQL 8.4 and 9, MariaDB 10.6 and later, or what speaks their protocol, at `mysql://user:password@host:3306/database`;
 * `?tls=true` encrypts, `&tlsCaFile=` names the authority. Partitions decide side by side: each transaction locks the
 * identifiers it names in key order, so two that touch one person take turns, and of two that lock crosswise the
 * server ends one, which its pump repeats. Fails with `bad_config`, `package_missing` or `unavailable` (retryable).
 */
export async function openMysqlOltp(url: string): Promise<Oltp> {
  return new MysqlOltp(await openPool(parseMysqlUrl(url), connectionsMax))
}

class MysqlOltp implements Oltp {
  readonly automations: AutomationStore
  readonly erasures: ErasureStore
  readonly #pool: Pool
  readonly #session: Session

  constructor(pool: Pool) {
    this.#pool = pool
    this.#session = new Session(pool)
    this.automations = new MysqlAutomationStore(this.#session, (work) => this.#transaction(work))
    this.erasures = new MysqlErasureStore(this.#session, (work) => this.#transaction(work))
  }

  migrate(): Promise<void> {
    return this.#onConnection((connection) => migrate(new Session(connection)))
  }

  async setting(name: string): Promise<string | null> {
    return readSetting(this.#session, name)
  }

  async settingOnce(name: string, value: string): Promise<string> {
    await this.#session.run('INSERT INTO setting (name, value) VALUES (?, ?) ON DUPLICATE KEY UPDATE name = name', name, value)
    return textOf(await this.#session.get('SELECT value FROM setting WHERE name = ?', name) ?? {}, 'value')
  }

  async setSetting(name: string, value: string): Promise<void> {
    await putSetting(this.#session, name, value)
  }

  async heartbeat({ member, roles }: MemberRow, aliveMs: number): Promise<readonly MemberRow[]> {
    await this.#session.run(`INSERT INTO member (member, roles, seen_at) VALUES (?, ?, ${nowMs})
      ON DUPLICATE KEY UPDATE roles = VALUES(roles), seen_at = VALUES(seen_at)`, member, roles.join(','))
    await this.#session.run(`DELETE FROM member WHERE seen_at <= ${nowMs} - ? AND member <> ?`, aliveMs, member)
    const rows = await this.#session.all(`SELECT member, roles FROM member WHERE seen_at > ${nowMs} - ? OR member = ? ORDER BY member`, aliveMs, member)
    return rows.map(memberRow)
  }

  async leave(member: string): Promise<void> {
    await this.#session.run('DELETE FROM member WHERE member = ?', member)
  }

  claimPartition(partition: number, role: PartitionRole): Promise<Claimed> {
    return this.#transaction(async (session) => {
      await session.run(`INSERT INTO \`partition\`
        (\`partition\`, pump_epoch, load_epoch, position, sequence, batch, archived_batch, loaded_batch, \`load\`)
        VALUES (?, 0, 0, NULL, NULL, 0, 0, 0, 0) ON DUPLICATE KEY UPDATE \`partition\` = \`partition\``, partition)
      await session.run(`UPDATE \`partition\` SET ${role}_epoch = ${role}_epoch + 1 WHERE \`partition\` = ?`, partition)
      const row = await readPartition(session, partition)
      return { row, fence: { partition, role, epoch: epochOf(row, role) } }
    })
  }

  partition(partition: number): Promise<PartitionRow> {
    return readPartition(this.#session, partition)
  }

  decide<T>(fence: Fence, work: (transaction: DecideTransaction) => Promise<T>): Promise<T> {
    return this.#fenced(fence, (session, row) => failStep('decide.work', () => work(new MysqlDecideTransaction(session, row))))
  }

  batches(partition: number, firstBatch: number, limit: number): Promise<readonly BatchRow[]> {
    return readBatches(this.#session, { partition, firstBatch, limit })
  }

  async planObject(fence: Fence, row: ObjectRow): Promise<void> {
    await this.#fenced(fence, async (session) => {
      await requireNew(session, 'SELECT 1 FROM archive_object WHERE `partition` = ? AND last_batch >= ? LIMIT 1', row)
      await session.run(`INSERT INTO archive_object
        (\`partition\`, first_batch, last_batch, name, digest, events, planned_at, archived_at) VALUES (?, ?, ?, ?, ?, ?, ?, NULL)`,
      row.partition, row.firstBatch, row.lastBatch, row.name, row.digest, row.events, row.plannedAt)
    })
  }

  async finishObject(fence: Fence, row: ObjectRow, archivedAt: number): Promise<void> {
    await this.#fenced(fence, async (session) => {
      await session.run('UPDATE archive_object SET archived_at = ? WHERE `partition` = ? AND last_batch = ?', archivedAt, row.partition, row.lastBatch)
      await session.run('UPDATE `partition` SET archived_batch = GREATEST(archived_batch, ?) WHERE `partition` = ?', row.lastBatch, row.partition)
    })
  }

  async openObject(partition: number): Promise<ObjectRow | null> {
    const row = await this.#session.get(`SELECT * FROM archive_object WHERE \`partition\` = ? AND last_batch >
      (SELECT archived_batch FROM \`partition\` WHERE \`partition\` = ?) ORDER BY last_batch LIMIT 1`, partition, partition)
    return row === undefined ? null : objectRow(row)
  }

  objectOf(partition: number, batch: number): Promise<ObjectRow | null> {
    return readObjectOf(this.#session, partition, batch)
  }

  async requireOwned(fence: Fence): Promise<void> {
    await this.#fenced(fence, async () => {})
  }

  async planLoads(fence: Fence, rows: readonly LoadRow[]): Promise<void> {
    await this.#fenced(fence, async (session) => {
      const [first] = rows
      if (first !== undefined) await requireNew(session, 'SELECT 1 FROM `load` WHERE `partition` = ? AND last_batch >= ? LIMIT 1', first)
      await session.insert(`INSERT INTO \`load\` (\`partition\`, \`load\`, first_batch, last_batch, first_month, last_month, closes_run,
        digest, schema_version, planned_at, \`rows\`, loaded_at) VALUES ?`, rows.map((row) => [
        row.partition, row.load, row.firstBatch, row.lastBatch, row.firstMonth, row.lastMonth, row.closesRun ? 1 : 0,
        row.digest, row.schemaVersion, row.plannedAt, null, null,
      ]))
      const last = Math.max(0, ...rows.map((row) => row.load))
      await session.run('UPDATE `partition` SET `load` = GREATEST(`load`, ?) WHERE `partition` = ?', last, fence.partition)
    })
  }

  async finishLoad(fence: Fence, row: LoadRow, { rows, refusal, loadedAt }: LoadOutcome): Promise<void> {
    await this.#fenced(fence, async (session) => {
      if (refusal !== null) await putRefusal(session, refusal)
      await session.run('UPDATE `load` SET `rows` = ?, loaded_at = ? WHERE `partition` = ? AND `load` = ?', rows, loadedAt, row.partition, row.load)
      if (!row.closesRun) return
      await session.run('UPDATE `partition` SET loaded_batch = GREATEST(loaded_batch, ?) WHERE `partition` = ?', row.lastBatch, row.partition)
    })
  }

  async newGeneration(): Promise<NewGeneration> {
    return this.#transaction(async (session) => {
      // Whoever asks at the same time waits here.
      const live = await readSetting(session, generationSetting, 'FOR UPDATE')
      const given = generationAfter(live, await readSetting(session, newestGenerationSetting))
      await putSetting(session, newestGenerationSetting, String(given.generation))
      return given
    })
  }

  async swapGeneration(fences: readonly Fence[], { generation, refusals }: GenerationSwap): Promise<void> {
    await this.#transaction(async (session) => {
      for (const fence of fences.toSorted((a, b) => a.partition - b.partition)) {
        requireEpoch(await readPartition(session, fence.partition, 'FOR UPDATE'), fence)
      }
      await putSetting(session, generationSetting, String(generation))
      await session.run('DELETE FROM load_refusal')
      for (const refusal of refusals) await putRefusal(session, refusal)
    })
  }

  async openLoads(partition: number): Promise<readonly LoadRow[]> {
    return (await this.#session.all(`SELECT * FROM \`load\` WHERE \`partition\` = ? AND last_batch >
      (SELECT loaded_batch FROM \`partition\` WHERE \`partition\` = ?) AND loaded_at IS NULL ORDER BY \`load\``, partition, partition)).map(loadRow)
  }

  async loads(partition: number, firstLoad: number, limit: number): Promise<readonly LoadRow[]> {
    return (await this.#session.all('SELECT * FROM `load` WHERE `partition` = ? AND `load` >= ? ORDER BY `load` LIMIT ?', partition, firstLoad, limit)).map(loadRow)
  }

  async overridesOf(partition: number, firstBatch: number, lastBatch: number): Promise<readonly IdentityOverride[]> {
    return (await this.#session.all(`SELECT * FROM identity_override_change WHERE \`partition\` = ? AND batch BETWEEN ? AND ?
      ORDER BY batch, workspace, identifier_key`, partition, firstBatch, lastBatch)).map(overrideRow)
  }

  async overrides(after: IdentityOverride | null, limit: number): Promise<readonly IdentityOverride[]> {
    const workspace = after?.workspace ?? -1
    // Written out: a row comparison would not be served by the key.
    return (await this.#session.all(`SELECT * FROM identity_override WHERE workspace > ? OR (workspace = ? AND identifier_key > ?)
      ORDER BY workspace, identifier_key LIMIT ?`, workspace, workspace, uuidBytes(after?.identifierKey ?? ''), limit)).map(overrideRow)
  }

  async pointingsOf(partition: number, firstBatch: number, lastBatch: number): Promise<readonly DecidedPointing[]> {
    return (await this.#session.all(`SELECT * FROM identity_pointing_change WHERE \`partition\` = ? AND batch BETWEEN ? AND ?
      ORDER BY batch, workspace, identifier_key`, partition, firstBatch, lastBatch)).map(decidedPointing)
  }

  async pointings(after: IdentityPointing | null, limit: number): Promise<readonly IdentityPointing[]> {
    const workspace = after?.workspace ?? -1
    return (await this.#session.all(`SELECT workspace, identifier_key, profile_id, version FROM identifier
      WHERE workspace > ? OR (workspace = ? AND identifier_key > ?) ORDER BY workspace, identifier_key LIMIT ?`,
    workspace, workspace, uuidBytes(after?.identifierKey ?? ''), limit)).map(overrideRow)
  }

  async prune(partition: number, windowStart: number): Promise<void> {
    await this.#inPieces((limit) => this.#session.run('DELETE FROM event_key WHERE period_end <= ? LIMIT ?', windowStart, limit))
    const row = await readPartition(this.#session, partition)
    const finished = Math.min(row.archivedBatch, row.loadedBatch)
    await this.#session.run(`UPDATE batch SET decisions = NULL WHERE \`partition\` = ? AND batch BETWEEN ? AND ? AND decisions IS NOT NULL`,
      partition, finished - 1_000, finished)
    for (const feed of ['identity_override_change', 'identity_pointing_change']) {
      await this.#inPieces((limit) => this.#session.run(`DELETE FROM ${feed} WHERE \`partition\` = ? AND batch <= ? LIMIT ?`, partition, row.loadedBatch, limit))
    }
  }

  /** Holds every partition from beginning to end, so nobody decides meanwhile. */
  rebuildProfiles(work: (transaction: RebuildTransaction) => Promise<void>): Promise<RebuiltPeople> {
    return this.#transaction(async (session) => {
      const [partition] = (await session.all('SELECT * FROM `partition` ORDER BY `partition` FOR UPDATE')).map(partitionRow)
      await beginRebuild(session)
      if (partition !== undefined) await work(rebuildTransaction(session, new MysqlDecideTransaction(session, partition)))
      return endRebuild(session)
    })
  }

  restoreSettings(rows: readonly SettingsRow[]): Promise<void> {
    return this.#transaction((session) => restoreSettings(session, rows))
  }

  async createWorkspace(name: string, createdAt: number): Promise<WorkspaceRow> {
    await this.#session.run('INSERT INTO workspace (name, created_at) VALUES (?, ?) ON DUPLICATE KEY UPDATE name = name', name, createdAt)
    const row = await this.#session.get('SELECT * FROM workspace WHERE name = ?', name) ?? {}
    return { workspace: numberOf(row, 'workspace'), name: textOf(row, 'name'), createdAt: numberOf(row, 'created_at') }
  }

  addSegments(workspace: number, drafts: readonly NewSegment[]): Promise<void> {
    return this.#transaction((session) => addSegments(session, workspace, drafts))
  }

  putSegment(draft: SegmentDraft): Promise<SegmentRow> {
    return this.#transaction((session) => putSegment(session, draft))
  }

  async putKey(row: KeyRow): Promise<void> {
    await this.#session.run(`INSERT INTO api_key (id, workspace, kind, hash, created_at, revoked_at) VALUES (?, ?, ?, ?, ?, ?)
      ON DUPLICATE KEY UPDATE id = id`, row.id, row.workspace, row.kind, row.hash, row.createdAt, row.revokedAt)
  }

  limitKey(id: string, limits: KeyLimits): Promise<boolean> {
    return this.#transaction(async (session) => {
      if (await session.get('SELECT id FROM api_key WHERE id = ? AND revoked_at IS NULL FOR UPDATE', id) === undefined) return false
      await session.run(`REPLACE INTO key_limit (id, events_per_second, burst_events, bytes_per_second, events_per_day) VALUES (?, ?, ?, ?, ?)`,
        id, limits.eventsPerSecond, limits.burstEvents, limits.bytesPerSecond, limits.eventsPerDay)
      return true
    })
  }

  async revokeKey(id: string, revokedAt: number): Promise<boolean> {
    return await this.#session.run('UPDATE api_key SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL', revokedAt, id) > 0
  }

  close(): Promise<void> {
    return this.#pool.end()
  }

  /** One large delete would hold locks and undo for as long as it runs. */
  async #inPieces(removeSome: (limit: number) => Promise<number>): Promise<void> {
    for (let removed = pruneRowsMax; removed === pruneRowsMax;) removed = await removeSome(pruneRowsMax)
  }

  /** A transaction that begins with the lock on the partition's row: whoever holds a passed epoch goes no further. */
  #fenced<T>(fence: Fence, work: (session: Session, row: PartitionRow) => Promise<T>): Promise<T> {
    return this.#transaction(async (session) => {
      const row = await readPartition(session, fence.partition, 'FOR UPDATE')
      requireEpoch(row, fence)
      return work(session, row)
    })
  }

  #transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#onConnection(async (connection) => {
      const session = new Session(connection)
      failPlace('oltp.begin')
      await session.run('START TRANSACTION')
      const result = await work(session).catch(async (error: unknown) => {
        // A connection that cannot even roll back is closed, which rolls back too.
        await connection.rollback().catch(() => connection.destroy())
        throw error
      })
      await failStep('oltp.commit', () => commit(connection))
      return result
    })
  }

  async #onConnection<T>(work: (connection: PoolConnection) => Promise<T>): Promise<T> {
    const connection = await this.#pool.getConnection().catch((error: unknown) => {
      throw mysqlFailure(error)
    })
    try {
      return await work(connection)
    } finally {
      connection.release()
    }
  }
}

async function commit(connection: PoolConnection): Promise<void> {
  try {
    await connection.commit()
  } catch (error) {
    connection.destroy()
    if (!isUnreachable(error)) throw mysqlFailure(error)
    throw new MillraceError('outcome_unknown', 'MySQL went away while it committed', { retryable: true, cause: error })
  }
}

async function readPartition(session: Session, partition: number, lock: '' | 'FOR UPDATE' = ''): Promise<PartitionRow> {
  const row = await session.get(`SELECT * FROM \`partition\` WHERE \`partition\` = ? ${lock}`, partition)
  if (row === undefined) throw new MillraceError('not_found', `there is no partition ${partition}`)
  return partitionRow(row)
}

async function readSetting(session: Session, name: string, lock: '' | 'FOR UPDATE' = ''): Promise<string | null> {
  const row = await session.get(`SELECT value FROM setting WHERE name = ? ${lock}`, name)
  return row === undefined ? null : textOf(row, 'value')
}

async function putSetting(session: Session, name: string, value: string): Promise<void> {
  await session.run('INSERT INTO setting (name, value) VALUES (?, ?) ON DUPLICATE KEY UPDATE value = VALUES(value)', name, value)
}

async function requireNew(session: Session, laterThan: string, { partition, firstBatch }: Pick<ObjectRow, 'partition' | 'firstBatch'>): Promise<void> {
  if (await session.get(laterThan, partition, firstBatch) !== undefined) throw plannedAlready(partition, firstBatch)
}

export async function readObjectOf(session: Session, partition: number, batch: number): Promise<ObjectRow | null> {
  const row = await session.get(`SELECT * FROM archive_object WHERE \`partition\` = ? AND last_batch >= ? AND first_batch <= ?
    ORDER BY last_batch LIMIT 1`, partition, batch, batch)
  return row === undefined ? null : objectRow(row)
}

export async function readBatches(
  session: Session, { partition, firstBatch, limit }: { readonly partition: number; readonly firstBatch: number; readonly limit: number },
): Promise<readonly BatchRow[]> {
  return (await session.all('SELECT * FROM batch WHERE `partition` = ? AND batch >= ? ORDER BY batch LIMIT ?', partition, firstBatch, limit)).map(batchRow)
}

async function putRefusal(session: Session, { partition, load, rows, reason, at }: LoadRefusal): Promise<void> {
  await session.run('REPLACE INTO load_refusal (`partition`, `load`, refused, reason, at) VALUES (?, ?, ?, ?, ?)', partition, load, JSON.stringify(rows), reason, at)
}
