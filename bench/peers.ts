/**
 * The same load on any collector that takes Segment's HTTP tracking API, side by side: how many events a second it accepts, and how late its answers are
 * at seven tenths of that. `--url URL --write-key KEY` name the collector; without them Millrace itself is started. `--events N` (45050) by each route,
 * `--connections N` (16), `--per-request N` (50), `--pids N,N` the peer's processes on this machine, whose processor time is counted. See bench/peers/README.md.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { CollectorProcess, testKeys } from '../collector/test/collector-process.ts'
import { untilAtRest } from '../collector/test/read-side.ts'
import { cpuSecondsOfProcess } from './load/process-figures.ts'
import { runLoad } from './load/run-load.ts'
import type { PeerLoad, PeerLoadResult } from './peers/send-load.ts'
import { quantile } from './spine/latency.ts'

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    'url': { type: 'string' }, 'write-key': { type: 'string' }, 'events': { type: 'string', default: '45050' }, 'connections': { type: 'string', default: '16' },
    'per-request': { type: 'string', default: '50' }, 'pids': { type: 'string' },
  },
})
const loadShare = 0.7
const warmUpEvents = 5_000

interface Target {
  readonly name: string
  readonly url: string
  readonly writeKey: string
  /** Of its processes, where they are known. */
  readonly pids: () => readonly number[]
  /** Resolves once nothing is under way behind the answers; null where that is not known. */
  readonly rest: ((accepted: number) => Promise<unknown>) | null
}

if (values.url === undefined) await ownCollector()
else await compare({
  name: values.url, url: values.url, writeKey: values['write-key'] ?? '', rest: null,
  pids: () => (values.pids ?? '').split(',').filter((pid) => pid !== '').map(Number),
})

async function ownCollector(): Promise<void> {
  const data = mkdtempSync(join(tmpdir(), 'millrace-peers-'))
  const collector = new CollectorProcess(data)
  try {
    await collector.start()
    await compare({
      name: 'Millrace, embedded engines', url: collector.url, writeKey: testKeys.writeKey, pids: () => collector.processes().map(({ pid }) => pid),
      rest: (accepted) => untilAtRest(() => collector.url, testKeys.secretKey, { accepted, withinMs: 600_000 }),
    })
  } finally {
    await collector.stop()
    rmSync(data, { recursive: true })
  }
}

async function compare(target: Target): Promise<void> {
  console.log(`${target.name}: ${values.events} events by each route, ${values.connections} connections`)
  let accepted = 0
  for (const route of ['batch', 'track'] as const) {
    const eventsPerRequest = route === 'batch' ? Number(values['per-request']) : 1
    const load = { url: target.url, writeKey: target.writeKey, route, events: Number(values.events), eventsPerRequest, connections: Number(values.connections) }
    // Compilers and connections warm up on events that nobody counts.
    accepted += (await send({ ...load, events: Math.min(warmUpEvents, load.events), requestsPerSecond: null })).accepted
    await target.rest?.(accepted)
    const before = cpuSeconds(target)
    const begin = performance.now()
    const most = await send({ ...load, requestsPerSecond: null })
    accepted += most.accepted
    await target.rest?.(accepted)
    print(`${route}, as fast as it is answered`, most)
    if (target.rest !== null) console.log(`  in all its stores          ${Math.round(most.accepted / ((performance.now() - begin) / 1_000))} events/s`)
    const used = cpuSeconds(target) - before
    if (used > 0) console.log(`  events of a CPU-second     ${Math.round(most.accepted / used)}, of all its processes`)
    const requestsPerSecond = most.requests / most.seconds * loadShare
    const paced = await send({ ...load, requestsPerSecond })
    accepted += paced.accepted
    await target.rest?.(accepted)
    print(`${route}, at ${Math.round(requestsPerSecond)} requests a second`, paced)
  }
}

function send(load: PeerLoad): Promise<PeerLoadResult> {
  return runLoad(new URL('peers/send-load.ts', import.meta.url), { ...load })
}

function cpuSeconds({ pids }: Target): number {
  return pids().reduce((sum, pid) => sum + cpuSecondsOfProcess(pid), 0)
}

function print(title: string, { accepted, requests, errors, seconds, milliseconds, bytes, cpuSeconds: own }: PeerLoadResult): void {
  const failed = Object.entries(errors).map(([what, count]) => `${what} ${count} times`).join(', ')
  console.log([
    title,
    `  accepted                   ${accepted} events in ${seconds.toFixed(1)} s, ${Math.round(accepted / seconds)} events/s (${Math.round(bytes / 1_048_576)} MiB in ${requests} requests)`,
    `  answer                     p50 ${quantile(milliseconds, 0.5).toFixed(1)} ms, p99 ${quantile(milliseconds, 0.99).toFixed(1)} ms`,
    `  errors                     ${failed === '' ? 'none' : failed}`,
    `  generator                  ${own.toFixed(1)} s of processor time`,
  ].join('\n'))
}
