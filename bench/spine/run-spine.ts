import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Status } from '../../collector/src/query/status.ts'
import { BatchSender } from '../../collector/test/batch-sender.ts'
import { CollectorProcess, testKeys } from '../../collector/test/collector-process.ts'
import { killAtRandom } from '../../collector/test/kill-at-random.ts'
import { untilAtRest } from '../../collector/test/read-side.ts'
import { bytesGoals } from '../growth/measure-growth.ts'
import { diskBytesOf } from '../load/process-figures.ts'
import { askOlap, untilMerged } from '../reads/ask-olap.ts'
import { BareProgram, type Stage } from './bare-program.ts'
import { measureLatency, quantile, type Latencies } from './latency.ts'
import { ProcessSamples } from './process-samples.ts'
import { type RetailBatch, retailBatches } from './retail-batches.ts'
import { monotonicMicroseconds, since, stageSeconds, stageTable, type ThreadSeconds, threadSeconds } from './stage-costs.ts'

export interface SpineOptions {
  readonly file: string
  readonly times: number
  readonly connections: number
  /** Processes of the collector killed at random moments. */
  readonly kills: number
  readonly seed: number
  readonly latencySeconds: number
  /** Kept after the run; a temporary directory unless told. */
  readonly data?: string
  readonly collectorFlags: readonly string[]
  /** What else happens meanwhile; answers what it did. */
  readonly disturb?: (collector: CollectorProcess) => Promise<readonly string[]>
}

const eventsPerBatch = 50

interface Expected {
  events: number
  revenueThousandths: bigint
}

/** Sends the file to a collector of its own, waits until every tier has everything, prints what it measured. */
export async function runSpine(options: SpineOptions): Promise<void> {
  const data = options.data ?? mkdtempSync(join(tmpdir(), 'millrace-spine-'))
  const collector = new CollectorProcess(data, options.collectorFlags)
  const profiles = mkdtempSync(join(tmpdir(), 'millrace-spine-profiles-'))
  collector.environment = { NODE_OPTIONS: `--cpu-prof --cpu-prof-interval=2000 --cpu-prof-dir=${profiles}` }
  try {
    await collector.start()
    const measured = await measure({ ...options, data, collector })
    // Elsewhere, or beside what was there before, they say nothing.
    const isOwn = options.data === undefined && options.collectorFlags.length === 0
    const olapBytes = isOwn ? await olapBytesOf(data) : 0
    await collector.stop()
    if (isOwn) printBytes(data, { events: measured.events, olapBytes })
    const stages = options.kills > 0 ? null : stageSeconds({ ...measured, profiles })
    if (stages !== null) console.log(stageTable({ ...measured, stages, floors: await bareCosts(options) }))
  } finally {
    await collector.stop()
    rmSync(profiles, { recursive: true })
    if (options.data === undefined) rmSync(data, { recursive: true })
  }
}

/** Of the first events of the file, one program after the other. */
const bareEventsMax = 100_000

async function bareCosts(options: SpineOptions): Promise<ReadonlyMap<Stage, number>> {
  const bodies: string[] = []
  for await (const { body } of retailBatches(options.file, { eventsPerBatch, times: options.times })) {
    bodies.push(body)
    if (bodies.length * eventsPerBatch >= bareEventsMax) break
  }
  const program = new BareProgram()
  try {
    await program.run(bodies)
    return program.costs()
  } finally {
    program.close()
  }
}

interface Run extends SpineOptions {
  readonly data: string
  readonly collector: CollectorProcess
}

interface Measured {
  readonly events: number
  /** Of the monotonic clock: from the first request to the rest of every tier. */
  readonly from: number
  readonly to: number
  readonly seconds: ReadonlyMap<string, ThreadSeconds>
  readonly senderSeconds: number
}

async function measure(run: Run): Promise<Measured> {
  const { collector, data } = run
  const expected: Expected = { events: 0, revenueThousandths: 0n }
  // Made before: to build bodies takes a fifth of what the collector takes for them.
  const batches: RetailBatch[] = []
  for await (const batch of counted(run, expected)) batches.push(batch)
  const sender = new BatchSender({ url: () => collector.url, writeKey: testKeys.writeKey, connections: run.connections })
  const memory = new ProcessSamples(collector)
  const threads = (): ReadonlyMap<string, ThreadSeconds> => new Map(collector.processes().map(({ pid, name }) => [name, threadSeconds(pid)]))
  const before = threads()
  const ownBefore = process.cpuUsage()
  const from = monotonicMicroseconds()
  const begin = performance.now()
  const killing = Promise.all([killAtRandom(collector, { kills: run.kills, seed: run.seed, pauseMs: [1_500, 4_000] }), run.disturb?.(collector) ?? []])
  await sender.sendAll(batches.values())
  const acknowledgedMs = performance.now() - begin
  const kills = (await killing).flat()
  const status = await untilAtRest(() => collector.url, testKeys.secretKey, { accepted: expected.events, withinMs: 600_000 })
  const restMs = performance.now() - begin
  const to = monotonicMicroseconds()
  const seconds = new Map([...threads()].map(([name, now]) => [name, since(now, before.get(name))]))
  const own = process.cpuUsage(ownBefore)
  memory.stop()
  const answers = await olapAnswers(data)
  const rate = expected.events / (restMs / 1_000)
  printSpine({ expected, status, answers, rate, acknowledgedMs, restMs, repeats: sender.counts.repeats, kills, seed: run.seed })
  printMemory(memory)
  const exact = status.agree && status.totals.stored === expected.events && answers.events === expected.events &&
    answers.revenueThousandths === expected.revenueThousandths
  console.log(exact ? 'reconciliation   exact' : 'reconciliation   NOT EXACT')
  if (!exact) process.exitCode = 1
  if (run.latencySeconds > 0) printLatency(await latency(run, { sender, eventsPerSecond: rate / 3 }), rate / 3)
  sender.close()
  return { events: expected.events, from, to, seconds, senderSeconds: (own.user + own.system) / 1e6 }
}

async function* counted({ file, times }: Run, expected: Expected): AsyncGenerator<RetailBatch> {
  for await (const batch of retailBatches(file, { eventsPerBatch, times })) {
    expected.events += batch.events
    expected.revenueThousandths += batch.revenueThousandths
    yield batch
  }
}

interface OlapAnswers {
  readonly events: number
  readonly revenueThousandths: bigint
}

/** In use: the OLAP keeps what it has merged for some minutes more. */
async function olapBytesOf(data: string): Promise<number> {
  await untilMerged(data)
  return Number(await askOlap(data, "select sum(bytes_on_disk) from system.parts where active and table like 'event_g%'", 'TSV'))
}

async function olapAnswers(data: string): Promise<OlapAnswers> {
  const [events = '', thousandths = ''] = (await askOlap(data, 'select uniqExact(message_id), toInt64(sum(value) * 1000) from events', 'TSV')).trim().split('\t')
  return { events: Number(events), revenueThousandths: BigInt(thousandths) }
}

function latency({ collector, data, latencySeconds }: Run, { sender, eventsPerSecond }: { sender: BatchSender, eventsPerSecond: number }): Promise<Latencies> {
  return measureLatency({
    url: collector.url, secretKey: testKeys.secretKey, eventsPerSecond, seconds: latencySeconds, sender,
    loaded: async (ids) => {
      const found = await askOlap(data, `select message_id from events where received_at > now() - 120 and message_id in (${ids.map((id) => `'${id}'`).join(',')})`, 'TSV')
      return found.split('\n').filter((id) => id !== '')
    },
  })
}

interface SpineResult {
  readonly expected: Expected
  readonly status: Status
  readonly answers: OlapAnswers
  readonly rate: number
  readonly acknowledgedMs: number
  readonly restMs: number
  readonly repeats: number
  readonly kills: readonly string[]
  readonly seed: number
}

function printSpine({ expected, status, answers, rate, acknowledgedMs, restMs, repeats, kills, seed }: SpineResult): void {
  const { totals } = status
  console.log([
    `events           ${expected.events}`,
    `acknowledged     ${(acknowledgedMs / 1_000).toFixed(1)} s, ${Math.round(expected.events / (acknowledgedMs / 1_000))} events/s`,
    `in all tiers     ${(restMs / 1_000).toFixed(1)} s, ${Math.round(rate)} events/s`,
    `accepted         ${totals.accepted}  (duplicates ${totals.dropped.duplicate}, quarantined ${totals.dropped.quarantined}; requests sent again ${repeats})`,
    `stored           ${totals.stored}`,
    `archived         ${totals.archived}`,
    `loaded           ${totals.loaded}  (distinct message ids ${answers.events})`,
    `revenue          ${amount(answers.revenueThousandths)} in ClickHouse, ${amount(expected.revenueThousandths)} in the file`,
    ...(kills.length > 0 ? [`killed           ${kills.join(', ')} (seed ${seed})`] : []),
  ].join('\n'))
}

function printBytes(data: string, { events, olapBytes }: { readonly events: number; readonly olapBytes: number }): void {
  const of = (bytes: number, goal: number): string => `${(bytes / events).toFixed(0)} B (goal ${goal})`
  const [oltp, objects] = [diskBytesOf(join(data, 'oltp')), diskBytesOf(join(data, 'objects'))]
  console.log(`stored an event  OLTP ${of(oltp, bytesGoals.oltp)}, OLAP ${of(olapBytes, bytesGoals.olap)}, archive ${of(objects, bytesGoals.objects)}`)
}

function printMemory(memory: ProcessSamples): void {
  const parts = ['collector', 'worker', 'engine'].map((name) => `${name} ${mebibytes(memory.peakOf(name))}`)
  console.log(`memory           peak ${mebibytes(memory.peakBytes())} of all processes together (peaks: ${parts.join(', ')})`)
  const cpu = ['collector', 'worker', 'engine'].map((name) => `${name} ${memory.cpuSecondsOf(name).toFixed(1)} s`)
  console.log(`processor time   ${cpu.join(', ')}, with the start`)
  console.log(`memory over time ${[0, 0.2, 0.4, 0.6, 0.8].map((from) => mebibytes(memory.meanBytes(from, from + 0.2))).join('  ')}  (means of fifths of the run)`)
}

function printLatency({ profileMs, olapMs }: Latencies, eventsPerSecond: number): void {
  const row = (name: string, values: readonly number[]): string =>
    `${name.padEnd(16)} p50 ${quantile(values, 0.5).toFixed(0)} ms, p99 ${quantile(values, 0.99).toFixed(0)} ms, max ${Math.max(...values).toFixed(0)} ms  (${values.length} probes)`
  console.log(`latency at       ${Math.round(eventsPerSecond)} events/s`)
  console.log(row('ack to profile', profileMs))
  console.log(row('ack to OLAP', olapMs))
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(0)} MiB`
}

function amount(thousandths: bigint): string {
  const sign = thousandths < 0n ? '-' : ''
  const digits = String(thousandths < 0n ? -thousandths : thousandths).padStart(4, '0')
  return `${sign}${digits.slice(0, -3)}.${digits.slice(-3)}`
}
