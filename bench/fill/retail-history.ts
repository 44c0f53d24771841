import { hash } from 'node:crypto'
import { type RetailLine, retailLines } from '../../collector/src/demo/retail-lines.ts'

/** Three years of a made-up shop: lines of real orders, bought by other customers at other times. */
export interface HistoryPlan {
  /** Of the whole history, which its three years are divided by. */
  readonly events: number
  readonly eventsPerProfile: number
  readonly seed: number
}

export interface HistoryEvent {
  readonly event: 'Ordered Product'
  /** ISO 8601. */
  readonly timestamp: string
  readonly userId: string
  readonly properties: {
    readonly order_id: string
    readonly product_id: string
    readonly name: string
    readonly quantity: number
    readonly price: number
    readonly value: number
    readonly currency: 'GBP'
    readonly country: string
  }
}

/** Where the history begins; it ends three years later. */
export const historyBegin = Date.UTC(2023, 0, 1)
export const historyEnd = Date.UTC(2026, 0, 1)
const sampleFile = new URL('../../examples/data/online-retail-sample.csv.gz', import.meta.url).pathname
const orderLinesMax = 7

export async function sampleLines(): Promise<readonly RetailLine[]> {
  const lines: RetailLine[] = []
  for await (const line of retailLines(sampleFile)) if (line.quantity > 0) lines.push(line)
  return lines
}

/** Customers that have ordered before the event of this number. */
export function customersAt({ eventsPerProfile }: HistoryPlan, event: number): number {
  return Math.ceil(event / eventsPerProfile)
}

/** The user id of the customer of this number, the first being 0. */
export function customerId(number: number): string {
  return String(10_000 + number)
}

/** Events `first` to `end` of the history, which begin and end an order. What comes depends on the plan and the two numbers alone. */
function* retailHistory(plan: HistoryPlan, lines: readonly RetailLine[], { first, end }: HistoryRange): Generator<HistoryEvent> {
  const random = randomFrom(plan.seed * 1_000_003 + first)
  for (let number = first; number < end;) {
    const rows = Math.min(1 + Math.floor(random() * orderLinesMax), end - number)
    const before = customersAt(plan, number)
    const after = customersAt(plan, number + rows)
    // Early customers order more often than late ones, as in any shop that grows.
    const userId = customerId(after > before ? after - 1 : Math.floor(random() ** 2 * before))
    const timestamp = new Date(historyBegin + Math.floor(number / plan.events * (historyEnd - historyBegin))).toISOString()
    for (let row = 0; row < rows; row += 1) {
      const line = lines[Math.floor(random() * lines.length)]
      if (line === undefined) throw new Error('there is no line to choose from')
      const { product, name, quantity, priceThousandths, country } = line
      yield {
        event: 'Ordered Product', timestamp, userId,
        properties: {
          order_id: String(500_000 + number), product_id: product, name, quantity,
          price: priceThousandths / 1_000, value: quantity * priceThousandths / 1_000, currency: 'GBP', country,
        },
      }
    }
    number += rows
  }
}

export interface HistoryBatch {
  /** A request body of the batch route. */
  readonly body: string
  readonly events: number
}

const eventsPerBatch = 50

export interface HistoryRange {
  /** Number of the first event, and that behind the last one. */
  readonly first: number
  readonly end: number
  /** The same events once more, as others: under other ids. */
  readonly series?: string
}

/** The events as request bodies. Their ids are random to whoever stores them, and the same whenever they are made again. */
export function* historyBatches(plan: HistoryPlan, lines: readonly RetailLine[], { series = '', ...range }: HistoryRange): Generator<HistoryBatch> {
  let batch: string[] = []
  let number = range.first
  for (const event of retailHistory(plan, lines, range)) {
    batch.push(JSON.stringify({ type: 'track', messageId: messageIdOf(`${plan.seed}/${series}/${number}`), ...event }))
    number += 1
    if (batch.length < eventsPerBatch && number < range.end) continue
    yield { body: `{"batch":[${batch.join(',')}]}`, events: batch.length }
    batch = []
  }
}

function messageIdOf(name: string): string {
  return hash('md5', name).replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, '$1-$2-$3-$4-$5')
}

/** The generator "mulberry32" (Tommy Ettinger). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
