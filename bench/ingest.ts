/**
 * Cost of ingest against its floor, one JSON.parse of the body and one JSON.stringify of each event, in the same
 * run and in turns, so that a busy machine slows both. Run by hand: `node bench/ingest.ts`.
 */
import { gzipSync } from 'node:zlib'
import { defaultIdentitySettings } from '../collector/src/identity/identity-settings.ts'
import { acceptEvents, type AcceptContext } from '../collector/src/ingest/accept-events.ts'
import { decodeBody } from '../collector/src/ingest/decode-body.ts'
import { readEnvelope } from '../collector/src/ingest/read-envelope.ts'

const receivedAt = Date.UTC(2026, 0, 2, 3, 4, 5, 678)
const turns = 41
const turnMs = 40

const context: AcceptContext = {
  workspace: 1,
  trust: 'public',
  receivedAt,
  route: 'batch',
  identity: defaultIdentitySettings,
  ip: '203.0.113.9',
  userAgent: 'bench',
  newMessageId: () => 'made',
}

function order(index: number): object {
  return {
    type: 'track',
    event: 'Order Completed',
    messageId: `01946a2b-0000-7000-8000-${String(index).padStart(12, '0')}`,
    userId: `customer-${index}`,
    anonymousId: '8d1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d',
    timestamp: new Date(receivedAt - 5_000 - index).toISOString(),
    properties: {
      order_id: `order-${index}`,
      value: 129.9,
      revenue: 129.9,
      currency: 'EUR',
      coupon: 'WINTER',
      shipping: 4.9,
      products: [
        { product_id: 'p-1', sku: 'SKU-1', name: 'Wool socks', price: 12.5, quantity: 4, category: 'Clothing' },
        { product_id: 'p-2', sku: 'SKU-2', name: 'Rain coat', price: 75, quantity: 1, category: 'Clothing' },
      ],
    },
    context: {
      library: { name: 'bench', version: '1.0.0' },
      locale: 'de-DE',
      userAgent: 'Mozilla/5.0 (X11; Linux x86_64)',
      page: { path: '/checkout', title: 'Checkout', url: 'https://shop.example/checkout', referrer: '' },
    },
  }
}

interface Case {
  readonly name: string
  readonly body: Uint8Array
  readonly encoding?: string
  readonly events: number
}

function batch(events: number, change: (event: object) => object = (event) => event): Uint8Array {
  const items = Array.from({ length: events }, (_, index) => change(order(index)))
  return Buffer.from(
    JSON.stringify({ batch: items, writeKey: 'key', sentAt: new Date(receivedAt - 1_000).toISOString() }),
  )
}

const escaped = (bytes: Uint8Array): Uint8Array =>
  Buffer.from(Buffer.from(bytes).toString().replaceAll('Wool', '\\u00c4rmel'))

const cases: readonly Case[] = [
  { name: 'batch of 50', body: batch(50), events: 50 },
  { name: 'single event', body: batch(1), events: 1 },
  { name: '50, with \\u escapes', body: escaped(batch(50)), events: 50 },
  { name: '50, not Latin', body: batch(50, (event) => ({ ...event, name: 'Заказ завершён' })), events: 50 },
  {
    name: '50, library fields',
    body: batch(50, (event) => ({ ...event, _metadata: { nodeVersion: '24' }, channel: 'server' })),
    events: 50,
  },
  { name: '50, gzip', body: gzipSync(batch(50)), encoding: 'gzip', events: 50 },
]

function floor(body: Uint8Array, encoding: string | undefined): number {
  const parsed: unknown = JSON.parse(Buffer.from(decodeBody(body, encoding)).toString('utf8'))
  let characters = 0
  if (typeof parsed === 'object' && parsed !== null && 'batch' in parsed && Array.isArray(parsed.batch)) {
    for (const item of parsed.batch) characters += JSON.stringify(item).length
  }
  return characters
}

function ingest(body: Uint8Array, encoding: string | undefined): number {
  let characters = 0
  for (const event of acceptEvents(readEnvelope(decodeBody(body, encoding), 'batch'), context))
    characters += event.line.length
  return characters
}

/** Microseconds an event, over one turn. */
function measure(run: () => number, events: number): number {
  const start = process.cpuUsage()
  const until = performance.now() + turnMs
  let done = 0
  while (performance.now() < until) {
    if (run() === 0) throw new Error('nothing was done')
    done += events
  }
  const used = process.cpuUsage(start)
  return (used.user + used.system) / done
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN
}

const only = process.argv[2]
console.log('case                    floor µs   ingest µs   floor/ingest   ingest events per CPU-second')
for (const { name, body, encoding, events } of cases) {
  if (only !== undefined && !name.includes(only)) continue
  const floors: number[] = []
  const ingests: number[] = []
  const ratios: number[] = []
  for (let turn = 0; turn < turns; turn += 1) {
    const low = measure(() => floor(body, encoding), events)
    const high = measure(() => ingest(body, encoding), events)
    // The first turns warm up the compiler.
    if (turn < 11) continue
    floors.push(low)
    ingests.push(high)
    ratios.push(low / high)
  }
  const cost = median(ingests)
  console.log(
    `${name.padEnd(22)} ${median(floors).toFixed(2).padStart(9)} ${cost.toFixed(2).padStart(11)} ` +
      `${(median(ratios) * 100).toFixed(0).padStart(12)} % ${Math.round(1e6 / cost)
        .toLocaleString('en')
        .padStart(16)}`,
  )
}
