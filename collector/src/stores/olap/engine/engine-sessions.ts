import { mkdirSync, rmSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type RawInsertFormat, Session } from 'chdb'
import { MillraceError, messageOf } from '../../../platform/errors.ts'
import { EngineError } from './engine-error.ts'
import type { EngineRequest, InsertData } from './engine-request.ts'

export interface EngineAnswer {
  readonly bytes: Uint8Array
  readonly rowsRead: number
  readonly bytesRead: number
  /** null where the engine does not say. */
  readonly rowsWritten: number | null
}

export interface EngineOptions {
  readonly directory: string
  readonly memoryBytesMax: number
}

/** Requests at work at once; an engine on two cores gains nothing by more. */
const readsMax = 3
/** Requests that wait for their turn; more are refused with `overloaded`. */
const waitingMax = 256
/** Memory that must be free for a further thread of a query; the engine's own default, a gigabyte, leaves one thread to an engine of that size. */
const threadBytes = 67_108_864
/** Characters; below, no statement comes near the engine's own bound of 256 KiB, however it is quoted. */
const longStatement = 65_536
/** Directory of the rows of inserts under way, beside the engine's own. */
const insertFiles = 'inserts'
/** A killed predecessor may hold the directory until the system has cleaned up after it. */
const openAttempts = 50
const openEveryMs = 200

/**
 * The embedded engine. Each request gets a session of its own, so that no setting of one reaches another; making one
 * costs about a millisecond. Inserts go one at a time beside the reads, which therefore never wait for a load.
 */
export class EngineSessions {
  readonly #directory: string
  /** Keeps the engine open between requests. */
  readonly #keeper: Session
  readonly #reads = new Turns(readsMax)
  readonly #writes = new Turns(1)
  #files = 0

  private constructor(directory: string, keeper: Session) {
    this.#directory = directory
    this.#keeper = keeper
  }

  /** Fails with `unavailable` if another process holds the directory for ten seconds. */
  static async open({ directory, memoryBytesMax }: EngineOptions): Promise<EngineSessions> {
    // Merges and caches share the bound with queries; the defaults are made for a server with 100 GB.
    const connectionArgs = [
      `--max_server_memory_usage=${memoryBytesMax}`, `--mark_cache_size=${Math.floor(memoryBytesMax / 16)}`,
      '--uncompressed_cache_size=0', '--background_pool_size=2', '--background_schedule_pool_size=2', '--async_insert=0',
    ]
    for (let attempt = 1; ; attempt += 1) {
      try {
        const keeper = new Session(directory, { connectionArgs })
        // What a killed predecessor left of its inserts: this process alone has the directory now.
        rmSync(join(directory, insertFiles), { recursive: true, force: true })
        mkdirSync(join(directory, insertFiles), { mode: 0o700 })
        return new EngineSessions(directory, keeper)
      } catch (error) {
        if (attempt >= openAttempts) throw new MillraceError('unavailable', `the ClickHouse engine cannot open ${directory}: ${messageOf(error)}`, { cause: error })
        await sleep(openEveryMs)
      }
    }
  }

  run(request: EngineRequest): Promise<EngineAnswer> {
    const { insert } = request
    const turns = insert === null && /^\s*(?:select|with|show|describe|desc|exists|explain|from)\b/i.test(request.sql) ? this.#reads : this.#writes
    return turns.take(async () => {
      const session = new Session(this.#directory)
      try {
        if (insert === null) await checkStatement(session, request)
        await prepare(session, request, insert === null)
        return insert === null ? await runStatement(session, request) : await runInsert(session, insert, { settings: request.settings, path: this.#nextFile() })
      } catch (error) {
        throw asEngineError(error)
      } finally {
        session.close()
      }
    })
  }

  #nextFile(): string {
    this.#files += 1
    return join(this.#directory, insertFiles, String(this.#files))
  }

  isBusy(): boolean {
    return this.#reads.running > 0 || this.#writes.running > 0
  }

  /** Waits for what runs, and blocks the process meanwhile: see {@link isBusy}. */
  close(): void {
    this.#keeper.close()
  }
}

async function prepare(session: Session, { database, params, settings }: EngineRequest, withSettings: boolean): Promise<void> {
  if (database !== null && database !== '') await session.queryAsync(`USE ${quotedName(database)}`)
  for (const [name, value] of params) await session.queryAsync(`SET ${name} = ${quotedText(value)}`)
  if (!withSettings) return
  // After readonly nothing can be set, so it comes last.
  const ordered = [['max_threads_min_free_memory_per_thread', String(threadBytes)] as const, ...settings].toSorted(([a], [b]) => Number(a === 'readonly') - Number(b === 'readonly'))
  await session.queryAsync(`SET ${ordered.map(([name, value]) => `${name} = ${quotedText(value)}`).join(', ')}`)
}

/**
 * A server takes one statement a request and writes no file of the client's; the embedded engine, made for a command
 * line, does both. Its own formatter says what it understood, so that nothing hides in a comment or a string.
 */
async function checkStatement(session: Session, { sql, settings }: EngineRequest): Promise<void> {
  if (/^\s*insert\b/i.test(sql)) return
  // The statement stands in one that asks about it, in twice as many bytes at most.
  const bytesMax = Number(settings.get('max_query_size') ?? Number.NaN)
  if (sql.length > longStatement && Number.isSafeInteger(bytesMax)) await session.queryAsync(`SET max_query_size = ${bytesMax * 2 + 1_024}`)
  let formatted: string
  try {
    formatted = (await session.queryAsync(`SELECT formatQuerySingleLine(${quotedText(sql)})`, { format: 'TabSeparatedRaw' })).text()
  } catch (error) {
    const refused = asEngineError(error)
    if (!(refused instanceof EngineError)) throw error
    throw new EngineError(refused.code, `${refused.message.replace(/:? In scope SELECT formatQuery[^]*$/, '')}. (SYNTAX_ERROR)`)
  }
  if (/\bINTO OUTFILE\b/i.test(formatted.replaceAll(/'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`/gs, ''))) {
    throw new EngineError(358, 'Code: 358. DB::Exception: INTO OUTFILE is not allowed. (INTO_OUTFILE_NOT_ALLOWED)')
  }
}

async function runStatement(session: Session, { sql, format }: EngineRequest): Promise<EngineAnswer> {
  const result = await session.queryAsync(sql, { format })
  return { bytes: result.bytes(), rowsRead: result.rowsRead, bytesRead: result.bytesRead, rowsWritten: 0 }
}

/** Formats that the engine reads from a file at less than half the processor time that it takes to read them out of a statement. */
const fileFormats: readonly string[] = ['JSONEachRow', 'JSONCompactEachRow', 'RowBinary', 'Native', 'Parquet']
const statementFormats: readonly RawInsertFormat[] = ['CSV', 'CSVWithNames', 'TSV', 'TabSeparated', 'TSVWithNames', 'TabSeparatedWithNames']

async function runInsert(session: Session, insert: InsertData, { settings, path }: { settings: ReadonlyMap<string, string>; path: string }): Promise<EngineAnswer> {
  const { table, columns, format, rows } = insert
  if (fileFormats.includes(format)) return runFileInsert(session, insert, { settings, path })
  const known = statementFormats.find((name) => name === format)
  if (known === undefined) {
    throw new EngineError(73, `Code: 73. DB::Exception: the embedded engine takes inserts as ${[...fileFormats, ...statementFormats].join(', ')}, not ${format}. (UNKNOWN_FORMAT)`)
  }
  const result = await session.insert({
    table, values: Buffer.concat(rows), format: known, settings: Object.fromEntries(settings), ...(columns.length > 0 ? { columns } : {}),
  })
  return { bytes: new Uint8Array(0), rowsRead: 0, bytesRead: 0, rowsWritten: result.rowsWritten }
}

/** The rows go through a file that is never synced: it lives for one statement. A token counts here as it does in a plain insert. */
async function runFileInsert(
  session: Session, { table, columns, format, rows }: InsertData, { settings, path }: { settings: ReadonlyMap<string, string>; path: string },
): Promise<EngineAnswer> {
  const names = columns.map(quotedName).join(', ')
  const all = new Map(settings)
  if (all.has('insert_deduplication_token')) all.set('deduplicate_insert_select', 'force_enable')
  const settingsClause = all.size === 0 ? '' : `SETTINGS ${[...all].map(([name, value]) => `${name} = ${quotedText(value)}`).join(', ')} `
  try {
    await writeRows(path, rows)
    await session.queryAsync(`INSERT INTO ${table} ${names === '' ? '' : `(${names}) `}${settingsClause}SELECT ${names === '' ? '*' : names} FROM file(${quotedText(path)}, ${quotedText(format)})`)
  } finally {
    await rm(path, { force: true })
  }
  return { bytes: new Uint8Array(0), rowsRead: 0, bytesRead: 0, rowsWritten: null }
}

/** A disk that is full here is full for the engine too, which would say so in these words. */
async function writeRows(path: string, rows: readonly Buffer[]): Promise<void> {
  try {
    await writeFile(path, rows, { mode: 0o600 })
  } catch (error) {
    throw new EngineError(243, `Code: 243. DB::Exception: the rows of an insert cannot be written: ${messageOf(error)}. (NOT_ENOUGH_SPACE)`)
  }
}

function asEngineError(error: unknown): unknown {
  const code: unknown = Reflect.get(Object(error), 'clickhouseCode')
  return typeof code === 'number' ? new EngineError(code, messageOf(error)) : error
}

function quotedText(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

function quotedName(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``
}

/** Lets so many in at once and the rest wait, in order, up to a bound. */
class Turns {
  readonly #most: number
  #running = 0
  readonly #waiting: (() => void)[] = []

  constructor(most: number) {
    this.#most = most
  }

  get running(): number {
    return this.#running
  }

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#most) {
      if (this.#waiting.length >= waitingMax) throw new MillraceError('overloaded', 'the engine has too many requests waiting', { retryable: true })
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    } else {
      this.#running += 1
    }
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#running -= 1
      else next()
    }
  }
}
