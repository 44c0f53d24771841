/**
 * Abandoned carts: from a cart's due instant to its webhook at the receiver, for carts that come due together.
 * `automation [CARTS]`, 2,000 carts unless told; the collector runs on the embedded engines, the receiver in this process.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BatchSender } from '../collector/test/batch-sender.ts'
import { CollectorProcess, testKeys } from '../collector/test/collector-process.ts'
import { WebhookReceiver } from '../collector/test/webhook-receiver.ts'
import { quantile } from './spine/latency.ts'

const carts = Number(process.argv[2] ?? 2_000)
const delaySeconds = 10
const cartsPerBatch = 250
const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`

const data = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
const collector = new CollectorProcess(data, ['--webhook-allow-private'])
const receiver = new WebhookReceiver(secret)
try {
  const url = await receiver.start()
  await collector.start()
  await enable(url)
  const begin = performance.now()
  await sendCarts()
  const sentMs = performance.now() - begin
  await receiver.until(() => receiver.ids().size >= carts)
  const lateMs = receiver.received.map(({ body, at }) => at - dueAt(body))
  process.stdout.write(
    `carts ${carts}, sent to the collector in ${Math.round(sentMs)} ms, webhooks ${receiver.received.length}, distinct ids ${receiver.ids().size}, verified ${receiver.received.filter(({ verified }) => verified === 1).length}\n` +
    `due to received: p50 ${quantile(lateMs, 0.5)} ms, p99 ${quantile(lateMs, 0.99)} ms, max ${Math.max(...lateMs)} ms\n`)
} finally {
  await collector.stop()
  await receiver.close()
  rmSync(data, { recursive: true })
}

async function enable(url: string): Promise<void> {
  const response = await fetch(`${collector.url}/v1/automations/abandoned-cart`, {
    method: 'PUT', headers: { authorization: `Bearer ${testKeys.secretKey}` }, body: JSON.stringify({ enabled: true, delaySeconds, webhook: { url, secret } }),
  })
  if (!response.ok) throw new Error(`the settings were refused: ${await response.text()}`)
}

async function sendCarts(): Promise<void> {
  const sender = new BatchSender({ url: () => collector.url, writeKey: testKeys.writeKey, connections: 4 })
  await sender.sendAll(batches())
  sender.close()
}

async function* batches(): AsyncGenerator<{ readonly body: string; readonly events: number }> {
  for (let first = 0; first < carts; first += cartsPerBatch) {
    const events = Math.min(cartsPerBatch, carts - first)
    const batch = Array.from({ length: events }, (_, index) => ({
      type: 'track', event: 'Product Added', anonymousId: `visitor-${first + index}`, messageId: `cart-${first + index}`, timestamp: new Date().toISOString(),
      properties: { product_id: String(index), name: 'Cup', price: 2.5, quantity: 1, currency: 'GBP' },
    }))
    yield { body: JSON.stringify({ batch }), events }
  }
}

function dueAt(body: unknown): number {
  const cart: unknown = Reflect.get(Object(Reflect.get(Object(body), 'data')), 'cart')
  return Date.parse(String(Reflect.get(Object(cart), 'dueAt')))
}
