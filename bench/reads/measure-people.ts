import { type CollectorProcess, testKeys } from '../../collector/test/collector-process.ts'
import { readJson } from '../../collector/test/read-side.ts'
import { customerId, customersAt, type HistoryPlan, randomFrom } from '../fill/retail-history.ts'
import { cpuSecondsOf, residentBytesOf } from '../load/process-figures.ts'
import type { ReadLoad, ReadLoadResult } from '../load/paced-reads.ts'
import { runLoad } from '../load/run-load.ts'
import { quantile } from '../spine/latency.ts'
import type { Figure } from './figure-table.ts'

export interface PacedLoad {
  readonly perSecond: number
  readonly seconds: number
}

export interface StoredHistory {
  readonly plan: HistoryPlan
  /** That are stored of it. */
  readonly events: number
}

/** People whose cards are in the cache. */
const hotCustomers = 1_000
const timelineCustomers = 1_000
const warmUpReads = 6_000

/** Cards and timelines over HTTP, at a steady rate that no slow answer holds up. */
export async function measurePeople(collector: CollectorProcess, { plan, events }: StoredHistory, load: PacedLoad): Promise<readonly Figure[]> {
  const random = randomFrom(plan.seed)
  const customers = shuffled(customersAt(plan, events), random)
  const uncounted = load.perSecond
  const reads = load.perSecond * load.seconds + uncounted
  const ids = await profileIds(collector, customers.slice(0, timelineCustomers))
  const timelines = Array.from({ length: reads }, () => `/v1/profiles/${ids[Math.floor(random() * ids.length)] ?? ''}/events?limit=50`)
  const hot = Array.from({ length: reads }, () => cardPath(customers[Math.floor(random() * hotCustomers)] ?? 0))
  // Read by nobody before: neither by the warm-up nor by each other.
  const cold = customers.slice(hotCustomers, hotCustomers + reads).map(cardPath)
  const run = (paths: readonly string[]): Promise<ReadLoadResult> => {
    const wanted: ReadLoad = { url: collector.url, secretKey: testKeys.secretKey, paths, perSecond: load.perSecond, uncounted }
    return runLoad(new URL('../load/paced-reads.ts', import.meta.url), { ...wanted })
  }
  await run([...customers.slice(0, hotCustomers).map(cardPath), ...hot, ...timelines].slice(0, hotCustomers + warmUpReads))
  await run(timelines.slice(0, warmUpReads))
  const counted = async (paths: readonly string[]): Promise<Counted> => {
    const before = cpuSecondsOf(collector).get('collector') ?? 0
    const result = await run(paths)
    if (result.failures > 0) throw new Error(`${result.failures} of ${paths.length} reads were not answered with 200`)
    return { ...result, collectorUs: ((cpuSecondsOf(collector).get('collector') ?? 0) - before) * 1e6 / paths.length }
  }
  const cached = await counted(hot)
  const uncached = await counted(cold)
  const pages = await counted(timelines)
  return [
    ...figures('card, cached', cached, 3), ...figures('card, cold', uncached, 10), ...figures('timeline page', pages, 10),
    { name: 'generator, of a read', value: cached.cpuSeconds * 1e6 / hot.length, unit: 'µs' },
    { name: 'memory, all processes', value: residentBytesOf(collector) / 1_048_576, unit: 'MiB' },
  ]
}

interface Counted extends ReadLoadResult {
  /** Processor time of the collector's main process a read. */
  readonly collectorUs: number
}

function figures(name: string, { milliseconds, collectorUs }: Counted, goal: number): readonly Figure[] {
  return [
    { name: `${name} p50`, value: quantile(milliseconds, 0.5), unit: 'ms' },
    { name: `${name} p99`, value: quantile(milliseconds, 0.99), unit: 'ms', goal },
    { name: `${name}, processor time`, value: collectorUs, unit: 'µs' },
  ]
}

function cardPath(customer: number): string {
  return `/v1/profiles?externalId=${customerId(customer)}`
}

async function profileIds(collector: CollectorProcess, customers: readonly number[]): Promise<readonly string[]> {
  const ids: string[] = []
  for (const customer of customers) {
    const { body } = await readJson(collector.url, cardPath(customer), testKeys.secretKey)
    ids.push(String(Reflect.get(Object(Reflect.get(Object(body), 'profile')), 'id')))
  }
  return ids
}

function shuffled(count: number, random: () => number): number[] {
  const numbers = Array.from({ length: count }, (_, index) => index)
  for (let index = count - 1; index > 0; index -= 1) {
    const other = Math.floor(random() * (index + 1))
    const [a = 0, b = 0] = [numbers[index], numbers[other]]
    numbers[index] = b
    numbers[other] = a
  }
  return numbers
}
