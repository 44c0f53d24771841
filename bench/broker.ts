/**
 * What a log on a broker costs against the embedded one: 42 KB records appended to 4 partitions, with 1, 8 and 64 under
 * way at once, and read back. `pnpm bench broker [kafka] [seconds a turn] [turns]`. The broker is started here and
 * removed after; it and the embedded log get the same records in turns in one process, so that a busy machine slows
 * both alike: what counts is the ratio. CPU is this process's alone, per record. The embedded log works in a directory
 * under the working directory, which is removed: a temporary directory may be memory, where a sync is free.
 */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openLogReader, openLogWriter } from '../collector/src/log/embedded/embedded-log.ts'
import { openKafkaReader, openKafkaWriter } from '../collector/src/log/kafka/kafka-log.ts'
import { systemClock as clock } from '../collector/src/platform/clock.ts'
import type { LogReader, LogWriter } from '../collector/src/ports/log.ts'
import { startKafka } from '../scripts/engines/kafka.ts'

const partitions = 4
const inFlight = [1, 8, 64]
const record = Buffer.alloc(42_000, '{"messageId":"m","event":"Order Completed"}\n')
const eventsPerRecord = 80

interface OpenLog {
  readonly writer: LogWriter
  openReader(): Promise<LogReader>
}

interface Store {
  /** A log of its own, empty. */
  open(): Promise<OpenLog>
  stop(): Promise<void>
}

const brokers: Readonly<Record<string, () => Promise<Store>>> = {
  kafka: async () => {
    const engine = await startKafka()
    if ('missing' in engine) throw new Error(engine.missing)
    return {
      open: async () => {
        const url = `${engine.url}/bench-${randomUUID()}`
        return {
          writer: await openKafkaWriter(url, { partitions, clock, notBefore: null, appendTimeoutMs: 60_000 }),
          openReader: () => openKafkaReader(url, { partitions, clock }),
        }
      },
      stop: () => engine.stop(),
    }
  },
}

function embedded(parent: string): Store {
  return {
    open: async () => {
      const directory = mkdtempSync(join(parent, 'log-'))
      return {
        writer: await openLogWriter({ directory, partitions, notBefore: null, clock, retentionMs: 0 }),
        openReader: () => openLogReader({ directory, clock }),
      }
    },
    stop: async () => rmSync(parent, { recursive: true, force: true }),
  }
}

interface Turn {
  readonly appended: number
  readonly seconds: number
  readonly cpuSeconds: number
  readonly appendMs: readonly number[]
  readonly readPerSecond: number
}

async function turn(store: Store, lanes: number, seconds: number): Promise<Turn> {
  const { writer, openReader } = await store.open()
  await Promise.all(Array.from({ length: partitions }, (_, partition) => writer.append(partition, record, eventsPerRecord)))
  const appendMs: number[] = []
  const cpu = process.cpuUsage()
  const start = performance.now()
  const end = start + seconds * 1_000
  await Promise.all(Array.from({ length: lanes }, async (_, lane) => {
    for (let count = lane; performance.now() < end; count += 1) {
      const begin = performance.now()
      await writer.append(count % partitions, record, eventsPerRecord)
      appendMs.push(performance.now() - begin)
    }
  }))
  const took = (performance.now() - start) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  const reader = await openReader()
  const readPerSecond = await readAll(reader, appendMs.length + partitions)
  await reader.close()
  await writer.close()
  return { appended: appendMs.length, seconds: took, cpuSeconds: (user + system) / 1e6, appendMs, readPerSecond }
}

/** Records a second over all partitions at once; fails if not all of them come. */
async function readAll(reader: LogReader, wanted: number): Promise<number> {
  const start = performance.now()
  const counts = await Promise.all(Array.from({ length: partitions }, async (_, partition) => {
    const cursor = await reader.open(partition, null)
    let count = 0
    for (let next = await cursor.next(bounds); next.length > 0; next = await cursor.next(bounds)) count += next.length
    await cursor.close()
    return count
  }))
  const seconds = (performance.now() - start) / 1_000
  const found = counts.reduce((sum, count) => sum + count, 0)
  if (found !== wanted) throw new Error(`${found} of ${wanted} records came back`)
  return found / seconds
}

const bounds = { maxRecords: 1_000, maxBytes: 4_194_304, waitMs: 0 }

function percentile(numbers: readonly number[], part: number): number {
  return numbers.toSorted((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(numbers.length * part))] ?? 0
}

async function compare(stores: ReadonlyMap<string, Store>, seconds: number, turns: number): Promise<void> {
  const row = (cells: readonly string[]): string => cells.map((cell, index) => (index === 0 ? cell.padEnd(12) : cell.padStart(12))).join('')
  console.log(row(['log', 'in flight', 'acked/s', 'p50 ms', 'p99 ms', 'CPU us/rec', 'read/s', 'ratio']))
  for (const lanes of inFlight) {
    const found = new Map<string, Turn[]>([...stores.keys()].map((name) => [name, []]))
    for (let count = 0; count < turns; count += 1) {
      for (const [name, store] of stores) found.get(name)?.push(await turn(store, lanes, seconds))
    }
    const perSecond = (name: string): number => percentile((found.get(name) ?? []).map((one) => one.appended / one.seconds), 0.5)
    for (const [name, list] of found) {
      const appendMs = list.flatMap((one) => one.appendMs)
      const cpu = percentile(list.map((one) => one.cpuSeconds * 1e6 / one.appended), 0.5)
      console.log(row([
        name, String(lanes), perSecond(name).toFixed(0), percentile(appendMs, 0.5).toFixed(2), percentile(appendMs, 0.99).toFixed(2), cpu.toFixed(0),
        percentile(list.map((one) => one.readPerSecond), 0.5).toFixed(0), (perSecond(name) / perSecond('embedded')).toFixed(2),
      ]))
    }
  }
}

const [name = 'kafka', seconds = '3', turns = '3'] = process.argv.slice(2)
const start = brokers[name]
if (start === undefined) throw new Error(`there is no broker ${name}; there are ${Object.keys(brokers).join(', ')}`)
const stores = new Map([['embedded', embedded(mkdtempSync(join(process.cwd(), '.cache-bench-broker-')))]])
try {
  stores.set(name, await start())
  await compare(stores, Number(seconds), Number(turns))
} finally {
  for (const store of stores.values()) await store.stop()
}
