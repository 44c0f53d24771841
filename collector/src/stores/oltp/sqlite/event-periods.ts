import type { Claim, EventRef, NewClaim } from '../../../ports/oltp.ts'
import { messageKey, uuidBytes, uuidText } from '../../../platform/uuid.ts'
import type { Connection } from './connection.ts'
import { eventPeriodMs } from '../event-period.ts'
import { bytesOf, numberOf } from '../row.ts'

/** Ids made from the objects of a source: the window without an end. */
const register = 'source_register'

/**
 * The duplicate window: one table a week of receivedAt, so that forgetting is dropping a table. A look-up asks every
 * live week and the source register, a claim goes into its own week or, for history, into the register.
 */
export class EventPeriods {
  readonly #connection: Connection
  #periods: number[] | null = null

  constructor(connection: Connection) {
    this.#connection = connection
  }

  claimed(refs: readonly EventRef[]): boolean[] {
    return this.#known(this.#tables(), refs)
  }

  registered(workspace: number, messageIds: readonly string[]): boolean[] {
    // In one transaction: else each look-up takes a snapshot of its own, which costs more than the look-up.
    this.#connection.exec('BEGIN')
    try {
      return this.#known([register], messageIds.map((messageId) => ({ workspace, messageId })))
    } finally {
      this.#connection.exec('COMMIT')
    }
  }

  find(workspace: number, messageId: string): Claim | null {
    const key = messageKey(messageId)
    this.#periods = null
    for (const table of this.#tables()) {
      const row = this.#connection.get(
        `SELECT partition, batch, identifier_key FROM ${table} WHERE workspace = ? AND message_key = ?`, workspace, key)
      if (row !== undefined) {
        const identifierKey = row.identifier_key === null ? null : uuidText(bytesOf(row, 'identifier_key'))
        return { partition: numberOf(row, 'partition'), batch: numberOf(row, 'batch'), identifierKey }
      }
    }
    return null
  }

  claim(claims: readonly NewClaim[], partition: number, batch: number): void {
    const rows = claims
      .map((claim) => ({ claim, key: messageKey(claim.messageId), period: claim.sourced ? -1 : Math.floor(claim.receivedAt / eventPeriodMs) }))
      .toSorted((a, b) => a.period - b.period || a.claim.workspace - b.claim.workspace || Buffer.compare(a.key, b.key))
    for (const { claim, key, period } of rows) {
      if (!claim.sourced) this.#ensure(period)
      this.#connection.run(
        `INSERT INTO ${claim.sourced ? register : `event_key_${period}`} (workspace, message_key, partition, batch, identifier_key) VALUES (?, ?, ?, ?, ?)`,
        claim.workspace, key, partition, batch, claim.identifierKey === null ? null : uuidBytes(claim.identifierKey))
    }
  }

  /** Drops the weeks that ended before the instant. */
  prune(windowStart: number): void {
    for (const period of this.#live()) {
      if ((period + 1) * eventPeriodMs > windowStart) continue
      this.#connection.exec(`DROP TABLE IF EXISTS event_key_${period}`)
      this.#connection.run('DELETE FROM event_period WHERE period = ?', period)
      this.#periods = null
    }
  }

  /** A rolled-back transaction may have taken a table with it. */
  forget(): void {
    this.#periods = null
  }

  #ensure(period: number): void {
    if (this.#live().includes(period)) return
    this.#connection.exec(`CREATE TABLE IF NOT EXISTS event_key_${period} (
      workspace INTEGER NOT NULL, message_key BLOB NOT NULL, partition INTEGER NOT NULL, batch INTEGER NOT NULL,
      identifier_key BLOB, PRIMARY KEY (workspace, message_key)) STRICT, WITHOUT ROWID`)
    this.#connection.run('INSERT OR IGNORE INTO event_period (period) VALUES (?)', period)
    this.#periods = null
  }

  #known(tables: readonly string[], refs: readonly Pick<EventRef, 'workspace' | 'messageId'>[]): boolean[] {
    const statements = tables.map((table) => this.#connection.statement(`SELECT 1 FROM ${table} WHERE workspace = ? AND message_key = ?`))
    return refs.map((ref) => {
      const key = messageKey(ref.messageId)
      return statements.some((statement) => statement.get(ref.workspace, key) !== undefined)
    })
  }

  #tables(): readonly string[] {
    return [...this.#live().map((period) => `event_key_${period}`), register]
  }

  #live(): readonly number[] {
    this.#periods ??= this.#read()
    return this.#periods
  }

  /** Newest first: most repeats are young. */
  #read(): number[] {
    return this.#connection.all('SELECT period FROM event_period ORDER BY period DESC').map((row) => numberOf(row, 'period'))
  }
}
