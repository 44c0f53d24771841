import { dirname, resolve } from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { MillraceError, messageOf } from '../../../platform/errors.ts'
import { makeDirectory } from '../../../platform/make-directory.ts'
import type { Row } from '../row.ts'
import { sqliteFailure } from './sqlite-failure.ts'

export interface ConnectionOptions {
  readonly path: string
  readonly readOnly: boolean
}

/** One SQLite connection with its prepared statements kept. Calls are synchronous: a driver's port is what makes them awaitable. */
export class Connection {
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  readonly #isReadOnly: boolean
  /** Readings that have begun and not ended. */
  #reading = 0

  constructor({ path, readOnly }: ConnectionOptions) {
    this.#isReadOnly = readOnly
    if (!readOnly) makeDirectory(dirname(resolve(path)))
    try {
      this.#database = new DatabaseSync(path, { readOnly, timeout: 5_000 })
      if (!readOnly) this.#database.exec(writerPragmas)
      // A reader's mapping would be undone as a whole with every commit of the writer: 60 ms where many pages were read.
      this.#database.exec(`PRAGMA mmap_size = ${readOnly ? 0 : 268_435_456}; PRAGMA temp_store = MEMORY`)
    } catch (error) {
      const failure = sqliteFailure(error)
      const code = failure instanceof MillraceError ? failure.code : 'unavailable'
      throw new MillraceError(code, `SQLite cannot open ${path}: ${messageOf(failure)}`, { retryable: readOnly && code === 'unavailable', cause: error })
    }
  }

  /** SQLite compiles a statement anew whenever a bare parameter of its LIMIT is bound, which costs as much as the read; an expression stays compiled. */
  statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#database.prepare(sql.replaceAll(/\bLIMIT (\?\d*)/g, 'LIMIT ($1 + 0)'))
      this.#statements.set(sql, statement)
    }
    return statement
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    try {
      return this.statement(sql).all(...values)
    } catch (error) {
      throw sqliteFailure(error)
    }
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    try {
      return this.statement(sql).get(...values)
    } catch (error) {
      throw sqliteFailure(error)
    }
  }

  /** Rows changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.statement(sql).run(...values).changes)
  }

  exec(sql: string): void {
    this.#database.exec(sql)
  }

  /**
   * Until {@link endReading} this reader's statements are of one moment. Without it each takes a snapshot of its own, locks and all, which costs more than most reads.
   * Those who read at the same time share the moment, which is over when the last of them has ended; since nothing here waits, that is before anything else happens.
   */
  beginReading(): void {
    if (this.#isReadOnly && this.#reading === 0) this.statement('BEGIN').run()
    this.#reading += 1
  }

  endReading(): void {
    this.#reading -= 1
    if (this.#isReadOnly && this.#reading === 0) this.statement('COMMIT').run()
  }

  close(): void {
    this.#statements.clear()
    this.#database.close()
  }
}

// FULL: a commit is on disk when it returns. The log is checkpointed every 128 MB: a checkpoint stalls the
// writer, and a page that many commits touch, as in an import, should not be copied after each of them.
const writerPragmas = `
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA wal_autocheckpoint = 32768;
PRAGMA journal_size_limit = 268435456;
PRAGMA cache_size = -131072;
PRAGMA secure_delete = FAST;
`
