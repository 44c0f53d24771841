import type { Pool } from 'mysql2/promise'
import { messageKey, uuidText } from '../../../platform/uuid.ts'
import type { AutomationReader } from '../../../ports/automation-store.ts'
import type { ErasureReader } from '../../../ports/erasure-store.ts'
import type { KeyRow } from '../../../ports/key.ts'
import type { LoadRefusal } from '../../../ports/load-outcome.ts'
import type {
  BatchRow, Claim, LoadRow, ObjectRow, OltpReader, PartitionRow, PartitionTotals, QuarantineQuery, QuarantineRow, SegmentRow, WorkspaceRow,
} from '../../../ports/oltp.ts'
import type { ResolveRow, SettingsRow } from '../../../ports/workspace-settings.ts'
import { forEver } from '../event-period.ts'
import { bytesOf, numberOf, textOf } from '../row.ts'
import { batchRow, keyRow, loadRefusal, loadRow, partitionRow, quarantineRow, selectKeys } from '../rows.ts'
import { MysqlAutomationReader } from './mysql-automation-reader.ts'
import { MysqlProfileReader } from './mysql-profile-reader.ts'
import { readErasure } from './mysql-erasure-store.ts'
import { readBatches, readObjectOf } from './mysql-oltp.ts'
import { openPool, parseMysqlUrl } from './open-pool.ts'
import { newestSegments, readSegment } from './segments.ts'
import { Session } from './session.ts'
import { newestSettings, resolveOf, settingsOf, settingsVersions } from './workspace-settings.ts'

const connectionsMax = 12

/** The reading half of the address that {@link openMysqlOltp} describes; each statement sees what is committed. */
export async function openMysqlReader(url: string): Promise<OltpReader> {
  return new MysqlReader(await openPool(parseMysqlUrl(url), connectionsMax))
}

class MysqlReader extends MysqlProfileReader implements OltpReader {
  readonly automations: AutomationReader
  readonly erasures: ErasureReader
  readonly #pool: Pool
  readonly #session: Session

  constructor(pool: Pool) {
    const session = new Session(pool)
    super(session)
    this.#pool = pool
    this.#session = session
    this.automations = new MysqlAutomationReader(session)
    this.erasures = {
      erasure: (workspace, id) => readErasure(this.#session, workspace, id),
      openErasures: async () => numberOf(await this.#session.get('SELECT COUNT(*) AS open FROM erasure WHERE report IS NULL') ?? {}, 'open'),
      erasedEvents: async () => numberOf(await this.#session.get('SELECT CAST(COALESCE(SUM(erased_events), 0) AS SIGNED) AS events FROM erasure') ?? {}, 'events'),
    }
  }

  async setting(name: string): Promise<string | null> {
    const row = await this.#session.get('SELECT value FROM setting WHERE name = ?', name)
    return row === undefined ? null : textOf(row, 'value')
  }

  async keys(): Promise<readonly KeyRow[]> {
    return (await this.#session.all(selectKeys)).map(keyRow)
  }

  async workspaces(): Promise<readonly WorkspaceRow[]> {
    return (await this.#session.all('SELECT * FROM workspace ORDER BY workspace')).map((row) => ({
      workspace: numberOf(row, 'workspace'), name: textOf(row, 'name'), createdAt: numberOf(row, 'created_at'),
    }))
  }

  async partitions(): Promise<readonly PartitionRow[]> {
    return (await this.#session.all('SELECT * FROM `partition` WHERE `partition` >= 0 ORDER BY `partition`')).map(partitionRow)
  }

  async refusals(): Promise<readonly LoadRefusal[]> {
    return (await this.#session.all('SELECT * FROM load_refusal ORDER BY `partition`, `load`')).map(loadRefusal)
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

  segments(workspace: number): Promise<readonly SegmentRow[]> {
    return newestSegments(this.#session, workspace)
  }

  segment(workspace: number, id: string, version: number | null): Promise<SegmentRow | null> {
    return readSegment(this.#session, { workspace, id, version })
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

  async quarantine({ workspace, reason, after, limit }: QuarantineQuery): Promise<readonly QuarantineRow[]> {
    return (await this.#session.all(`SELECT * FROM quarantine WHERE workspace = ? AND message_key > ? AND (? IS NULL OR reason = ?)
      ORDER BY message_key LIMIT ?`, workspace, after === null ? Buffer.alloc(0) : messageKey(after), reason, reason, limit)).map(quarantineRow)
  }

  newestSettings(): Promise<readonly SettingsRow[]> {
    return newestSettings(this.#session)
  }

  settings(workspace: number, version: number | null): Promise<SettingsRow | null> {
    return settingsOf(this.#session, workspace, version)
  }

  settingsVersions(workspace: number, before: number | null, limit: number): Promise<readonly SettingsRow[]> {
    return settingsVersions(this.#session, { workspace, before, limit })
  }

  resolve(workspace: number): Promise<ResolveRow | null> {
    return resolveOf(this.#session, workspace)
  }

  close(): Promise<void> {
    return this.#pool.end()
  }
}
