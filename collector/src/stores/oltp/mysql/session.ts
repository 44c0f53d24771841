import type { Pool, PoolConnection } from 'mysql2/promise'
import { MillraceError } from '../../../platform/errors.ts'
import type { Row } from '../row.ts'
import { codeOf, mysqlFailure } from './mysql-failure.ts'

export type Value = string | number | null | Uint8Array | readonly Value[]

/** Rows of one statement: bounded, so that it stays far below any server's max_allowed_packet. */
const insertRowsMax = 1_000
const insertBytesMax = 2_097_152
/** Keys of one statement; MariaDB rewrites a list of 1,000 and more as a join, which locks other rows. */
const keysMax = 900

/** Whatever statements run on: the pool, or one connection with its transaction open. */
export class Session {
  readonly #target: Pool | PoolConnection

  constructor(target: Pool | PoolConnection) {
    this.#target = target
  }

  async all(sql: string, ...values: readonly Value[]): Promise<readonly Row[]> {
    const rows = await this.#query(sql, values)
    return Array.isArray(rows) ? rows.filter(isRow) : []
  }

  async get(sql: string, ...values: readonly Value[]): Promise<Row | undefined> {
    return (await this.all(sql, ...values))[0]
  }

  /** `sql` once for each few hundred of the keys, which take its last `?`; the rows of all of them. */
  async allOf(keys: readonly Value[], sql: string, ...values: readonly Value[]): Promise<readonly Row[]> {
    const rows: Row[] = []
    for (let from = 0; from < keys.length; from += keysMax) {
      for (const row of await this.all(sql, ...values, keys.slice(from, from + keysMax))) rows.push(row)
    }
    return rows
  }

  /** The same for a statement that changes rows; answers how many. */
  async runOf(keys: readonly Value[], sql: string, ...values: readonly Value[]): Promise<number> {
    let changed = 0
    for (let from = 0; from < keys.length; from += keysMax) changed += await this.run(sql, ...values, keys.slice(from, from + keysMax))
    return changed
  }

  /** Rows changed; an upsert of an existing row counts as two, a row written as it was as none. */
  async run(sql: string, ...values: readonly Value[]): Promise<number> {
    const result = await this.#query(sql, values)
    return Number(Reflect.get(Object(result), 'affectedRows') ?? 0)
  }

  /** As few statements as the bounds allow: `INSERT INTO … VALUES ? …`. */
  async insert(sql: string, rows: readonly (readonly Value[])[]): Promise<void> {
    let chunk: (readonly Value[])[] = []
    let bytes = 0
    for (const row of rows) {
      const size = sizeOf(row)
      if (chunk.length >= insertRowsMax || (chunk.length > 0 && bytes + size > insertBytesMax)) {
        await this.run(sql, chunk)
        chunk = []
        bytes = 0
      }
      chunk.push(row)
      bytes += size
    }
    if (chunk.length > 0) await this.run(sql, chunk)
  }

  /** Rows that must not be there yet; fails with `unavailable` (retryable) where another transaction was first. */
  async insertNew(sql: string, rows: readonly (readonly Value[])[]): Promise<void> {
    try {
      await this.insert(sql, rows)
    } catch (error) {
      if (!(error instanceof MillraceError) || codeOf(error.cause) !== 'ER_DUP_ENTRY') throw error
      throw new MillraceError('unavailable', `another transaction was first: ${error.message}`, { retryable: true, cause: error })
    }
  }

  async #query(sql: string, values: readonly Value[]): Promise<unknown> {
    try {
      const [result] = await this.#target.query(sql, [...values])
      return result
    } catch (error) {
      throw mysqlFailure(error)
    }
  }
}

function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null
}

/** About the bytes a row takes in a statement: bytes are written in hex, and a text may be all characters that are escaped. */
function sizeOf(row: readonly Value[]): number {
  return row.reduce<number>((sum, value) => sum + (typeof value === 'string' || value instanceof Uint8Array ? 2 * value.length : 12), 0)
}
