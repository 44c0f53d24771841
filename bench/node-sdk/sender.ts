/** A process of its own that sends with one SDK as one scenario says, and reports what it cost. */
import { setTimeout as sleep } from 'node:timers/promises'
import { loadVariant, type OrderEvent, type Variant, variantNames } from './variants.ts'

export interface SenderPlan {
  readonly variant: string
  readonly host: string
  /** Directory of the others' packages. */
  readonly peers: string
  readonly events: number
  /** Events a second; 0: as fast as calls return. */
  readonly rate: number
  /** Between the last call and the close. */
  readonly pauseMs: number
}

export interface SenderReport {
  readonly tracked: number
  /** Calls that were answered with a refusal, each made again. */
  readonly refused: number
  readonly loopSeconds: number
  /** Until the documented close was done. */
  readonly seconds: number
  readonly closeMs: number
  readonly peakMegabytes: number
  readonly cpuMicrosecondsPerEvent: number
  /** How late a timer of 5 ms came; 0 where the loop is tight. */
  readonly lagP99Ms: number
  readonly lagMaxMs: number
}

const tickMs = 5

process.on('message', (message) => {
  void run(readPlan(message)).then((report) => process.send?.(report))
})
process.on('disconnect', () => process.exit(0))
process.send?.('started')

function readPlan(message: unknown): SenderPlan {
  const get = (name: keyof SenderPlan): unknown => Reflect.get(Object(message), name)
  return { variant: String(get('variant')), host: String(get('host')), peers: String(get('peers')), events: Number(get('events')), rate: Number(get('rate')), pauseMs: Number(get('pauseMs')) }
}

async function run({ variant: name, host, peers, events, rate, pauseMs }: SenderPlan): Promise<SenderReport> {
  const known = variantNames.find((one) => one === name)
  if (known === undefined) throw new Error(`there is no variant ${name}`)
  const variant = await loadVariant(known, { host, peers })
  const cpu = process.cpuUsage()
  const begin = performance.now()
  const lags: number[] = []
  const refused = rate === 0 ? await loop(variant, events) : await pace(variant, { events, rate, lags })
  const loopSeconds = (performance.now() - begin) / 1_000
  if (pauseMs > 0) await sleep(pauseMs)
  const looped = performance.now()
  await variant.close()
  const end = performance.now()
  const used = process.cpuUsage(cpu)
  lags.sort((a, b) => a - b)
  return {
    tracked: events, refused, loopSeconds, seconds: (end - begin) / 1_000, closeMs: end - looped,
    peakMegabytes: process.resourceUsage().maxRSS / 1_024, cpuMicrosecondsPerEvent: (used.user + used.system) / events,
    lagP99Ms: lags[Math.floor(lags.length * 0.99)] ?? 0, lagMaxMs: lags.at(-1) ?? 0,
  }
}

/** Without a pause, except where the SDK says that it is full. */
async function loop(variant: Variant, events: number): Promise<number> {
  let refused = 0
  for (let n = 0; n < events; n += 1) {
    while (!variant.track(order(n))) {
      refused += 1
      await variant.ready?.()
    }
  }
  return refused
}

/** So many a second whatever happens, as a shop's visitors come. */
async function pace(variant: Variant, { events, rate, lags }: { readonly events: number; readonly rate: number; readonly lags: number[] }): Promise<number> {
  let refused = 0
  let sent = 0
  const begin = performance.now()
  while (sent < events) {
    const asleep = performance.now()
    await sleep(tickMs)
    const now = performance.now()
    lags.push(Math.max(0, now - asleep - tickMs))
    const due = Math.min(events, Math.floor((now - begin) * rate / 1_000))
    for (; sent < due; sent += 1) if (!variant.track(order(sent))) refused += 1
  }
  return refused
}

/** About 610 bytes of JSON once an SDK has added its fields. */
function order(n: number): OrderEvent {
  return {
    userId: `customer-${n % 5_000}`,
    event: 'Order Completed',
    properties: {
      n, order_id: `order-${n}`, revenue: 129.9, shipping: 4.9, tax: 20.7, currency: 'EUR', coupon: 'WINTER', affiliation: 'Online shop', payment_method: 'card', shipping_method: 'parcel', gift: false, loyalty_points: 130,
      products: [
        { product_id: `p-${n % 700}`, sku: 'SKU-1', name: 'Wool socks', price: 12.5, quantity: 4, category: 'Clothing' },
        { product_id: `p-${n % 300}`, sku: 'SKU-2', name: 'Rain coat', price: 75, quantity: 1, category: 'Clothing' },
      ],
    },
  }
}
