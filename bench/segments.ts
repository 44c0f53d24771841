import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { BatchSender } from '../collector/test/batch-sender.ts'
import { CollectorProcess, testKeys } from '../collector/test/collector-process.ts'
import { untilAtRest } from '../collector/test/read-side.ts'
import { RetailOrders } from '../collector/test/segments/retail-orders.ts'
import { productAt } from '../collector/test/segments/retail-product.ts'
import { askRetail } from '../collector/test/segments/retail-questions.ts'
import { quantile } from './spine/latency.ts'

/**
 * Milliseconds from the request for a new segment to its exact count, over a retail file on the embedded engines, and
 * whether the file's known answers come out. `--file PATH|-` (the example's sample unless told; gzip by its `.gz`),
 * `--runs N` asks each segment so often.
 */
const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    file: { type: 'string', default: new URL('../examples/data/online-retail-sample.csv.gz', import.meta.url).pathname },
    runs: { type: 'string', default: '7' },
  },
})
const runs = Number(values.runs)

const ordered = (part: object): object => ({ type: 'profile-metric', metric: 'Order Completed', measurement: 'count', operator: 'greater-than-or-equal', value: 1, ...part })
const lines = (filters: readonly object[]): object => ({ type: 'profile-metric', metric: 'Ordered Product', measurement: 'count', operator: 'greater-than-or-equal', value: 1, filters })
const december = { type: 'between', start: '2010-12-01', end: '2011-01-01' }

const segments: Readonly<Record<string, unknown>> = {
  'two orders in 30 days': ordered({ value: 2, timeframe: { type: 'in-the-last', quantity: 30, unit: 'day' } }),
  'spent over 1,000': ordered({ measurement: 'sum', property: 'value', value: 1_000 }),
  'never ordered': { not: ordered({}) },
  'bought a lantern for over 5': lines([{ property: 'name', operator: 'contains', value: 'lantern', ignoreCase: true }, { property: 'price', operator: 'greater-than', value: 5 }]),
  'any of 3 products by pattern': lines([{ property: 'product_id', operator: 'regex', value: '^(?:85123A|22423|47566)$' }]),
  'in December, not in 90 days': { and: [ordered({ timeframe: december }), { not: ordered({ timeframe: { type: 'in-the-last', quantity: 90, unit: 'day' } }) }] },
  'country of an order, no refund': { and: [ordered({ filters: [{ property: 'country', operator: 'in', value: ['France', 'Germany'] }] }), { not: lines([{ property: 'order_id', operator: 'starts-with', value: 'C' }]) }] },
}

const data = mkdtempSync(join(tmpdir(), 'millrace-segments-'))
const collector = new CollectorProcess(data)
try {
  await collector.start()
  const orders = new RetailOrders(values.file)
  const sender = new BatchSender({ url: () => collector.url, writeKey: testKeys.writeKey, connections: 8 })
  const begin = performance.now()
  await sender.sendAll(orders.bodies())
  sender.close()
  await untilAtRest(() => collector.url, testKeys.secretKey, { accepted: sender.counts.events, withinMs: 600_000 })
  console.log(`${sender.counts.events} events in all tiers after ${((performance.now() - begin) / 1_000).toFixed(1)} s`)
  const product = productAt(collector.url, data)
  console.log('segment                          members   first ms   median ms')
  for (const [name, definition] of Object.entries(segments)) {
    const times: number[] = []
    let count = 0
    for (let run = 0; run < runs; run += 1) {
      const asked = performance.now()
      count = await product.count(definition)
      times.push(performance.now() - asked)
    }
    console.log(`${name.padEnd(32)} ${String(count).padStart(7)}   ${(times[0] ?? 0).toFixed(0).padStart(8)}   ${quantile(times, 0.5).toFixed(0).padStart(9)}`)
  }
  const answers = await askRetail(orders.answers(), product)
  const wrong = answers.filter(({ expected, answered }) => expected !== answered)
  for (const { question, expected, answered } of answers) console.log(`${expected === answered ? 'exact' : 'WRONG'}  ${question}: ${answered.replace('\t', ', ')}${expected === answered ? '' : `, not ${expected}`}`)
  console.log(wrong.length === 0 ? `all ${answers.length} answers exact` : `${wrong.length} answers WRONG`)
  if (wrong.length > 0) process.exitCode = 1
} finally {
  await collector.stop()
  rmSync(data, { recursive: true })
}
