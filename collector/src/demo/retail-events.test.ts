import { judgeEvent, limits, type TrackCall } from '@millrace/schemas'
import { expect, it } from 'vitest'
import { retailEvents } from './retail-events.ts'
import { type RetailLine, retailLines } from './retail-lines.ts'
import { sampleFile } from './sample-file.ts'

async function* from(lines: readonly RetailLine[]): AsyncGenerator<RetailLine> {
  yield* lines
}

async function all<T>(source: AsyncIterable<T>): Promise<readonly T[]> {
  const items: T[] = []
  for await (const item of source) items.push(item)
  return items
}

function line(part: Partial<RetailLine>): RetailLine {
  return {
    number: 2, invoice: '536365', product: '85123A', name: 'LANTERN', quantity: 6, time: '2010-12-01T08:26:00.000Z', priceThousandths: 2_550,
    customer: '17850', country: 'United Kingdom', ...part,
  }
}

/** Exact: through the decimal text that is sent, in ten-thousandths, never through a sum of floats. */
function tenThousandths(value: unknown): bigint {
  const match = /^(-?)(\d+)(?:\.(\d{1,4}))?$/.exec(JSON.stringify(value))
  if (match === null) throw new Error(`${String(value)} is no amount`)
  const amount = BigInt(`${match[2]}${(match[3] ?? '').padEnd(4, '0')}`)
  return match[1] === '-' ? -amount : amount
}

function sumOfValues(events: readonly TrackCall[], name: string): bigint {
  return events.filter(({ event }) => event === name).reduce((sum, { properties }) => sum + tenThousandths(properties?.['value']), 0n)
}

it('an invoice is an order with its lines, a cancellation a refund of a positive amount, a guest an anonymous id', async () => {
  const events = await all(retailEvents(from([
    line({}), line({ number: 3, quantity: 2, priceThousandths: 1, product: '71053' }),
    line({ number: 4, invoice: 'C536379', quantity: -1, priceThousandths: 27_500, customer: null }),
  ])))
  expect(events).toEqual([
    {
      userId: '17850', event: 'Order Completed', messageId: 'retail-536365-2', timestamp: '2010-12-01T08:26:00.000Z',
      properties: {
        order_id: '536365', value: 15.302, currency: 'GBP', country: 'United Kingdom',
        products: [
          { product_id: '85123A', name: 'LANTERN', quantity: 6, price: 2.55 }, { product_id: '71053', name: 'LANTERN', quantity: 2, price: 0.001 },
        ],
      },
    },
    {
      anonymousId: 'guest-C536379', event: 'Order Refunded', messageId: 'retail-C536379-4', timestamp: '2010-12-01T08:26:00.000Z',
      properties: {
        order_id: 'C536379', value: 27.5, currency: 'GBP', country: 'United Kingdom',
        products: [{ product_id: '85123A', name: 'LANTERN', quantity: -1, price: 27.5 }],
      },
    },
  ])
})

it('an order above 28 KiB sends its lines one by one', async () => {
  const lines = Array.from({ length: 1_114 }, (_, index) => line({ number: index + 2, name: `LANTERN ${index}` }))
  const [order, ...ordered] = await all(retailEvents(from(lines)))
  expect(order).toMatchObject({ event: 'Order Completed', properties: { value: 17_044.2, products: [], product_count: 1_114 } })
  expect(new Set(ordered.map(({ event }) => event))).toEqual(new Set(['Ordered Product']))
  expect(ordered.length).toBe(1_114)
  expect(sumOfValues(ordered, 'Ordered Product')).toBe(170_442_000n)
})

it('an invoice without end is refused', async () => {
  const endless = Array.from({ length: 10_001 }, (_, index) => line({ number: index + 2 }))
  await expect(all(retailEvents(from(endless)))).rejects.toThrow('more than 10000 lines, at line 10002')
})

it('the sample: values equal the file to the last decimal, every event passes, ids are its own and the same each time', async () => {
  const lines = await all(retailLines(sampleFile()))
  const events = await all(retailEvents(from(lines)))
  const total = (refunds: boolean): bigint => lines.filter(({ invoice }) => invoice.startsWith('C') === refunds)
    .reduce((sum, { quantity, priceThousandths }) => sum + BigInt(quantity) * BigInt(priceThousandths) * 10n, 0n)
  expect(sumOfValues(events, 'Order Completed')).toBe(total(false))
  expect(sumOfValues(events, 'Order Refunded')).toBe(-total(true))
  expect(total(true)).toBeLessThan(0n)
  expect(new Set(events.map(({ messageId }) => messageId)).size).toBe(events.length)
  expect(await all(retailEvents(from(lines)))).toEqual(events)
  expect(new Set(lines.map(({ time }) => time.slice(0, 7))).size).toBe(13)
  for (const event of events) {
    expect(Buffer.byteLength(JSON.stringify(event))).toBeLessThan(limits.eventBytesMax)
    expect(judgeEvent('track', event.event)).toBeNull()
  }
})
