import { readFileSync } from 'node:fs'
import type { Pool } from 'mysql2/promise'
import { MillraceError, messageOf } from '../../../platform/errors.ts'
import { optionalPackage } from '../../../platform/optional-package.ts'
import { codeOf, mysqlFailure } from './mysql-failure.ts'

/** A MySQL address: `mysql://user:password@host:3306/database`, with `?tls=true` and `&tlsCaFile=path` where wanted. */
export interface MysqlAddress {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
  /** null: not encrypted; `ca` is null where the system's authorities are asked. */
  readonly tls: { readonly ca: string | null } | null
}

/** Fails with `bad_config` that names the part of the URL. */
export function parseMysqlUrl(text: string): MysqlAddress {
  const fault = (what: string): MillraceError =>
    new MillraceError('bad_config', `MILLRACE_OLTP_URL must be mysql://user:password@host:3306/database: ${what}`)
  if (!URL.canParse(text)) throw fault('it is no URL')
  const { hostname, port, username, password, pathname, searchParams } = new URL(text)
  if (hostname === '') throw fault('the host is missing')
  for (const name of searchParams.keys()) {
    if (name !== 'tls' && name !== 'tlsCaFile') throw fault(`there is no parameter ${name}; tls and tlsCaFile are known`)
  }
  const database = decodeURIComponent(pathname.slice(1)) || 'millrace'
  if (!/^\w{1,64}$/.test(database)) throw fault(`the database ${JSON.stringify(database)} must be made of letters, digits and _`)
  const tls = searchParams.get('tls') ?? 'false'
  if (tls !== 'true' && tls !== 'false') throw fault('tls must be true or false')
  const caFile = searchParams.get('tlsCaFile')
  return {
    host: hostname.replaceAll(/^\[|\]$/g, ''), port: port === '' ? 3306 : Number(port), user: decodeURIComponent(username) || 'root',
    password: decodeURIComponent(password), database,
    tls: tls === 'false' && caFile === null ? null : { ca: caFile === null ? null : authorityOf(caFile) },
  }
}

function authorityOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new MillraceError('bad_config', `tlsCaFile in MILLRACE_OLTP_URL cannot be read: ${messageOf(error)}`, { cause: error })
  }
}

const connectTimeoutMs = 10_000
/** Statements that wait for a connection; more fail, and are tried again by whoever sent them. */
const queueMax = 10_000

/**
 * What a transaction counts on, whatever the server's defaults are: fresh reads under row locks, errors instead of cut
 * values, and a lock that is waited for five seconds, not fifty.
 */
const sessionStatements: readonly string[] = [
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  `SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'`,
  'SET SESSION innodb_lock_wait_timeout = 5',
  `SET SESSION time_zone = '+00:00'`,
]

/**
 * A pool on the address's database, which is made if it is not there. Fails with `package_missing` where mysql2 is not
 * installed, `bad_config` where the server refuses, `unavailable` (retryable) where it cannot be reached.
 */
export async function openPool(address: MysqlAddress, connectionsMax: number): Promise<Pool> {
  const { createPool, createConnection } = await optionalPackage('MySQL', 'mysql2', () => import('mysql2/promise'))
  const { host, port, user, password, database, tls } = address
  const common = {
    host, port, user, password, connectTimeout: connectTimeoutMs, charset: 'utf8mb4_bin', timezone: 'Z',
    // A statement answers the rows it changed, not those it found: else an insert that met its row would look like one.
    flags: ['-FOUND_ROWS'],
    ...(tls === null ? {} : { ssl: { rejectUnauthorized: true, ...(tls.ca === null ? {} : { ca: tls.ca }) } }),
  }
  try {
    const first = await createConnection({ ...common, database }).catch(async (error: unknown) => {
      if (codeOf(error) !== 'ER_BAD_DB_ERROR') throw error
      const server = await createConnection(common)
      await server.query(`CREATE DATABASE IF NOT EXISTS \`${database}\` CHARACTER SET utf8mb4`).catch(() => undefined)
      await server.end()
      return createConnection({ ...common, database })
    })
    await first.end()
  } catch (error) {
    throw mysqlFailure(error)
  }
  const pool = createPool({ ...common, database, connectionLimit: connectionsMax, queueLimit: queueMax, enableKeepAlive: true })
  pool.pool.on('connection', (connection) => {
    for (const statement of sessionStatements) {
      // In order before whatever the connection was taken for; one that cannot be set up is not used.
      connection.query(statement, (error: unknown) => {
        if (error !== null) connection.destroy()
      })
    }
  })
  return pool
}
