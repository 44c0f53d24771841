import type { Claim, EventRef, NewClaim } from '../../../ports/oltp.ts'
import { messageKey, uuidBytes, uuidText } from '../../../platform/uuid.ts'
import type { Row } from '../row.ts'
import { type ClaimBounds, type ClaimOfKey, ClaimRuns, sourceWeek } from './claim-runs.ts'
import type { Connection } from './connection.ts'
import { eventPeriodMs } from '../event-period.ts'
import { bytesOf, numberOf } from '../row.ts'
import { SourceClaims } from './source-claims.ts'

/** Ids made from the objects of a source by earlier versions, which had no runs. */
const register = 'source_register'

/**
 * The duplicate window. A claim goes into a run of its own week of receivedAt, so that forgetting is dropping a table, or for
 * history into a run of the source's claims, which are never forgotten. A look-up asks every run that may have the key, and the register and the
 * weeks of earlier versions.
 */
export class EventPeriods {
  readonly #connection: Connection
  readonly #runs: ClaimRuns
  readonly #sources: SourceClaims
  /** Of the last look-up: a batch claims what it looked up. */
  #keys = new Map<string, Buffer>()

  constructor(connection: Connection, bounds?: ClaimBounds) {
    this.#connection = connection
    this.#runs = new ClaimRuns(connection, bounds)
    this.#sources = new SourceClaims(connection)
  }

  claimed(refs: readonly EventRef[]): boolean[] {
    this.#keys = new Map()
    const found = this.#runs.known(refs.map(({ workspace, messageId }) => {
      const key = messageKey(messageId)
      this.#keys.set(messageId, key)
      return { workspace, key }
    }))
    return this.#knownToo(found, [...this.#former().map((period) => `event_key_${period}`), ...this.#formerRegister()], refs)
  }

  registered(workspace: number, messageIds: readonly string[]): boolean[] {
    this.#connection.beginReading()
    try {
      const found = this.#sources.known(workspace, messageIds.map(messageKey))
      return this.#knownToo(found, this.#formerRegister(), messageIds.map((messageId) => ({ workspace, messageId })))
    } finally {
      this.#connection.endReading()
    }
  }

  find(workspace: number, messageId: string): Claim | null {
    const key = messageKey(messageId)
    const row = this.#runs.find(workspace, key) ?? this.#findIn([...this.#former().map((period) => `event_key_${period}`), register], workspace, key)
    if (row === undefined) return null
    const identifierKey = row.identifier_key === null ? null : uuidText(bytesOf(row, 'identifier_key'))
    return { partition: numberOf(row, 'partition'), batch: numberOf(row, 'batch'), identifierKey }
  }

  claim(claims: readonly NewClaim[], partition: number, batch: number): void {
    const weeks = new Map<number, NewClaim[]>()
    for (const claim of claims) {
      const week = claim.sourced ? sourceWeek : Math.floor(claim.receivedAt / eventPeriodMs)
      const own = weeks.get(week)
      if (own === undefined) weeks.set(week, [claim])
      else own.push(claim)
    }
    for (const [week, own] of weeks) {
      this.#runs.add(week, own.map((claim) => this.#claimOf(claim)).sort((a, b) => a.workspace - b.workspace || a.place - b.place), { partition, batch })
    }
  }

  /** Drops the weeks that ended before the instant. */
  prune(windowStart: number): void {
    const lastWeek = Math.floor(windowStart / eventPeriodMs) - 1
    this.#runs.prune(lastWeek)
    for (const period of this.#former()) {
      if (period > lastWeek) continue
      this.#connection.exec(`DROP TABLE IF EXISTS event_key_${period}`)
      this.#connection.run('DELETE FROM event_period WHERE period = ?', period)
    }
  }

  /** After a rollback. */
  forget(): void {
    this.#runs.forget()
  }

  #claimOf({ messageId, workspace, identifierKey }: NewClaim): ClaimOfKey & { readonly place: number } {
    const key = this.#keys.get(messageId) ?? messageKey(messageId)
    // The order is for neighbours' sake: six of seventeen bytes tell it well enough, and compare as a number.
    return { key, workspace, identifier: identifierKey === null ? null : uuidBytes(identifierKey), place: key.readUIntBE(1, 6) }
  }

  #findIn(tables: readonly string[], workspace: number, key: Buffer): Row | undefined {
    for (const table of tables) {
      const row = this.#connection.get(`SELECT partition, batch, identifier_key FROM ${table} WHERE workspace = ? AND message_key = ?`, workspace, key)
      if (row !== undefined) return row
    }
    return undefined
  }

  /** What was found, or is in one of the tables. */
  #knownToo(found: boolean[], tables: readonly string[], refs: readonly Pick<EventRef, 'workspace' | 'messageId'>[]): boolean[] {
    if (tables.length === 0) return found
    const statements = tables.map((table) => this.#connection.statement(`SELECT 1 FROM ${table} WHERE workspace = ? AND message_key = ?`))
    return refs.map((ref, index) => {
      const key = this.#keys.get(ref.messageId) ?? messageKey(ref.messageId)
      return found[index] === true || statements.some((statement) => statement.get(ref.workspace, key) !== undefined)
    })
  }

  #formerRegister(): readonly string[] {
    return this.#connection.get(`SELECT 1 FROM ${register} LIMIT 1`) === undefined ? [] : [register]
  }

  /** Weeks of earlier versions, newest first: most repeats are young. */
  #former(): readonly number[] {
    return this.#connection.all('SELECT period FROM event_period ORDER BY period DESC').map((row) => numberOf(row, 'period'))
  }
}
