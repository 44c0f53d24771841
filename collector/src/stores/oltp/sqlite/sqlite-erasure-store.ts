import { setTimeout as sleep } from 'node:timers/promises'
import { MillraceError } from '../../../platform/errors.ts'
import { messageKey, uuidBytes, uuidText } from '../../../platform/uuid.ts'
import { droppedId } from '../../../ports/dropped-id.ts'
import type { ErasureRow, ErasureStore, NewErasure, QuarantinedTrace, RewrittenObject, Suppression } from '../../../ports/erasure-store.ts'
import { bareTextCharactersMin, erasureRow, modeOf, quotedInQuarantine } from '../erasure-rows.ts'
import { bytesOf, numberOf, textOf } from '../row.ts'
import { removeCounts, removeEvents } from './activity.ts'
import type { Connection } from './connection.ts'
import type { EventPeriods } from './event-periods.ts'

/** Runs work in a transaction of the one writer. */
type Write = <T>(work: () => T | Promise<T>) => Promise<T>
/** Keeps the one writer to itself, outside a transaction. */
type Alone = <T>(work: () => Promise<T>) => Promise<T>

const checkpointTries = 50

export class SqliteErasureStore implements ErasureStore {
  readonly #connection: Connection
  readonly #periods: EventPeriods
  readonly #write: Write
  readonly #alone: Alone

  constructor(connection: Connection, periods: EventPeriods, { write, alone }: { readonly write: Write; readonly alone: Alone }) {
    this.#connection = connection
    this.#periods = periods
    this.#write = write
    this.#alone = alone
  }

  async openErasures(): Promise<readonly ErasureRow[]> {
    return this.#connection.all('SELECT * FROM erasure WHERE report IS NULL ORDER BY at, id').map(erasureRow)
  }

  /** The writer's turn is the lock: no decision is under way while it has it. */
  collectErasure(workspace: number, id: string, now: number): Promise<ErasureRow> {
    return this.#write(() => {
      const erasure = readErasure(this.#connection, workspace, id)
      if (erasure === null) throw new MillraceError('not_found', `there is no erasure ${id}`)
      if (erasure.collected !== null) return erasure
      const profileIds = this.#profilesOf(erasure)
      const identifiers = profileIds.flatMap((profile) =>
        this.#connection.all('SELECT identifier_key, value FROM identifier WHERE workspace = ? AND profile_id = ?', workspace, uuidBytes(profile)))
      const keys = [...new Set([...erasure.identifierKeys, ...identifiers.map((row) => uuidText(bytesOf(row, 'identifier_key')))])]
      const quarantined = this.#quarantinedWith(workspace, identifiers.map((row) => textOf(row, 'value')))
      const upToBatch = this.#connection.all('SELECT partition, batch FROM partition WHERE partition >= 0 ORDER BY partition')
        .reduce<number[]>((batches, row) => {
          batches[numberOf(row, 'partition')] = numberOf(row, 'batch')
          return batches
        }, [])
      const rows = this.#remove({ workspace, keys, profileIds, quarantined })
      putSuppressions(this.#connection, keys.map((identifierKey) => ({ workspace, identifierKey, at: now, mode: erasure.mode })))
      this.#connection.run('UPDATE erasure SET identifier_keys = ?, collected = ? WHERE workspace = ? AND id = ?',
        keys.join(','), JSON.stringify({ profileIds, upToBatch, quarantined, rows }), workspace, id)
      return readErasure(this.#connection, workspace, id) ?? erasure
    })
  }

  replaceObject({ workspace, id }: ErasureRow, { partition, lastBatch, name, replacedName, digest, batches, erasedEvents }: RewrittenObject): Promise<void> {
    return this.#write(() => {
      const changed = this.#connection.run('UPDATE archive_object SET name = ?, digest = ? WHERE partition = ? AND last_batch = ? AND name = ?',
        name, digest, partition, lastBatch, replacedName)
      if (changed === 0) throw new MillraceError('unavailable', `archive object ${replacedName} was replaced by somebody else`, { retryable: true })
      for (const batch of batches) {
        this.#connection.run('UPDATE batch SET digest = ?, line_bytes = ?, decisions = NULL WHERE partition = ? AND batch = ?',
          batch.digest, batch.lineBytes, partition, batch.batch)
      }
      this.#connection.run(`UPDATE erasure SET erased_events = erased_events + ?,
        replaced_objects = replaced_objects || CASE replaced_objects WHEN '' THEN '' ELSE ',' END || ? WHERE workspace = ? AND id = ?`,
      erasedEvents, replacedName, workspace, id)
    })
  }

  /** Deleted cells stay in their pages, and old pages in the write-ahead log, until the file is written anew. */
  scrub(): Promise<void> {
    return this.#alone(async () => {
      this.#connection.exec('VACUUM')
      // A reader in the middle of a statement holds the log back for as long as that takes.
      for (let attempt = 0; attempt < checkpointTries; attempt += 1) {
        if (numberOf(this.#connection.get('PRAGMA wal_checkpoint(TRUNCATE)') ?? {}, 'busy') === 0) return
        await sleep(100)
      }
      throw new MillraceError('unavailable', 'a reader keeps the write-ahead log of SQLite busy', { retryable: true })
    })
  }

  finishErasure({ workspace, id }: ErasureRow, report: string): Promise<void> {
    return this.#write(() => {
      this.#connection.run('UPDATE erasure SET report = ? WHERE workspace = ? AND id = ?', report, workspace, id)
    })
  }

  #profilesOf({ workspace, identifierKeys }: ErasureRow): readonly string[] {
    const ids = new Set<string>()
    for (const key of identifierKeys) {
      const row = this.#connection.get('SELECT profile_id FROM identifier WHERE workspace = ? AND identifier_key = ?', workspace, uuidBytes(key))
      if (row !== undefined) ids.add(uuidText(bytesOf(row, 'profile_id')))
    }
    return [...ids]
  }

  #quarantinedWith(workspace: number, values: readonly string[]): readonly QuarantinedTrace[] {
    const found = new Set<string>()
    for (const value of values) {
      const texts = value.length < bareTextCharactersMin ? [quotedInQuarantine(value)] : [quotedInQuarantine(value), value]
      for (const text of texts) {
        const rows = this.#connection.all('SELECT message_id FROM quarantine WHERE workspace = ? AND instr(lower(event), lower(?)) > 0', workspace, text)
        for (const row of rows) found.add(textOf(row, 'message_id'))
      }
    }
    return [...found].map((messageId) => {
      const claim = this.#periods.find(workspace, droppedId(messageId)) ?? this.#periods.find(workspace, messageId)
      return { messageId, place: claim === null ? null : { partition: claim.partition, batch: claim.batch } }
    })
  }

  #remove({ workspace, keys, profileIds, quarantined }: {
    readonly workspace: number
    readonly keys: readonly string[]
    readonly profileIds: readonly string[]
    readonly quarantined: readonly QuarantinedTrace[]
  }): Readonly<Record<string, number>> {
    const removed = new Map<string, number>()
    const count = (table: string, rows: number): void => {
      removed.set(table, (removed.get(table) ?? 0) + rows)
    }
    const remove = (table: string, condition: string, ...values: readonly (string | Buffer)[]): void => {
      count(table, this.#connection.run(`DELETE FROM ${table} WHERE workspace = ? AND ${condition}`, workspace, ...values))
    }
    for (const key of keys.map(uuidBytes)) {
      count('identifier_metric', removeCounts(this.#connection, workspace, key))
      count('timeline', removeEvents(this.#connection, workspace, key))
      for (const table of keyedTables) remove(table, 'identifier_key = ?', key)
      for (const table of ['identity_edge', 'identity_veto']) {
        for (const end of ['a', 'b']) remove(table, `${end} = ?`, key)
      }
    }
    for (const id of profileIds.map(uuidBytes)) {
      for (const end of ['from_profile', 'to_profile']) remove('merge_log', `${end} = ?`, id)
      remove('webhook_attempt', 'webhook_id IN (SELECT webhook_id FROM webhook_delivery AS d WHERE d.workspace = webhook_attempt.workspace AND d.profile_id = ?)', id)
      remove('webhook_delivery', 'profile_id = ?', id)
      remove('profile', 'merged_into = ?', id)
      remove('profile', 'profile_id = ?', id)
    }
    for (const { messageId } of quarantined) remove('quarantine', 'message_key = ?', messageKey(messageId))
    return Object.fromEntries(removed)
  }
}

/** Tables with a row, or many, of each identifier. */
const keyedTables: readonly string[] = [
  'identifier_register', 'consent', 'identity_override', 'identity_override_change', 'identity_pointing_change',
  'cart', 'identifier',
]

export function readErasure(connection: Connection, workspace: number, id: string): ErasureRow | null {
  const row = connection.get('SELECT * FROM erasure WHERE workspace = ? AND id = ?', workspace, id)
  return row === undefined ? null : erasureRow(row)
}

export function putErasure(connection: Connection, { workspace, id, at, mode, identifierKeys }: NewErasure): void {
  connection.run(`INSERT INTO erasure (workspace, id, at, mode, identifier_keys, collected, erased_events, replaced_objects, report)
    VALUES (?, ?, ?, ?, ?, NULL, 0, '', NULL) ON CONFLICT DO NOTHING`, workspace, id, at, mode, identifierKeys.join(','))
  putSuppressions(connection, identifierKeys.map((identifierKey) => ({ workspace, identifierKey, at, mode })))
}

function putSuppressions(connection: Connection, rows: readonly Suppression[]): void {
  for (const { workspace, identifierKey, at, mode } of rows) {
    connection.run(`INSERT INTO suppression (workspace, identifier_key, at, mode) VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET at = max(at, excluded.at), mode = excluded.mode`, workspace, uuidBytes(identifierKey), at, mode)
  }
}

export function suppressionsOf(connection: Connection, workspace: number, keys: readonly string[]): ReadonlyMap<string, Suppression> {
  const found = new Map<string, Suppression>()
  for (const key of keys) {
    const row = connection.get('SELECT at, mode FROM suppression WHERE workspace = ? AND identifier_key = ?', workspace, uuidBytes(key))
    if (row !== undefined) found.set(key, { workspace, identifierKey: key, at: numberOf(row, 'at'), mode: modeOf(textOf(row, 'mode')) })
  }
  return found
}
