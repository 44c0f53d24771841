/**
 * What the log costs on a broker, by each way that is there: appends of 42 KB records over 4 partitions with so many on
 * their way, their CPU in this process and how long the event loop and the thread pool made others wait meanwhile; then
 * reading them all back; then how soon a reader that takes over has the next record. `pnpm bench broker-log [records]
 * [ways]`, ways being some of `pulsar+ws,pulsar,kafka,file`. `file` is the embedded log, for comparison.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { openLogReader as openFileReader, openLogWriter as openFileWriter } from '../collector/src/log/embedded/embedded-log.ts'
import { openKafkaReader, openKafkaWriter } from '../collector/src/log/kafka/kafka-log.ts'
import { openPulsarReader, openPulsarWriter } from '../collector/src/log/pulsar/pulsar-log.ts'
import { systemClock } from '../collector/src/platform/clock.ts'
import type { LogReader, LogWriter } from '../collector/src/ports/log.ts'
import { startKafka } from '../scripts/engines/kafka.ts'
import { startPulsar } from '../scripts/engines/pulsar.ts'

const partitions = 4
const recordBytes = 43_000
const onTheirWay = [1, 16, 64]
const patient = { maxRecords: 1_000, maxBytes: 16_777_216, waitMs: 20_000 }

interface Way {
  openWriter(directory: string): Promise<LogWriter>
  openReader(directory: string): Promise<LogReader>
  stop(): Promise<void>
}

const ways: Readonly<Record<string, () => Promise<Way>>> = {
  'file': async () => ({
    openWriter: (directory) => openFileWriter({ directory, partitions, notBefore: null, clock: systemClock, retentionMs: 0 }),
    openReader: (directory) => openFileReader({ directory, clock: systemClock }),
    stop: async () => {},
  }),
  'pulsar+ws': () => onPulsar('url'),
  'pulsar': () => onPulsar('nativeUrl'),
  'kafka': async () => {
    const engine = await startKafka()
    if ('missing' in engine) throw new Error(engine.missing)
    const url = `${engine.url}/bench-${randomUUID()}`
    return {
      openWriter: () => openKafkaWriter(url, { partitions, clock: systemClock, notBefore: null }),
      openReader: () => openKafkaReader(url, { partitions, clock: systemClock }),
      stop: () => engine.stop(),
    }
  },
}

async function onPulsar(kind: 'url' | 'nativeUrl'): Promise<Way> {
  const engine = await startPulsar()
  if ('missing' in engine) throw new Error(engine.missing)
  const settings = { token: null, partitions, clock: systemClock, report: () => {} }
  return {
    openWriter: (directory) => openPulsarWriter(engine[kind], { ...settings, directory, notBefore: null }),
    openReader: () => openPulsarReader(engine[kind], settings),
    stop: () => engine.stop(),
  }
}

interface Waits {
  readonly loopMs: number
  readonly filesMs: number
}

/** The longest that the event loop, and a file access, made somebody wait during the work. */
async function watched(work: () => Promise<void>): Promise<Waits> {
  const delay = monitorEventLoopDelay({ resolution: 5 })
  let working = true
  let filesMs = 0
  const probing = (async () => {
    while (working) {
      const begin = performance.now()
      await stat('.')
      filesMs = Math.max(filesMs, performance.now() - begin)
      await systemClock.sleep(5)
    }
  })()
  delay.enable()
  await work()
  delay.disable()
  working = false
  await probing
  return { loopMs: delay.max / 1e6, filesMs }
}

function line(columns: readonly (string | number)[]): void {
  console.log(columns.map((column, index) => (index === 0 ? String(column).padEnd(26) : (typeof column === 'number' ? column.toFixed(column < 10 ? 2 : 0) : column).padStart(12))).join(''))
}

async function append(name: string, writer: LogWriter, [records, window]: readonly [number, number]): Promise<void> {
  const payloads = Array.from({ length: 16 }, () => randomBytes(recordBytes / 2).toString('hex')).map((text) => Buffer.from(text))
  const latencies: number[] = []
  let next = 0
  const begin = performance.now()
  const cpu = process.cpuUsage()
  const lane = async (): Promise<void> => {
    while (next < records) {
      const index = next
      next += 1
      const sentAt = performance.now()
      await writer.append(index % partitions, payloads[index % payloads.length] ?? Buffer.alloc(1), 50)
      latencies.push(performance.now() - sentAt)
    }
  }
  const waits = await watched(async () => {
    await Promise.all(Array.from({ length: window }, lane))
  })
  const seconds = (performance.now() - begin) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  latencies.sort((one, other) => one - other)
  line([`${name} append, ${window} at once`, records / seconds, (user + system) / records, latencies[Math.floor(records / 2)] ?? 0, latencies[Math.floor(records * 0.99)] ?? 0, waits.loopMs, waits.filesMs])
}

async function read(name: string, reader: LogReader, total: number): Promise<void> {
  let got = 0
  const begin = performance.now()
  const cpu = process.cpuUsage()
  const waits = await watched(async () => {
    await Promise.all(Array.from({ length: partitions }, async (_, partition) => {
      const cursor = await reader.open(partition, null)
      const wanted = Math.ceil((total - partition) / partitions)
      for (let mine = 0; mine < wanted;) {
        const records = await cursor.next(patient)
        if (records.length === 0) throw new Error(`${name}: nothing came`)
        mine += records.length
        got += records.length
      }
      await cursor.close()
    }))
  })
  const seconds = (performance.now() - begin) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  line([`${name} read`, got / seconds, (user + system) / got, '', '', waits.loopMs, waits.filesMs])
}

/** From opening the log anew to the record after a position: what a pump does that takes a partition over. */
async function takeOver(name: string, way: Way, directory: string): Promise<void> {
  const begin = performance.now()
  const reader = await way.openReader(directory)
  const opened = performance.now()
  const first = await (await reader.open(0, null)).next({ ...patient, maxRecords: 1 })
  const cursorAt = performance.now()
  await (await reader.open(0, first[0]?.position ?? null)).next({ ...patient, maxRecords: 1 })
  line([`${name} take over`, '', '', `open ${Math.round(opened - begin)}`, `read ${Math.round(performance.now() - cursorAt)}`, '', ''])
  await reader.close()
}

const [records = 2_000, wanted = 'file,pulsar+ws,pulsar,kafka'] = [process.argv[2] === undefined ? undefined : Number(process.argv[2]), process.argv[3]]
line(['', 'records/s', 'CPU us', 'p50 ms', 'p99 ms', 'loop ms', 'files ms'])
for (const name of wanted.split(',')) {
  const open = ways[name]
  if (open === undefined) throw new Error(`${name} is none of ${Object.keys(ways).join(', ')}`)
  const directory = mkdtempSync(join(process.cwd(), '.bench-broker-log-'))
  const way = await open().catch((error: unknown) => {
    line([name, `not here: ${String(error)}`])
    return null
  })
  try {
    if (way === null) continue
    const writer = await way.openWriter(directory)
    for (let warm = 0; warm < 200; warm += 1) await writer.append(warm % partitions, Buffer.alloc(recordBytes), 50)
    const counts = onTheirWay.map((window) => Math.max(partitions, Math.floor(window === 1 ? records / 8 : records)) & ~3)
    for (const [index, window] of onTheirWay.entries()) await append(name, writer, [counts[index] ?? 0, window])
    const reader = await way.openReader(directory)
    await read(name, reader, 200 + counts.reduce((sum, count) => sum + count, 0))
    await takeOver(name, way, directory)
    await reader.close()
    await writer.close()
  } catch (error) {
    line([name, `not here: ${String(error)}`])
  } finally {
    await way?.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}
