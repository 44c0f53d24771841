/**
 * An import on the embedded engines: a CSV file of made-up orders, from its first byte until every tier has every event.
 * `--lines N` (1,000,000), `--shape orders` (an order with its lines on rows of their own) or `events` (an event a line),
 * `--customers N`, `--seed S`; `--live PER_SECOND` sends live events meanwhile and takes their time to the profile.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { CollectorProcess, testKeys } from '../collector/test/collector-process.ts'
import { readJson, untilAtRest } from '../collector/test/read-side.ts'
import { madeOrders } from './import/made-orders.ts'
import { quantile } from './spine/latency.ts'
import { ProcessSamples } from './spine/process-samples.ts'

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    lines: { type: 'string', default: '1000000' }, shape: { type: 'string', default: 'orders' }, customers: { type: 'string', default: '50000' },
    seed: { type: 'string', default: '1' }, live: { type: 'string', default: '0' },
  },
})
const lines = Number(values.lines)
const directory = mkdtempSync(join(tmpdir(), 'millrace-import-'))
const collector = new CollectorProcess(join(directory, 'data'))
try {
  await run()
} finally {
  await collector.stop()
  rmSync(directory, { recursive: true })
}

async function run(): Promise<void> {
  const path = join(directory, 'orders.csv')
  const made = await write(path)
  await collector.start()
  const samples = new ProcessSamples(collector)
  const begin = performance.now()
  const importing = runImport(path)
  const live = Number(values.live) > 0 ? measureLive(Number(values.live), importing.ended) : null
  const { printed, cpuSeconds, memoryBytes } = await importing.done
  const seconds = (performance.now() - begin) / 1_000
  samples.stop()
  const liveMs = (await live) ?? []
  const status = await untilAtRest(() => collector.url, testKeys.secretKey, { accepted: made.events + liveMs.length, withinMs: 120_000 })
  const exact = status.agree && status.totals.stored === made.events + liveMs.length
  console.log([
    printed.trim().split('\n').at(-1) ?? '',
    `lines            ${lines} (${(statSync(path).size / 1e6).toFixed(0)} MB) as ${made.events} events, ${values.shape}, ${values.customers} customers, seed ${values.seed}`,
    `in all tiers     ${seconds.toFixed(1)} s, ${Math.round(lines / seconds)} lines/s, ${Math.round(made.events / seconds)} events/s`,
    `processor time   import ${cpuSeconds.toFixed(1)} s, ${['collector', 'worker', 'engine'].map((name) => `${name} ${samples.cpuSecondsOf(name).toFixed(1)} s`).join(', ')}`,
    `memory           import ${mebibytes(memoryBytes)}, all others together ${mebibytes(samples.peakBytes())}`,
    ...(liveMs.length === 0 ? [] : [`live meanwhile   ${liveMs.length} events, to the profile p50 ${quantile(liveMs, 0.5).toFixed(0)} ms, p95 ${quantile(liveMs, 0.95).toFixed(0)} ms, max ${Math.max(...liveMs).toFixed(0)} ms`]),
    exact ? 'reconciliation   exact' : `reconciliation   NOT EXACT: ${JSON.stringify(status.totals)}`,
  ].join('\n'))
  if (!exact) process.exitCode = 1
}

async function write(path: string): Promise<{ readonly events: number }> {
  const file = createWriteStream(path)
  const made = { events: 0 }
  for (const piece of madeOrders({ lines, customers: Number(values.customers), seed: Number(values.seed), perLine: values.shape === 'events' }, made)) {
    if (!file.write(piece)) await once(file, 'drain')
  }
  file.end()
  await once(file, 'finish')
  return made
}

interface Ran {
  readonly printed: string
  readonly cpuSeconds: number
  readonly memoryBytes: number
}

function runImport(path: string): { readonly done: Promise<Ran>; readonly ended: () => boolean } {
  const program = new URL('../collector/src/main.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [program, 'import', path, '--data', join(directory, 'data')], { stdio: ['ignore', 'pipe', 'inherit'] })
  let [printed, cpuSeconds, memoryBytes, ended] = ['', 0, 0, false]
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text
  })
  const sample = setInterval(() => {
    try {
      const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
      cpuSeconds = (Number(stat[11]) + Number(stat[12])) / 100
      memoryBytes = Math.max(memoryBytes, Number(stat[21]) * 4_096)
    } catch {
      // It has ended.
    }
  }, 200)
  const done = once(child, 'exit').then(([code]): Ran => {
    ended = true
    clearInterval(sample)
    if (code !== 0) throw new Error(`the import ended with ${String(code)}:\n${printed}`)
    return { printed, cpuSeconds, memoryBytes }
  })
  return { done, ended: () => ended }
}

/** Time from the acknowledgement of a live event to its being in the profile, for events of new people. */
async function measureLive(perSecond: number, ended: () => boolean): Promise<readonly number[]> {
  const times: number[] = []
  const waiting: Promise<void>[] = []
  for (let number = 0; !ended(); number += 1) {
    waiting.push(one(number, times))
    await sleep(1_000 / perSecond)
  }
  await Promise.all(waiting)
  return times
}

async function one(number: number, times: number[]): Promise<void> {
  const response = await fetch(`${collector.url}/v1/track`, {
    method: 'POST', body: JSON.stringify({ userId: `live-${number}`, event: 'Product Viewed', messageId: `live-${number}` }),
    headers: { authorization: `Basic ${Buffer.from(`${testKeys.writeKey}:`).toString('base64')}` },
  })
  await response.arrayBuffer()
  const acknowledged = performance.now()
  while ((await readJson(collector.url, `/v1/profiles?externalId=live-${number}`, testKeys.secretKey)).status !== 200) await sleep(50)
  times.push(performance.now() - acknowledged)
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(0)} MiB`
}
