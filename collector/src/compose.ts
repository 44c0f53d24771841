import { join } from 'node:path'
import { openMemoryCache } from './caches/memory/memory-cache.ts'
import type { Config } from './config.ts'
import { openLogReader, openLogWriter } from './log/embedded/embedded-log.ts'
import type { Clock } from './platform/clock.ts'
import type { Logger } from './platform/logger.ts'
import type { Cache } from './ports/cache.ts'
import type { LogPosition, LogReader, LogWriter } from './ports/log.ts'
import type { Objects } from './ports/objects.ts'
import type { Olap } from './ports/olap.ts'
import type { Oltp, OltpReader } from './ports/oltp.ts'
import { openFilesObjects } from './stores/objects/files/files-objects.ts'
import { openClickHouse } from './stores/olap/clickhouse/clickhouse-olap.ts'
import { startEngine, type Engine } from './stores/olap/engine/start-engine.ts'
import { SqliteOltp, sqlitePath } from './stores/oltp/sqlite/sqlite-oltp.ts'
import { SqliteReader } from './stores/oltp/sqlite/sqlite-reader.ts'

/**
 * The one place that knows which drivers exist: a URL of the configuration in, a port out.
 * Configuration checks the schemes, so what is not named here is the embedded default.
 */

/** Where the OLAP answers; for the embedded engine known only once it runs. */
export interface OlapAddress {
  readonly url: string
  readonly username: string
  readonly password: string
  readonly database: string
}

export function composeOltp(config: Config): Oltp {
  return new SqliteOltp(sqlitePath(config.data))
}

export function composeOltpReader(config: Config): OltpReader {
  return new SqliteReader(sqlitePath(config.data))
}

export function composeLogWriter(config: Config, clock: Clock, notBefore: LogPosition | null): Promise<LogWriter> {
  return openLogWriter({
    directory: join(config.data, 'log'), partitions: config.partitions, notBefore, clock, retentionMs: config.logRetentionMs,
  })
}

export function composeLogReader(config: Config, clock: Clock): Promise<LogReader> {
  return openLogReader({ directory: join(config.data, 'log'), clock })
}

export function composeObjects(config: Config): Objects {
  return openFilesObjects({ directory: join(config.data, 'objects') })
}

export function composeCache(): Cache {
  return openMemoryCache({ entriesMax: 100_000, bytesMax: 134_217_728 })
}

export function composeOlap(address: OlapAddress): Olap {
  return openClickHouse({ ...address, queryTimeoutMs: 60_000 })
}

/** Starts the embedded engine; null where a server is named. */
export async function composeEngine(config: Config, clock: Clock, logger: Logger): Promise<Engine | null> {
  if (config.olapUrl !== 'embedded:') return null
  return startEngine({ directory: join(config.data, 'olap'), memoryBytesMax: config.engineMemoryBytesMax, clock, logger })
}

export function olapAddress(config: Config, engine: Engine | null): OlapAddress {
  if (engine !== null) return { url: engine.url, username: 'millrace', password: engine.password, database: 'millrace' }
  const url = new URL(config.olapUrl)
  const { username, password, pathname } = url
  url.username = ''
  url.password = ''
  url.pathname = ''
  return {
    url: url.toString(), username: decodeURIComponent(username) || 'default', password: decodeURIComponent(password),
    database: pathname.slice(1) || 'millrace',
  }
}
