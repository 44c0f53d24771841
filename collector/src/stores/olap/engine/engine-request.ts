import { gunzipSync } from 'node:zlib'
import { MillraceError, messageOf } from '../../../platform/errors.ts'

/** Rows that come with an INSERT, as they came. */
export interface InsertData {
  readonly table: string
  readonly columns: readonly string[]
  readonly format: string
  /** In pieces, as they were read. */
  readonly rows: readonly Buffer[]
}

/** One request of ClickHouse's HTTP interface, taken apart. */
export interface EngineRequest {
  /** Without the rows of an insert. */
  readonly sql: string
  readonly insert: InsertData | null
  readonly database: string | null
  readonly queryId: string | null
  readonly format: string
  /** Values of `{name:Type}` placeholders, escaped as the interface has them. */
  readonly params: ReadonlyMap<string, string>
  readonly settings: ReadonlyMap<string, string>
}

/** Parameters of the interface itself; every other one is a setting of the query. */
const own = new Set([
  'query', 'query_id', 'database', 'default_format', 'user', 'password', 'session_id', 'session_timeout', 'session_check', 'quota_key',
  'buffer_size', 'wait_end_of_query', 'compress', 'decompress', 'enable_http_compression', 'http_zlib_compression_level', 'role', 'client_protocol_version',
  'send_progress_in_http_headers', 'http_headers_progress_interval_ms',
])

/** After decompression: one load is at most 64 MiB. */
const bodyBytesMax = 134_217_728

/** Takes a request apart. Fails with `bad_request` where it can be none, `body_too_large` over 128 MiB. */
export function readEngineRequest(target: URL, body: readonly Buffer[], encoding: string | undefined): EngineRequest {
  const search = target.searchParams
  const content = decompressed(body, encoding)
  const query = search.get('query') ?? ''
  const params = new Map<string, string>()
  const settings = new Map<string, string>()
  for (const [name, value] of search) {
    if (name.startsWith('param_')) params.set(name, value)
    else if (!own.has(name)) settings.set(name, value)
  }
  for (const name of [...params.keys(), ...settings.keys()]) {
    if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)) throw new MillraceError('bad_request', `${JSON.stringify(name)} is no name of a setting`)
  }
  const insert = query === '' ? null : readInsert(query, content)
  const sql = insert !== null ? query : query === '' ? textOf(content) : `${query}\n${textOf(content)}`.trim()
  return {
    sql, insert, params, settings, database: search.get('database'), queryId: search.get('query_id'), format: search.get('default_format') ?? 'TabSeparated',
  }
}

/** The form of @clickhouse/client: the statement in the URL, the rows in the body. One with a SETTINGS clause goes to the engine whole. */
function readInsert(query: string, rows: readonly Buffer[]): InsertData | null {
  const match = /^\s*INSERT\s+INTO\s+((?:[\w.]|`[^`]*`)+)\s*(?:\(([^()]*)\))?\s*FORMAT\s+(\w+)\s*;?\s*$/i.exec(query)
  if (match === null || rows.length === 0) return null
  const [, table = '', columns = '', format = ''] = match
  return { table, columns: columns.split(',').map((name) => name.trim().replaceAll('`', '')).filter((name) => name !== ''), format, rows }
}

function textOf(body: readonly Buffer[]): string {
  return Buffer.concat(body).toString('utf8')
}

function decompressed(body: readonly Buffer[], encoding: string | undefined): readonly Buffer[] {
  if (encoding === undefined || encoding === 'identity') return body
  if (encoding !== 'gzip') throw new MillraceError('bad_request', `content-encoding ${encoding} is not understood; gzip is`)
  try {
    return [gunzipSync(Buffer.concat(body), { maxOutputLength: bodyBytesMax })]
  } catch (error) {
    const tooLarge = Reflect.get(Object(error), 'code') === 'ERR_BUFFER_TOO_LARGE'
    throw new MillraceError(tooLarge ? 'body_too_large' : 'bad_request', `the body cannot be decompressed: ${messageOf(error)}`, { cause: error })
  }
}

export { bodyBytesMax as engineBodyBytesMax }
