import { retailLines, type RetailLine } from '../../src/demo/retail-lines.ts'

/** An Online Retail file as a shop would send it, and the answers that must come out again, worked out from the lines. */

export interface RetailAnswers {
  readonly lines: number
  readonly customers: number
  readonly orders: number
  readonly revenueThousandths: bigint
  readonly boughtOnce: number
  readonly cancelledLines: number
  readonly cancelledThousandths: bigint
  /** `2010-12` to thousandths. */
  readonly revenueByMonth: ReadonlyMap<string, bigint>
  /** Customers of the file's first month who bought in each month. */
  readonly firstCohort: ReadonlyMap<string, number>
}

interface Order {
  readonly customer: string
  readonly lines: RetailLine[]
}

export interface RetailBody {
  readonly body: string
  readonly events: number
}

const eventsPerBody = 100

/** Bodies of one `Ordered Product` a line and one `Order Completed` an order: lines of a customer with quantity and price, no cancellation. */
export class RetailOrders {
  readonly #path: string
  readonly #orders = new Map<string, Order>()
  #lines = 0
  #cancelledLines = 0
  #cancelledThousandths = 0n

  constructor(path: string) {
    this.#path = path
  }

  async* bodies(): AsyncGenerator<RetailBody> {
    let events: object[] = []
    for await (const line of retailLines(this.#path)) {
      this.#count(line)
      events.push(lineEvent(line))
      if (events.length === eventsPerBody) {
        yield bodyOf(events)
        events = []
      }
    }
    for (const [invoice, order] of this.#orders) {
      events.push(orderEvent(invoice, order))
      if (events.length === eventsPerBody) {
        yield bodyOf(events)
        events = []
      }
    }
    if (events.length > 0) yield bodyOf(events)
  }

  /** After the last body. */
  answers(): RetailAnswers {
    const byMonth = new Map<string, bigint>()
    const buyers = new Map<string, Set<string>>()
    const times = new Map<string, number>()
    for (const { customer, lines } of this.#orders.values()) {
      times.set(customer, (times.get(customer) ?? 0) + 1)
      const bought = firstTime(lines).slice(0, 7)
      buyers.set(bought, (buyers.get(bought) ?? new Set()).add(customer))
      for (const line of lines) byMonth.set(line.time.slice(0, 7), (byMonth.get(line.time.slice(0, 7)) ?? 0n) + amount(line))
    }
    const months = [...buyers.keys()].toSorted()
    const first = buyers.get(months[0] ?? '') ?? new Set<string>()
    return {
      lines: this.#lines, customers: times.size, orders: this.#orders.size, revenueThousandths: [...byMonth.values()].reduce((sum, value) => sum + value, 0n),
      boughtOnce: [...times.values()].filter((count) => count === 1).length,
      cancelledLines: this.#cancelledLines, cancelledThousandths: this.#cancelledThousandths,
      revenueByMonth: new Map([...byMonth].toSorted(([a], [b]) => (a < b ? -1 : 1))),
      firstCohort: new Map(months.map((month) => [month, [...first].filter((customer) => buyers.get(month)?.has(customer)).length])),
    }
  }

  #count(line: RetailLine): void {
    this.#lines += 1
    if (line.customer === null) return
    if (line.invoice.startsWith('C')) {
      this.#cancelledLines += 1
      this.#cancelledThousandths += amount(line)
    } else if (line.quantity > 0 && line.priceThousandths > 0) {
      const order = this.#orders.get(line.invoice)
      if (order === undefined) this.#orders.set(line.invoice, { customer: line.customer, lines: [line] })
      else order.lines.push(line)
    }
  }
}

function amount({ quantity, priceThousandths }: RetailLine): bigint {
  return BigInt(quantity * priceThousandths)
}

/** Some invoices carry two times. */
function firstTime(lines: readonly RetailLine[]): string {
  return lines.reduce((least, { time }) => (time < least ? time : least), lines[0]?.time ?? '')
}

function lineEvent({ number, invoice, product, name, quantity, time, priceThousandths, customer, country }: RetailLine): object {
  return {
    type: 'track', event: 'Ordered Product', messageId: `line-${number}`, timestamp: time, ...(customer === null ? { anonymousId: `guest-${invoice}` } : { userId: customer }),
    properties: {
      order_id: invoice, product_id: product, name, quantity, price: priceThousandths / 1_000, value: quantity * priceThousandths / 1_000, currency: 'GBP',
      country, customer,
    },
  }
}

function orderEvent(invoice: string, { customer, lines }: Order): object {
  const value = Number(lines.reduce((sum, line) => sum + amount(line), 0n)) / 1_000
  return {
    type: 'track', event: 'Order Completed', messageId: `order-${invoice}`, timestamp: firstTime(lines), userId: customer,
    properties: { order_id: invoice, value, currency: 'GBP', country: lines[0]?.country ?? '', line_count: lines.length },
  }
}

function bodyOf(events: readonly object[]): RetailBody {
  return { body: JSON.stringify({ batch: events }), events: events.length }
}
