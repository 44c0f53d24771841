import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ClickHouseClient, ClickHouseError, type ClickHouseSettings, ClickHouseLogLevel, createClient, SettingsMap } from '@clickhouse/client'
import { MillraceError, messageOf } from '../../../platform/errors.ts'
import type { Olap, OlapInsert, OlapRun, OlapSelection, OverrideRow, PointingRow, SqlRequest } from '../../../ports/olap.ts'
import { lastingFault, ownFault, requireVersion } from './clickhouse-failure.ts'
import { conditionOf, deleteRows, type ErasableTables, eraseEvents, identifiersOf } from './erase-rows.ts'
import {
  durableParts, eventCodecs, eventColumns, eventsView, eventTable, identifierColumns, identifierTable, identityDictionary, overrideTable, recodedEvents,
} from './event-table.ts'
import { queryFault, type QueryScope, treeStatement, withOwnPositions } from './screen-query.ts'

export interface ClickHouseOptions {
  readonly url: string
  readonly username: string
  readonly password: string
  readonly database: string
  /** The authority that signed the server's certificate; null where the system's are asked. */
  readonly tlsCaFile: string | null
  /** A query that takes longer is cancelled, milliseconds. */
  readonly queryTimeoutMs: number
}

/** An engine that is being started again answers within this; then the caller hears of it. */
const reconnectMs = 15_000
const queryMemoryBytesMax = 536_870_912
/** What groups or sorts more than fits goes on on the disk: slower, and at any number of people. */
const spilling: ClickHouseSettings = {
  max_bytes_before_external_group_by: String(queryMemoryBytesMax / 4), max_bytes_before_external_sort: String(queryMemoryBytesMax / 4),
}
const resultBytesMax = 268_435_456
/** Of tables in which repeated inserts are tried. */
const probePrefix = 'dedup_probe'

/** Opens the OLAP on a ClickHouse server, or the embedded engine, which speaks the same. Nothing is asked yet. */
export function openClickHouse(options: ClickHouseOptions): Olap {
  return new ClickHouseOlap(options)
}

class ClickHouseOlap implements Olap {
  readonly #client: ClickHouseClient
  /** Asks in the database, so that users need not name it; the other client works before there is one. */
  readonly #reader: ClickHouseClient
  readonly #database: string
  readonly #options: ClickHouseOptions
  #insertSettings: ClickHouseSettings = {}

  constructor(options: ClickHouseOptions) {
    if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(options.database)) {
      throw new MillraceError('bad_config', `the ClickHouse database ${JSON.stringify(options.database)} must be made of letters, digits and _`)
    }
    this.#options = options
    this.#database = options.database
    const settings = {
      url: options.url, username: options.username, password: options.password,
      request_timeout: options.queryTimeoutMs + 10_000, max_open_connections: 8, keep_alive: { enabled: true, idle_socket_ttl: 2_500 },
      log: { level: ClickHouseLogLevel.OFF },
      ...(options.tlsCaFile === null ? {} : { tls: { ca_cert: authority(options.tlsCaFile) } }),
    }
    this.#client = createClient(settings)
    this.#reader = createClient({ ...settings, database: options.database })
  }

  async prepare(): Promise<void> {
    requireVersion((await this.#read('SELECT version()')).trim())
    await this.#command(`CREATE DATABASE IF NOT EXISTS ${this.#database} ENGINE = Atomic`)
    await this.#command(overrideTable(this.#database))
    await this.#command(identifierTable(this.#database))
    await this.#command(identityDictionary(this.#database, await this.#credentials()))
    await this.#makeDurable()
    await this.#recode()
    this.#insertSettings = await this.#chooseInsertSettings()
    await this.#proveRepeats()
  }

  createGeneration(generation: number): Promise<void> {
    return this.#command(eventTable(this.#database, generation))
  }

  useGeneration(generation: number): Promise<void> {
    return this.#command(eventsView(this.#database, generation))
  }

  async currentGeneration(): Promise<number> {
    const text = await this.#read(`SELECT as_select FROM system.tables WHERE database = '${this.#database}' AND name = 'events'`)
    const generation = /event_g(\d+)/.exec(text)?.[1]
    if (generation === undefined) throw new MillraceError('unavailable', 'the OLAP is not prepared yet', { retryable: true })
    return Number(generation)
  }

  dropGeneration(generation: number): Promise<void> {
    return this.#command(`DROP TABLE IF EXISTS ${this.#database}.event_g${generation} SYNC`)
  }

  async insert({ generation, token, rows }: OlapInsert): Promise<void> {
    await this.#insertRows(`event_g${generation}`, { rows, token, columns: eventColumns })
  }

  async putOverrides(rows: readonly OverrideRow[]): Promise<void> {
    if (rows.length === 0) return
    const lines = rows.map(({ workspace, identifierKey, profileId, version }) =>
      `{"workspace":${workspace},"identifier_key":"${identifierKey}","profile_id":"${profileId}","version":${version}}\n`).join('')
    await this.#insertRows('identity_override', { rows: Buffer.from(lines), token: null, columns: ['workspace', 'identifier_key', 'profile_id', 'version'] })
    await this.#command(`SYSTEM RELOAD DICTIONARY ${this.#database}.identity`)
  }

  async putPointings(rows: readonly PointingRow[]): Promise<void> {
    if (rows.length === 0) return
    const lines = rows.map(({ workspace, identifierKey, profileId, version, partition, batch }) =>
      `{"workspace":${workspace},"identifier_key":"${identifierKey}","profile_id":"${profileId}","version":${version},"partition":${partition},"batch":${batch}}\n`).join('')
    await this.#insertRows('identifier', { rows: Buffer.from(lines), token: null, columns: identifierColumns })
  }

  async countRows(generation: number): Promise<number> {
    return Number(await this.#read(`SELECT count() FROM ${this.#database}.event_g${generation}`))
  }

  async heldRows(generation: number, { partition, firstBatch, lastBatch }: OlapRun): Promise<ReadonlySet<string>> {
    const text = await this.#text(this.#client, {
      query: `SELECT concat(toString(workspace), ' ', message_id) FROM ${this.#database}.event_g${generation}
        WHERE partition = {partition: UInt32} AND batch BETWEEN {first: UInt64} AND {last: UInt64} FORMAT JSONCompactEachRow`,
      query_params: { partition, first: firstBatch, last: lastBatch },
    })
    return new Set(text.split('\n').filter((line) => line !== '').map((line) => {
      const [key = '']: readonly string[] = JSON.parse(line)
      return key
    }))
  }

  async placesOf(generation: number, selection: OlapSelection): Promise<readonly { readonly partition: number; readonly batch: number }[]> {
    const text = await this.#read(`SELECT DISTINCT partition, batch FROM ${this.#database}.event_g${generation} WHERE ${conditionOf(selection)}`)
    return text.split('\n').filter((line) => line !== '').map((line) => {
      const [partition = '', batch = ''] = line.split('\t')
      return { partition: Number(partition), batch: Number(batch) }
    })
  }

  async erase(generation: number, selection: OlapSelection): Promise<number> {
    const events = `event_g${generation}`
    const condition = conditionOf(selection)
    const rows = Number(await this.#read(`SELECT count() FROM ${this.#database}.${events} WHERE ${condition}`))
    if (rows > 0) await eraseEvents(this.#tables(), events, condition)
    for (const table of ['identity_override', 'identifier']) await deleteRows(this.#tables(), table, identifiersOf(selection))
    await this.#command(`SYSTEM RELOAD DICTIONARY ${this.#database}.identity`)
    return rows
  }

  /** Tables of an earlier version did not sync what a merge made. */
  async #makeDurable(): Promise<void> {
    const tables = await this.#read(`SELECT name FROM system.tables WHERE database = '${this.#database}' AND match(name, '^(event_g[0-9]+|identifier|identity_override)$')
      AND NOT (engine_full LIKE '%min_rows_to_fsync_after_merge = 1%' AND engine_full LIKE '%fsync_part_directory = 1%')`)
    for (const name of tables.split('\n').filter((line) => line !== '')) await this.#command(`ALTER TABLE ${this.#database}.${name} MODIFY SETTING ${durableParts}`)
  }

  async #recode(): Promise<void> {
    const columns = await this.#read(`SELECT table, name, compression_codec FROM system.columns WHERE database = '${this.#database}' AND match(table, '^event_g[0-9]+$')`)
    const otherwise = new Set(columns.split('\n').map((line) => line.split('\t')).flatMap(([table, name = '', codec]) =>
      (table !== undefined && eventCodecs[name] !== undefined && eventCodecs[name] !== codec ? [table] : [])))
    for (const table of otherwise) await this.#command(recodedEvents(this.#database, table))
  }

  #tables(): ErasableTables {
    return { database: this.#database, command: (sql) => this.#command(sql), read: (sql) => this.#read(sql) }
  }

  async query({ sql, params = {}, format, workspace, own }: SqlRequest): Promise<string> {
    const trimmed = sql.replace(/[;\s]+$/, '')
    const [clause, named = format] = /\bformat\s+(\w+)$/i.exec(trimmed) ?? ['']
    if (!/^[A-Za-z][A-Za-z0-9]*$/.test(named)) throw new MillraceError('bad_query', `${JSON.stringify(named)} is no format name`)
    const body = trimmed.slice(0, trimmed.length - clause.length)
    if (body === '') throw new MillraceError('bad_query', 'the query is empty')
    const scope = workspace === undefined ? null : await this.#scope()
    const settings: ClickHouseSettings = {
      max_execution_time: this.#options.queryTimeoutMs / 1_000, max_memory_usage: String(queryMemoryBytesMax), max_result_bytes: String(resultBytesMax),
      ...spilling,
      ...(scope === null ? {} : { additional_table_filters: this.#filterTo(scope, Number(workspace)) }),
      // Under it neither the statement nor its SETTINGS clause can change anything.
      readonly: '1',
      ...(own === true ? ownSettings : {}),
    }
    const ask = (query: string, answerFormat: string): Promise<string> =>
      this.#text(this.#reader, { query: `${query}\nFORMAT ${answerFormat}`, query_params: params, clickhouse_settings: settings }, { resendsMax: 1, isOwn: false })
    try {
      // What describes but reads no rows has no tree; one workspace has no use for it.
      if (own !== true && (scope !== null || !/^\s*(?:show|describe|desc|exists)\b/i.test(body))) {
        const fault = queryFault(await this.#tree(body, ask), scope)
        if (fault !== null) throw new MillraceError('bad_query', fault)
      }
      return await ask(body, named)
    } catch (error) {
      if (error instanceof ClickHouseError) throw new MillraceError('bad_query', error.message, { cause: error })
      throw error
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#client.close(), this.#reader.close()])
  }

  async #tree(sql: string, ask: (query: string, format: string) => Promise<string>): Promise<string> {
    try {
      return await ask(treeStatement(sql), 'TabSeparatedRaw')
    } catch (error) {
      if (error instanceof ClickHouseError) throw new MillraceError('bad_query', withOwnPositions(error.message), { cause: error })
      throw error
    }
  }

  async #scope(): Promise<QueryScope> {
    const text = await this.#read(
      `SELECT 'table', name FROM system.tables WHERE database = '${this.#database}' UNION ALL SELECT 'database', name FROM system.databases`)
    const rows = text.trim().split('\n').map((line) => line.split('\t'))
    const named = (kind: string): readonly string[] => rows.flatMap(([of, name]) => (of === kind && name !== undefined ? [name] : []))
    return { database: this.#database, tables: named('table'), databases: named('database') }
  }

  #filterTo({ tables }: QueryScope, workspace: number): SettingsMap {
    const events = tables.filter((name) => /^event_g\d+$/.test(name))
    return SettingsMap.from(Object.fromEntries(events.map((name) => [`${this.#database}.${name}`, `workspace = ${workspace}`])))
  }

  /** A server asks a dictionary's source who it is; the embedded engine knows no users. */
  async #credentials(): Promise<string> {
    const { username, password } = this.#options
    const user = (await this.#read('SELECT currentUser()')).trim()
    if (user !== username || username === 'default' && password === '') return ''
    return `USER ${quoted(username)} PASSWORD ${quoted(password)} `
  }

  /** Names differ by version, and a server refuses a setting that it does not know. */
  async #chooseInsertSettings(): Promise<ClickHouseSettings> {
    const wanted: Readonly<Record<string, string>> = {
      async_insert: '0', deduplicate_insert: 'enable', insert_deduplicate: '1', deduplicate_blocks_in_dependent_materialized_views: '1',
      max_threads: '1', max_insert_threads: '1', max_insert_block_size: '1048576', min_insert_block_size_rows: '1048576',
      min_insert_block_size_bytes: '268435456', max_partitions_per_insert_block: '100',
      input_format_parallel_parsing: '0', date_time_input_format: 'basic', input_format_skip_unknown_fields: '0',
    }
    const names = Object.keys(wanted).map((name) => `'${name}'`).join(', ')
    const known = new Set((await this.#read(`SELECT name FROM system.settings WHERE name IN (${names})`)).trim().split('\n'))
    return Object.fromEntries(Object.entries(wanted).filter(([name]) => known.has(name)))
  }

  /** Exactly-once in this tier hangs on the token, and some configurations ignore it without a word: tried, not believed. */
  async #proveRepeats(): Promise<void> {
    await this.#dropLeftProbes()
    // A name of its own: several processes may start, or be tried by hand, at the same moment.
    const name = `${probePrefix}${randomBytes(8).toString('hex')}`
    const table = `${this.#database}.${name}`
    await this.#command(`CREATE TABLE ${table} (n UInt8) ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 100`)
    const rows = Buffer.from('{"n":1}\n{"n":2}\n')
    for (const token of ['once', 'once', 'twice']) await this.#insertRows(name, { rows, token, columns: ['n'] })
    const count = Number(await this.#read(`SELECT count() FROM ${table}`))
    await this.#command(`DROP TABLE ${table} SYNC`)
    if (count !== 4) {
      throw new MillraceError('olap_unfit', `ClickHouse stored ${count} rows where a repeated insert of 2 and a new one of 2 make 4: ` +
        'insert deduplication does not work there; use a MergeTree engine that honours insert_deduplication_token')
    }
  }

  /** Of processes that died within a probe. */
  async #dropLeftProbes(): Promise<void> {
    const left = await this.#read(`SELECT name FROM system.tables WHERE database = '${this.#database}' AND startsWith(name, '${probePrefix}')
      AND metadata_modification_time < now() - INTERVAL 1 HOUR`)
    for (const name of left.split('\n')) if (/^[a-z\d_]+$/.test(name)) await this.#command(`DROP TABLE IF EXISTS ${this.#database}.${name} SYNC`)
  }

  /**
   * Rows under a token are not sent again where they may have arrived: ClickHouse writes the tokens it knows without a sync, and one
   * torn line, as a power loss leaves it, hides those of all inserts after it from the next start. Whoever asks again looks for the rows first.
   */
  async #insertRows(table: string, { rows, token, columns }: { rows: Uint8Array; token: string | null; columns: readonly string[] }): Promise<void> {
    await this.#persistently(() => this.#client.exec({
      query: `INSERT INTO ${this.#database}.${table} (${columns.join(', ')}) FORMAT JSONEachRow`,
      values: Readable.from([rows], { objectMode: false }),
      clickhouse_settings: { ...this.#insertSettings, ...(token === null ? {} : { insert_deduplication_token: token }) },
    }).then(({ stream }) => drained(stream)), token === null ? alwaysOwn : { resendsMax: 0, isOwn: true })
  }

  async #command(query: string): Promise<void> {
    await this.#persistently(() => this.#client.command({ query }))
  }

  #read(query: string): Promise<string> {
    return this.#text(this.#client, { query: `${query} FORMAT TabSeparated` })
  }

  async #text(client: ClickHouseClient, params: QueryParams, sending: Sending = alwaysOwn): Promise<string> {
    return this.#persistently(async () => {
      const { stream } = await client.exec(params)
      return drained(stream)
    }, sending)
  }

  /** An engine that is away for a moment is waited for. */
  async #persistently<T>(work: () => Promise<T>, { resendsMax, isOwn }: Sending = alwaysOwn): Promise<T> {
    const deadline = performance.now() + reconnectMs
    for (let resends = 0; ;) {
      try {
        return await work()
      } catch (error) {
        const fault = lastingFault(error)
        if (fault !== null) throw fault
        // What a user asks may itself be too much for the server: that is for the user to hear.
        if (error instanceof ClickHouseError) throw isOwn ? ownFault(error) : error
        if (Reflect.get(Object(error), 'code') !== 'ECONNREFUSED') resends += 1
        if (resends > resendsMax || performance.now() > deadline) {
          throw new MillraceError('unavailable', `ClickHouse cannot be reached: ${messageOf(error)}`, { retryable: true, cause: error })
        }
        await sleep(100)
      }
    }
  }
}

function authority(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new MillraceError('bad_config', `tlsCaFile in MILLRACE_OLAP_URL cannot be read: ${messageOf(error)}`, { cause: error })
  }
}

/** A segment of many conditions is longer than what a person writes. */
const ownSettings: ClickHouseSettings = {
  max_query_size: '8388608', max_ast_elements: '1000000', max_expanded_ast_elements: '4000000', precise_float_parsing: 1,
  // A server's own default may be another; joins of more than fit are done in parts on the disk.
  join_use_nulls: 0, join_algorithm: 'grace_hash', max_bytes_in_join: String(queryMemoryBytesMax / 8),
}

interface Sending {
  /** How often it is sent again once it may have arrived. What a user wrote may be what ended the engine. */
  readonly resendsMax: number
  /** Nothing that a user wrote. */
  readonly isOwn: boolean
}

/** What may be done again is asked for until it is answered. */
const alwaysOwn: Sending = { resendsMax: Number.POSITIVE_INFINITY, isOwn: true }

interface QueryParams {
  readonly query: string
  readonly query_params?: Record<string, unknown>
  readonly clickhouse_settings?: ClickHouseSettings
}

async function drained(stream: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) if (Buffer.isBuffer(chunk)) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
