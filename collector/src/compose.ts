import { join } from 'node:path'
import { openMemcachedCache } from './caches/memcached/memcached-cache.ts'
import { openMemoryCache } from './caches/memory/memory-cache.ts'
import { openRedisCache } from './caches/redis/redis-cache.ts'
import type { Config } from './config.ts'
import { openLogReader, openLogWriter } from './log/embedded/embedded-log.ts'
import { type LogDamage, repairLog } from './log/embedded/repair-log.ts'
import { openKafkaReader, openKafkaWriter } from './log/kafka/kafka-log.ts'
import { checkPulsarLog } from './log/pulsar/check-pulsar-log.ts'
import { openPulsarReader, openPulsarWriter } from './log/pulsar/pulsar-log.ts'
import { ReopeningWriter } from './log/spool/reopening-writer.ts'
import { SpoolingWriter } from './log/spool/spooling-writer.ts'
import type { Clock } from './platform/clock.ts'
import { MillraceError } from './platform/errors.ts'
import type { Logger } from './platform/logger.ts'
import { warmFile } from './platform/warm-file.ts'
import type { Cache } from './ports/cache.ts'
import type { LogPosition, LogReader, LogWriter } from './ports/log.ts'
import type { Objects } from './ports/objects.ts'
import type { Olap } from './ports/olap.ts'
import type { Oltp, OltpReader } from './ports/oltp.ts'
import { openFilesObjects } from './stores/objects/files/files-objects.ts'
import { openS3Objects } from './stores/objects/s3/s3-objects.ts'
import { openClickHouse } from './stores/olap/clickhouse/clickhouse-olap.ts'
import { startEngine, type Engine } from './stores/olap/engine/start-engine.ts'
import { openMysqlOltp } from './stores/oltp/mysql/mysql-oltp.ts'
import { openMysqlReader } from './stores/oltp/mysql/mysql-reader.ts'
import { SqliteOltp, sqlitePath } from './stores/oltp/sqlite/sqlite-oltp.ts'
import { SqliteReader } from './stores/oltp/sqlite/sqlite-reader.ts'

/**
 * The one place that knows which drivers exist: a URL of the configuration in, a port out. Configuration has checked the
 * schemes. A driver of a real engine loads its package when it is opened, so nobody installs what he does not use.
 */

/** Where the OLAP answers; for the embedded engine known only once it runs. */
export interface OlapAddress {
  readonly url: string
  readonly username: string
  readonly password: string
  readonly database: string
  readonly tlsCaFile: string | null
}

/** The edge's way into the log, with the spool behind it where the log is a broker. */
export interface ComposedLog {
  readonly writer: LogWriter
  /** Bytes that wait for the broker. */
  spooledBytes(): number
}

export interface LogContext {
  readonly clock: Clock
  readonly logger: Logger
  /** The furthest position that is already decided; a log that is made has to sort after it. */
  readonly notBefore: LogPosition | null
}

/** A broker's append that takes longer goes to the spool. */
const brokerTimeoutMs = 10_000

function isMysql({ oltpUrl }: Config): boolean {
  return oltpUrl.startsWith('mysql:')
}

export async function composeOltp(config: Config): Promise<Oltp> {
  return isMysql(config) ? openMysqlOltp(config.oltpUrl) : new SqliteOltp(sqlitePath(config.data))
}

export async function composeOltpReader(config: Config): Promise<OltpReader> {
  return isMysql(config) ? openMysqlReader(config.oltpUrl) : new SqliteReader(sqlitePath(config.data))
}

/** Has the pages of an embedded profile store in memory before they are asked for, as far as half of what is free goes. */
export function warmProfileStore(config: Config, signal: AbortSignal): Promise<number> {
  if (isMysql(config)) return Promise.resolve(0)
  return warmFile(sqlitePath(config.data), { bytesMax: Math.floor(process.availableMemory() / 2), signal })
}

export async function composeLogWriter(config: Config, { clock, logger, notBefore }: LogContext): Promise<ComposedLog> {
  const { data, partitions, spoolBytesMax } = config
  if (isEmbeddedLog(config)) return { writer: await composeBareLogWriter(config, { clock, notBefore }), spooledBytes: () => 0 }
  const directory = join(data, 'spool')
  const broker = await ReopeningWriter.start({ partitions, clock, open: () => openBrokerWriter(config, { clock, notBefore }) })
  const spool = await openLogWriter({ directory, partitions, notBefore: null, clock, retentionMs: 0 })
  const writer = await SpoolingWriter.open({
    broker, spool, reader: await openLogReader({ directory, clock }), clock, report: (message) => logger.warn(message),
  }, { bytesMax: spoolBytesMax, brokerTimeoutMs })
  return { writer, spooledBytes: () => writer.spooledBytes }
}

/** The log without a spool before it, for those who have to know whether it is there. */
export async function composeBareLogWriter(config: Config, { clock, notBefore }: Omit<LogContext, 'logger'>): Promise<LogWriter> {
  const { data, partitions, logRetentionMs: retentionMs } = config
  if (isEmbeddedLog(config)) return openLogWriter({ directory: join(data, 'log'), partitions, notBefore, clock, retentionMs })
  return openBrokerWriter(config, { clock, notBefore })
}

export function composeLogReader(config: Config, clock: Clock): Promise<LogReader> {
  if (isEmbeddedLog(config)) return openLogReader({ directory: join(config.data, 'log'), clock })
  return openBrokerReader(config, clock)
}

/** Makes a damaged embedded log readable again. Fails with `bad_request` for a log on a broker, which has its own means. */
export async function repairEmbeddedLog(config: Config): Promise<readonly LogDamage[]> {
  if (!isEmbeddedLog(config)) throw new MillraceError('bad_request', 'the log is on a broker: its own tools repair it; only the embedded log can be repaired here')
  const reader = await composeOltpReader(config)
  try {
    const decided = (await reader.partitions()).flatMap(({ partition, position, sequence }) =>
      position === null || sequence === null ? [] : [[partition, { position, sequence }] as const])
    return repairLog({ directory: join(config.data, 'log'), partitions: config.partitions, decided: new Map(decided) })
  } finally {
    await reader.close()
  }
}

/** Tries a log on a broker without leaving a record in it, and says what was found; null where the driver has no such check. */
export async function checkBrokerLog({ logUrl, logToken: token, partitions }: Config, clock: Clock): Promise<string | null> {
  return logUrl.startsWith('pulsar') ? checkPulsarLog(logUrl, { token, partitions, clock }) : null
}

export async function composeObjects({ data, objectsUrl }: Config): Promise<Objects> {
  return objectsUrl.startsWith('s3:') ? openS3Objects(objectsUrl) : openFilesObjects({ directory: join(data, 'objects') })
}

export async function composeCache({ cacheUrl }: Config): Promise<Cache> {
  if (/^rediss?:/.test(cacheUrl)) return openRedisCache(cacheUrl)
  if (cacheUrl.startsWith('memcached:')) return openMemcachedCache(cacheUrl)
  return openMemoryCache({ entriesMax: 100_000, bytesMax: 134_217_728 })
}

export function composeOlap(address: OlapAddress): Olap {
  return openClickHouse({ ...address, queryTimeoutMs: 60_000 })
}

/** Starts the embedded engine; null where a server is named, or where no role of this process asks it. */
export async function composeEngine(config: Config, clock: Clock, logger: Logger): Promise<Engine | null> {
  if (config.olapUrl !== 'embedded:' || !(config.roles.includes('load') || config.roles.includes('query'))) return null
  return startEngine({ directory: join(config.data, 'olap'), memoryBytesMax: config.engineMemoryBytesMax, clock, logger })
}

export function olapAddress(config: Config, engine: Engine | null): OlapAddress {
  if (engine !== null) return { url: engine.url, username: 'millrace', password: engine.password, database: 'millrace', tlsCaFile: null }
  // Without an engine and without a server nobody here asks; the discard port refuses whoever does.
  const url = new URL(config.olapUrl === 'embedded:' ? 'http://127.0.0.1:9/millrace' : config.olapUrl)
  const { username, password, pathname, searchParams } = url
  const unknown = [...searchParams.keys()].find((name) => name !== 'tlsCaFile')
  if (unknown !== undefined) throw new MillraceError('bad_config', `MILLRACE_OLAP_URL has no parameter ${unknown}; tlsCaFile is known`)
  url.username = ''
  url.password = ''
  url.pathname = ''
  url.search = ''
  return {
    url: url.toString(), username: decodeURIComponent(username) || 'default', password: decodeURIComponent(password),
    database: pathname.slice(1) || 'millrace', tlsCaFile: searchParams.get('tlsCaFile'),
  }
}

function isEmbeddedLog({ logUrl }: Config): boolean {
  return logUrl.startsWith('file:')
}

async function openBrokerWriter({ logUrl, logToken: token, partitions, data }: Config, { clock, notBefore }: Omit<LogContext, 'logger'>): Promise<LogWriter> {
  if (logUrl.startsWith('kafka:')) return openKafkaWriter(logUrl, { partitions, clock, notBefore })
  if (logUrl.startsWith('pulsar')) return openPulsarWriter(logUrl, { token, partitions, clock, notBefore, directory: join(data, 'log') })
  throw noDriver(logUrl)
}

async function openBrokerReader({ logUrl, logToken: token, partitions }: Config, clock: Clock): Promise<LogReader> {
  if (logUrl.startsWith('kafka:')) return openKafkaReader(logUrl, { partitions, clock })
  if (logUrl.startsWith('pulsar')) return openPulsarReader(logUrl, { token, partitions, clock })
  throw noDriver(logUrl)
}

function noDriver(url: string): MillraceError {
  return new MillraceError('bad_config', `there is no driver for ${url.split(':')[0] ?? ''}`)
}
