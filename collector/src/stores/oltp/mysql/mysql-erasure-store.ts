import { MillraceError } from '../../../platform/errors.ts'
import { messageKey, uuidBytes, uuidText } from '../../../platform/uuid.ts'
import { droppedId } from '../../../ports/dropped-id.ts'
import type { ErasureRow, ErasureStore, NewErasure, QuarantinedTrace, RewrittenObject, Suppression } from '../../../ports/erasure-store.ts'
import { bareTextCharactersMin, erasureRow, modeOf, quotedInQuarantine } from '../erasure-rows.ts'
import { bytesOf, numberOf, type Row, textOf } from '../row.ts'
import type { Session, Value } from './session.ts'

type Transaction = <T>(work: (session: Session) => Promise<T>) => Promise<T>

export class MysqlErasureStore implements ErasureStore {
  readonly #session: Session
  readonly #transaction: Transaction

  constructor(session: Session, transaction: Transaction) {
    this.#session = session
    this.#transaction = transaction
  }

  async openErasures(): Promise<readonly ErasureRow[]> {
    return (await this.#session.all('SELECT * FROM erasure WHERE report IS NULL ORDER BY at, id')).map(erasureRow)
  }

  /** Every decision holds the lock of its partition from beginning to end: who has them all waited for all. */
  collectErasure(workspace: number, id: string, now: number): Promise<ErasureRow> {
    return this.#transaction(async (session) => {
      const partitions = await session.all('SELECT `partition`, batch FROM `partition` WHERE `partition` >= 0 ORDER BY `partition` FOR UPDATE')
      const erasure = await readErasure(session, workspace, id)
      if (erasure === null) throw new MillraceError('not_found', `there is no erasure ${id}`)
      if (erasure.collected !== null) return erasure
      const owners = await session.allOf(erasure.identifierKeys.map(uuidBytes),
        'SELECT DISTINCT profile_id FROM identifier WHERE workspace = ? AND identifier_key IN (?)', workspace)
      const profileIds = [...new Set(owners.map((row) => uuidText(bytesOf(row, 'profile_id'))))]
      const identifiers = await session.allOf(profileIds.map(uuidBytes),
        'SELECT identifier_key, value FROM identifier WHERE workspace = ? AND profile_id IN (?)', workspace)
      const keys = [...new Set([...erasure.identifierKeys, ...identifiers.map((row) => uuidText(bytesOf(row, 'identifier_key')))])]
      const quarantined = await quarantinedWith(session, workspace, identifiers.map((row) => textOf(row, 'value')))
      const upToBatch: number[] = []
      for (const row of partitions) upToBatch[numberOf(row, 'partition')] = numberOf(row, 'batch')
      const rows = await remove(session, { workspace, keys, profileIds, quarantined })
      await putSuppressions(session, keys.map((identifierKey) => ({ workspace, identifierKey, at: now, mode: erasure.mode })))
      await session.run('UPDATE erasure SET identifier_keys = ?, collected = ? WHERE workspace = ? AND id = ?',
        keys.join(','), JSON.stringify({ profileIds, upToBatch, quarantined, rows }), workspace, id)
      return (await readErasure(session, workspace, id)) ?? erasure
    })
  }

  replaceObject({ workspace, id }: ErasureRow, object: RewrittenObject): Promise<void> {
    const { partition, lastBatch, name, replacedName, digest, batches, erasedEvents } = object
    return this.#transaction(async (session) => {
      const changed = await session.run('UPDATE archive_object SET name = ?, digest = ? WHERE `partition` = ? AND last_batch = ? AND name = ?',
        name, digest, partition, lastBatch, replacedName)
      if (changed === 0) throw new MillraceError('unavailable', `archive object ${replacedName} was replaced by somebody else`, { retryable: true })
      for (const batch of batches) {
        await session.run('UPDATE batch SET digest = ?, line_bytes = ?, decisions = NULL WHERE `partition` = ? AND batch = ?',
          batch.digest, batch.lineBytes, partition, batch.batch)
      }
      await session.run(`UPDATE erasure SET erased_events = erased_events + ?,
        replaced_objects = CONCAT(replaced_objects, CASE replaced_objects WHEN '' THEN '' ELSE ',' END, ?) WHERE workspace = ? AND id = ?`,
      erasedEvents, replacedName, workspace, id)
    })
  }

  /** InnoDB reuses the space in its own time, and a binary log keeps what was written until it expires: nothing to be done from here. */
  async scrub(): Promise<void> {}

  async finishErasure({ workspace, id }: ErasureRow, report: string): Promise<void> {
    await this.#session.run('UPDATE erasure SET report = ? WHERE workspace = ? AND id = ?', report, workspace, id)
  }
}

/** Tables with a row, or many, of each identifier. */
const keyedTables: readonly string[] = [
  'timeline', 'identifier_metric', 'identifier_register', 'consent', 'identity_override', 'identity_override_change', 'identity_pointing_change',
  'cart', 'identifier',
]

interface Removal {
  readonly workspace: number
  readonly keys: readonly string[]
  readonly profileIds: readonly string[]
  readonly quarantined: readonly QuarantinedTrace[]
}

async function remove(session: Session, { workspace, keys, profileIds, quarantined }: Removal): Promise<Readonly<Record<string, number>>> {
  const removed = new Map<string, number>()
  const removeFrom = async (table: string, column: string, values: readonly Value[]): Promise<void> => {
    const count = await session.runOf(values, `DELETE FROM ${table} WHERE workspace = ? AND ${column} IN (?)`, workspace)
    removed.set(table, (removed.get(table) ?? 0) + count)
  }
  const keyBytes = keys.toSorted().map(uuidBytes)
  const ids = profileIds.toSorted().map(uuidBytes)
  for (const table of keyedTables) await removeFrom(table, 'identifier_key', keyBytes)
  for (const table of ['identity_edge', 'identity_veto']) for (const end of ['a', 'b']) await removeFrom(table, end, keyBytes)
  for (const end of ['from_profile', 'to_profile']) await removeFrom('merge_log', end, ids)
  const sent = await session.allOf(ids, 'SELECT webhook_id FROM webhook_delivery WHERE workspace = ? AND profile_id IN (?)', workspace)
  for (const table of ['webhook_attempt', 'webhook_delivery']) await removeFrom(table, 'webhook_id', sent.map((row) => textOf(row, 'webhook_id')))
  for (const column of ['merged_into', 'profile_id']) await removeFrom('profile', column, ids)
  await removeFrom('quarantine', 'message_key', quarantined.map(({ messageId }) => messageKey(messageId)))
  return Object.fromEntries(removed)
}

async function quarantinedWith(session: Session, workspace: number, values: readonly string[]): Promise<readonly QuarantinedTrace[]> {
  const found = new Set<string>()
  for (const value of values) {
    const texts = value.length < bareTextCharactersMin ? [quotedInQuarantine(value)] : [quotedInQuarantine(value), value]
    for (const text of texts) {
      const rows = await session.all('SELECT message_id FROM quarantine WHERE workspace = ? AND INSTR(LOWER(event), LOWER(?)) > 0', workspace, text)
      for (const row of rows) found.add(textOf(row, 'message_id'))
    }
  }
  const traces: QuarantinedTrace[] = []
  for (const messageId of found) {
    const rowOf = (id: string): Promise<Row | undefined> =>
      session.get('SELECT `partition`, batch FROM event_key WHERE workspace = ? AND message_key = ?', workspace, messageKey(id))
    const row = await rowOf(droppedId(messageId)) ?? await rowOf(messageId)
    traces.push({ messageId, place: row === undefined ? null : { partition: numberOf(row, 'partition'), batch: numberOf(row, 'batch') } })
  }
  return traces
}

export async function readErasure(session: Session, workspace: number, id: string): Promise<ErasureRow | null> {
  const row = await session.get('SELECT * FROM erasure WHERE workspace = ? AND id = ?', workspace, id)
  return row === undefined ? null : erasureRow(row)
}

export async function putErasures(session: Session, erasures: readonly NewErasure[]): Promise<void> {
  for (const { workspace, id, at, mode, identifierKeys } of erasures) {
    await session.run(`INSERT INTO erasure (workspace, id, at, mode, identifier_keys, collected, erased_events, replaced_objects, report)
      VALUES (?, ?, ?, ?, ?, NULL, 0, '', NULL) ON DUPLICATE KEY UPDATE id = id`, workspace, id, at, mode, identifierKeys.join(','))
    await putSuppressions(session, identifierKeys.map((identifierKey) => ({ workspace, identifierKey, at, mode })))
  }
}

async function putSuppressions(session: Session, rows: readonly Suppression[]): Promise<void> {
  const sorted = rows.toSorted((a, b) => (a.identifierKey < b.identifierKey ? -1 : 1))
  await session.insert(`INSERT INTO suppression (workspace, identifier_key, at, mode) VALUES ?
    ON DUPLICATE KEY UPDATE at = GREATEST(at, VALUES(at)), mode = VALUES(mode)`,
  sorted.map(({ workspace, identifierKey, at, mode }) => [workspace, uuidBytes(identifierKey), at, mode]))
}

export async function suppressionsOf(session: Session, workspace: number, keys: readonly string[]): Promise<ReadonlyMap<string, Suppression>> {
  const rows = await session.allOf(keys.toSorted().map(uuidBytes),
    'SELECT identifier_key, at, mode FROM suppression WHERE workspace = ? AND identifier_key IN (?)', workspace)
  return new Map(rows.map((row) => {
    const identifierKey = uuidText(bytesOf(row, 'identifier_key'))
    return [identifierKey, { workspace, identifierKey, at: numberOf(row, 'at'), mode: modeOf(textOf(row, 'mode')) }]
  }))
}
