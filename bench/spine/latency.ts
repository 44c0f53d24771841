import { setTimeout as sleep } from 'node:timers/promises'
import type { BatchSender } from '../../collector/test/batch-sender.ts'
import { readJson } from '../../collector/test/read-side.ts'

export interface LatencyOptions {
  readonly url: string
  readonly secretKey: string
  readonly eventsPerSecond: number
  readonly seconds: number
  readonly sender: BatchSender
  /** Asks the OLAP which of the message ids it has. */
  readonly loaded: (messageIds: readonly string[]) => Promise<readonly string[]>
}

export interface Latencies {
  readonly profileMs: readonly number[]
  readonly olapMs: readonly number[]
}

const eventsPerBatch = 50
const probeEveryBatches = 7

/**
 * Sends at a steady rate and, for every seventh batch, takes the time from its 200 to the event being in the profile
 * and in the OLAP. Profiles are asked every 5 ms, the OLAP every 25 ms.
 */
export async function measureLatency(options: LatencyOptions): Promise<Latencies> {
  const { eventsPerSecond, seconds, sender } = options
  const profileMs: number[] = []
  const olapMs: number[] = []
  const waiting = new Map<string, number>()
  const pending: Promise<void>[] = []
  const begin = performance.now()
  const batches = Math.floor(eventsPerSecond * seconds / eventsPerBatch)
  let sending = true
  const olap = watchOlap(options, { waiting, olapMs, sending: () => sending })
  for (let batch = 0; batch < batches; batch += 1) {
    const due = begin + batch * eventsPerBatch * 1_000 / eventsPerSecond
    const early = due - performance.now()
    if (early > 1) await sleep(early)
    const sent = sender.send({ body: probeBody(batch), events: eventsPerBatch })
    if (batch % probeEveryBatches !== 0) {
      pending.push(sent)
      continue
    }
    pending.push(sent.then(async () => {
      const acknowledged = performance.now()
      waiting.set(`probe-${batch}-0`, acknowledged)
      await untilInProfile(options, batch)
      profileMs.push(performance.now() - acknowledged)
    }))
  }
  await Promise.all(pending)
  sending = false
  await olap
  return { profileMs, olapMs }
}

async function untilInProfile({ url, secretKey }: LatencyOptions, batch: number): Promise<void> {
  for (;;) {
    const { status } = await readJson(url, `/v1/profiles?externalId=probe-${batch}-0`, secretKey)
    if (status === 200) return
    await sleep(5)
  }
}

interface OlapWatch {
  readonly waiting: Map<string, number>
  readonly olapMs: number[]
  readonly sending: () => boolean
}

async function watchOlap({ loaded }: LatencyOptions, { waiting, olapMs, sending }: OlapWatch): Promise<void> {
  while (sending() || waiting.size > 0) {
    await sleep(25)
    if (waiting.size === 0) continue
    const found = await loaded([...waiting.keys()])
    const now = performance.now()
    for (const id of found) {
      const acknowledged = waiting.get(id)
      if (acknowledged === undefined) continue
      olapMs.push(now - acknowledged)
      waiting.delete(id)
    }
  }
}

function probeBody(batch: number): string {
  const events = Array.from({ length: eventsPerBatch }, (_, index) => JSON.stringify({
    type: 'track', event: 'Product Viewed', messageId: `probe-${batch}-${index}`, userId: index === 0 ? `probe-${batch}-0` : `visitor-${(batch * 31 + index) % 5_000}`,
    timestamp: new Date().toISOString(), properties: { product_id: String(index), price: 2.55, country: 'United Kingdom' },
  }))
  return `{"batch":[${events.join(',')}]}`
}

/** The value that a share of the values is not above. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
