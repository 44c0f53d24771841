import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { BatchSender } from '../../collector/test/batch-sender.ts'
import { type CollectorProcess, testKeys } from '../../collector/test/collector-process.ts'
import { readJson, untilAtRest } from '../../collector/test/read-side.ts'
import { type HistoryBatch, historyBatches, type HistoryPlan, sampleLines } from '../fill/retail-history.ts'
import { cpuSecondsOf, diskBytesOf } from '../load/process-figures.ts'
import type { Figure } from '../reads/figure-table.ts'
import { untilMerged } from '../reads/ask-olap.ts'

export interface GrownStore {
  readonly data: string
  readonly plan: HistoryPlan
  /** Events that are in it. */
  readonly stored: number
  /** Events that are sent to it now. */
  readonly sample: number
}

const restMs = 600_000
/** How long the collector is under load before everything is killed. */
const loadedMs = 3_000
/** Of an event, in each tier. */
export const bytesGoals = { olap: 60, objects: 55, oltp: 350 }
const recoveryGoalMs = 5_000

export async function measureGrowth(collector: CollectorProcess, store: GrownStore): Promise<readonly Figure[]> {
  const lines = await sampleLines()
  // Other events than those that fill the store: they come in addition.
  const batches = (series: string): Generator<HistoryBatch> => historyBatches(store.plan, lines, { first: store.stored, end: store.stored + store.sample, series })
  if (collector.processes().length > 0) await collector.stop()
  await collector.start()
  const stored = await rested(collector, store.data)
  await collector.stop()
  const bytes = bytesOf(store.data, stored)
  await collector.start()
  await rested(collector, store.data)
  const costs = await costOf(collector, store, [...batches('measured')])
  return [...costs, ...bytes, ...await recovery(collector, store, batches('killed'))]
}

/** Events that are stored once nothing is under way any more. */
async function rested(collector: CollectorProcess, data: string): Promise<number> {
  const { totals } = await untilAtRest(() => collector.url, testKeys.secretKey, { accepted: 0, withinMs: restMs })
  await untilMerged(data)
  return totals.stored
}

/** Bytes on the disk after a stop in order. */
function bytesOf(data: string, stored: number): readonly Figure[] {
  const of = (tier: string): number => diskBytesOf(join(data, tier)) / stored
  return [
    { name: 'OLTP, of an event', value: of('oltp'), unit: 'B', goal: bytesGoals.oltp },
    { name: 'OLAP, of an event', value: of('olap'), unit: 'B', goal: bytesGoals.olap },
    { name: 'archive, of an event', value: of('objects'), unit: 'B', goal: bytesGoals.objects },
  ]
}

/** Processor time from the first request to the rest of every tier, what was merged for it included. */
async function costOf(collector: CollectorProcess, { data }: GrownStore, batches: readonly HistoryBatch[]): Promise<readonly Figure[]> {
  const sender = new BatchSender({ url: () => collector.url, writeKey: testKeys.writeKey, connections: 8 })
  const before = cpuSecondsOf(collector)
  const begin = performance.now()
  await sender.sendAll(batches.values())
  sender.close()
  await rested(collector, data)
  const seconds = (performance.now() - begin) / 1_000
  const after = cpuSecondsOf(collector)
  const of = (name: string): number => ((after.get(name) ?? 0) - (before.get(name) ?? 0)) * 1e6 / sender.counts.events
  return [
    { name: 'edge and log (collector), of an event', value: of('collector'), unit: 'µs' },
    { name: 'decide and archive (worker), of an event', value: of('worker'), unit: 'µs' },
    { name: 'load (engine), of an event', value: of('engine'), unit: 'µs' },
    { name: 'all tiers, of an event', value: seconds * 1e6 / sender.counts.events, unit: 'µs' },
  ]
}

/** kill -9 of all its processes at once, under load; then the time to be ready, to show a new event in its profile, and to rest. */
async function recovery(collector: CollectorProcess, { data }: GrownStore, batches: Iterator<HistoryBatch>): Promise<readonly Figure[]> {
  await collector.stop()
  const inOrder = performance.now()
  await collector.start()
  const startMs = performance.now() - inOrder
  const sender = new BatchSender({ url: () => collector.url, writeKey: testKeys.writeKey, connections: 8 })
  let isOver = false
  const loading = sender.sendAll(until(batches, () => isOver))
  await new Promise((resolve) => setTimeout(resolve, loadedMs))
  collector.signal('SIGKILL')
  await collector.ended()
  isOver = true
  const begin = performance.now()
  const since = (): number => performance.now() - begin
  await collector.start()
  const readyMs = since()
  const cpuSeconds = [...cpuSecondsOf(collector).values()].reduce((sum, seconds) => sum + seconds, 0)
  const name = `after-${randomUUID()}`
  await sender.send({ body: JSON.stringify({ batch: [{ type: 'track', event: 'Product Viewed', userId: name, messageId: name }] }), events: 1 })
  while ((await readJson(collector.url, `/v1/profiles?externalId=${name}`, testKeys.secretKey)).status !== 200) await new Promise((resolve) => setTimeout(resolve, 5))
  const decidedMs = since()
  await loading
  sender.close()
  await untilAtRest(() => collector.url, testKeys.secretKey, { accepted: 0, withinMs: restMs })
  const restedMs = since()
  await untilMerged(data)
  return [
    { name: 'start in order to ready', value: startMs, unit: 'ms' },
    { name: 'kill -9 to ready', value: readyMs, unit: 'ms', goal: recoveryGoalMs },
    { name: 'kill -9 to ready, processor time', value: cpuSeconds * 1_000, unit: 'ms' },
    { name: 'kill -9 to a new event in its profile', value: decidedMs, unit: 'ms', goal: recoveryGoalMs },
    { name: 'kill -9 to all tiers at rest', value: restedMs, unit: 'ms' },
  ]
}

async function* until(batches: Iterator<HistoryBatch>, isOver: () => boolean): AsyncGenerator<HistoryBatch> {
  for (let next = batches.next(); next.done !== true && !isOver(); next = batches.next()) yield next.value
}
