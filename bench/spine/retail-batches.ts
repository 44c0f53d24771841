import { retailLines } from '../../collector/src/demo/retail-lines.ts'

export interface RetailBatch {
  /** A request body of the batch route. */
  readonly body: string
  readonly events: number
  /** Exact, in 1/1000 of the currency. */
  readonly revenueThousandths: bigint
}

export interface RetailOptions {
  readonly eventsPerBatch: number
  /** How often the file is sent, each time as other events of the same people. */
  readonly times: number
}

/**
 * An Online Retail file as request bodies, one event a line of the file. Message ids come from the line number, so a
 * body that is sent again is the same.
 */
export async function* retailBatches(path: string, { eventsPerBatch, times }: RetailOptions): AsyncGenerator<RetailBatch> {
  for (let time = 0; time < times; time += 1) yield* fileBatches(path, eventsPerBatch, time === 0 ? 'line' : `again-${time}`)
}

async function* fileBatches(path: string, eventsPerBatch: number, prefix: string): AsyncGenerator<RetailBatch> {
  let events: string[] = []
  let revenueThousandths = 0n
  for await (const { number, invoice, product, name, quantity, time, priceThousandths, customer, country } of retailLines(path)) {
    const thousandths = quantity * priceThousandths
    events.push(JSON.stringify({
      type: 'track', event: 'Ordered Product', messageId: `${prefix}-${number}`, timestamp: time,
      ...(customer === null ? { anonymousId: `guest-${invoice}` } : { userId: customer }),
      properties: {
        order_id: invoice, product_id: product, name, quantity, price: priceThousandths / 1_000, value: thousandths / 1_000, currency: 'GBP', country,
      },
    }))
    revenueThousandths += BigInt(thousandths)
    if (events.length < eventsPerBatch) continue
    yield { body: `{"batch":[${events.join(',')}]}`, events: events.length, revenueThousandths }
    events = []
    revenueThousandths = 0n
  }
  if (events.length > 0) yield { body: `{"batch":[${events.join(',')}]}`, events: events.length, revenueThousandths }
}
