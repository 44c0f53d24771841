import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { ownPlace } from '../../collector/test/own-place.ts'
import { engineStore } from '../../collector/test/engine-store.ts'
import type { FailPoint } from '../../collector/src/platform/fail-point.ts'
import { systemClock } from '../../collector/src/platform/clock.ts'
import { createLogger } from '../../collector/src/platform/logger.ts'
import { startEngine } from '../../collector/src/stores/olap/engine/start-engine.ts'
import { startKafka } from '../engines/kafka.ts'
import { startMysql } from '../engines/mysql.ts'
import { startPulsar } from '../engines/pulsar.ts'
import { startRedis } from '../engines/redis.ts'
import { freePort } from '../engines/server-process.ts'
import { SeverableProxy } from '../engines/severable-proxy.ts'
import type { MissingEngine, StartedEngine } from '../engines/started-engine.ts'
import { startVersitygw, versitygwAccount } from '../engines/versitygw.ts'
import { ownDirectory } from './own-directory.ts'
import { embeddedStore, type TierStore } from './tier-store.ts'

export const brokers = ['kafka', 'pulsar'] as const
export type Broker = (typeof brokers)[number]

/** What a collector of a run of chaos works with. */
export interface ChaosEngines {
  /** Of the collector: where the engines are. */
  readonly environment: Readonly<Record<string, string>>
  /** OLTP and archive, for whoever looks into them. */
  readonly store: (data: string) => TierStore
  /** The way to the broker; null where the log is embedded. */
  readonly way: Pick<SeverableProxy, 'join' | 'sever'> | null
  /** The collector's own processes that are killed at random, and the engines, by name, each with a start after it. */
  readonly processes: readonly string[]
  readonly victims: ReadonlyMap<string, () => Promise<void>>
  /** Points that nothing passes with these engines. */
  readonly without: readonly FailPoint[]
  stop(): Promise<void>
}

export function embeddedEngines(): ChaosEngines {
  return {
    environment: {}, store: embeddedStore, way: null, processes: ['worker', 'engine', 'collector'], victims: new Map(),
    without: ['spool.append', 'spool.forward', 'spool.acknowledge'], stop: async () => {},
  }
}

type Started = StartedEngine & { readonly way?: SeverableProxy }

/**
 * MySQL, a broker behind a proxy, an S3 gateway, Redis, and ClickHouse apart from the collector: the server that `MILLRACE_TEST_OLAP_URL`
 * names, or else the embedded engine as a server of its own. The log's fail-points are then those of the spool.
 */
export async function startChaosEngines(broker: Broker): Promise<ChaosEngines | MissingEngine> {
  const starts: Readonly<Record<string, () => Promise<Started | MissingEngine>>> = {
    LOG: broker === 'kafka' ? kafkaBehindProxy : pulsarBehindProxy, OLTP: startMysql, OBJECTS: startVersitygw, CACHE: startRedis, OLAP: startClickHouse,
  }
  const started = new Map<string, Started>()
  const stop = async (): Promise<void> => {
    for (const engine of started.values()) await engine.stop()
  }
  for (const [name, start] of Object.entries(starts)) {
    const engine = await start()
    if (!('missing' in engine)) started.set(name, engine)
    else {
      await stop()
      return engine
    }
  }
  // The gateway's account, for the collector and for whoever looks into the bucket.
  process.env['AWS_ACCESS_KEY_ID'] = versitygwAccount.accessKeyId
  process.env['AWS_SECRET_ACCESS_KEY'] = versitygwAccount.secretAccessKey
  const places = new Map([...started].map(([name, { url }]) => [name, ownPlace(url)]))
  const placeOf = (name: string): string => places.get(name) ?? ''
  return {
    environment: { MILLRACE_PARTITIONS: '4', ...Object.fromEntries([...places].map(([name, url]) => [`MILLRACE_${name}_URL`, url])) },
    store: () => engineStore({ oltpUrl: placeOf('OLTP'), objectsUrl: placeOf('OBJECTS') }),
    way: started.get('LOG')?.way ?? null,
    processes: ['worker', 'collector'],
    victims: new Map([...started].map(([name, engine]) => [name, async () => {
      await engine.kill()
      await engine.restart()
    }])),
    // The archive's files are not the collector's, nor are the segments of the log.
    without: ['object.write', 'object.name', 'log.retention'],
    stop,
  }
}

async function kafkaBehindProxy(): Promise<Started | MissingEngine> {
  const frontPort = await freePort()
  const engine = await startKafka({ frontPort })
  return 'missing' in engine ? engine : behind(engine, new SeverableProxy(frontPort, engine.behindFront), `kafka://127.0.0.1:${frontPort}`)
}

async function pulsarBehindProxy(): Promise<Started | MissingEngine> {
  const engine = await startPulsar()
  if ('missing' in engine) return engine
  const frontPort = await freePort()
  const port = Number(new URL(engine.adminUrl).port)
  return behind(engine, new SeverableProxy(frontPort, port), engine.url.replace(`:${port}/`, `:${frontPort}/`))
}

async function behind(engine: StartedEngine, way: SeverableProxy, url: string): Promise<Started> {
  await way.join()
  const stop = async (): Promise<void> => {
    await way.sever()
    await engine.stop()
  }
  return { ...engine, url, way, stop }
}

async function startClickHouse(): Promise<Started> {
  const nothing = async (): Promise<void> => {}
  const given = process.env['MILLRACE_TEST_OLAP_URL']
  if (given !== undefined) return { url: given, kill: nothing, restart: nothing, stop: nothing }
  const directory = ownDirectory('olap')
  const logger = createLogger('error', () => {}, () => 0)
  const engine = await startEngine({ directory, memoryBytesMax: 1_073_741_824, clock: systemClock, logger })
  const leave = (): void => rmSync(directory, { recursive: true, force: true })
  process.once('exit', leave)
  return {
    url: `${engine.url.replace('http://', `http://millrace:${engine.password}@`)}/m_${randomBytes(6).toString('hex')}`,
    kill: async () => {
      const pid = engine.pid()
      if (pid !== undefined) process.kill(pid, 'SIGKILL')
    },
    // Its supervisor starts it again.
    restart: nothing,
    stop: async () => {
      await engine.stop()
      process.off('exit', leave)
      leave()
    },
  }
}
