import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { sampleFile } from '../../src/demo/sample-file.ts'
import { BatchSender } from '../batch-sender.ts'
import { CollectorProcess, testKeys } from '../collector-process.ts'
import { untilAtRest } from '../read-side.ts'
import { productAt } from './retail-product.ts'
import { RetailOrders } from './retail-orders.ts'
import { askRetail } from './retail-questions.ts'

const data = mkdtempSync(join(tmpdir(), 'millrace-retail-'))
const collector = new CollectorProcess(data, ['--object-delay-ms', '50', '--load-delay-ms', '50'])

beforeAll(() => collector.start())

afterAll(async () => {
  await collector.stop()
  rmSync(data, { recursive: true })
})

it('gives the answers of the retail sample exactly: customers, repeat buyers, cohort, revenue by month', async () => {
  const orders = new RetailOrders(sampleFile())
  const sender = new BatchSender({ url: () => collector.url, writeKey: testKeys.writeKey, connections: 4 })
  await sender.sendAll(orders.bodies())
  sender.close()
  await untilAtRest(() => collector.url, testKeys.secretKey, { accepted: sender.counts.events, withinMs: 60_000 })
  const expected = orders.answers()
  expect(expected).toMatchObject({ lines: 55_153 })
  const answers = await askRetail(expected, productAt(collector.url, data))
  for (const { question, expected: wanted, answered } of answers) expect(answered, question).toBe(wanted)
})
