import type { TrackCall } from '@millrace/schemas'
import { MillraceError } from '../platform/errors.ts'
import type { RetailLine } from './retail-lines.ts'

/** Larger orders send their lines one by one, so that no event comes near the limit of 32 KiB. */
const orderBytesMax = 28 * 1024
/** Nine times the largest invoice of the file; more is another kind of file, and must not fill the memory. */
const invoiceLinesMax = 10_000

/**
 * The calls a shop would have made for the lines of a file: each invoice an `Order Completed` with its lines, or, where
 * that would pass 28 KiB, an `Order Completed` and an `Ordered Product` a line; a cancellation is an `Order Refunded`.
 * Message ids come from the file, so playing it again stores nothing twice. Memory: one invoice.
 * Fails with `bad_request` at an invoice of more than 10,000 lines.
 */
export async function* retailEvents(lines: AsyncIterable<RetailLine>): AsyncGenerator<TrackCall> {
  let invoice: RetailLine[] = []
  for await (const line of lines) {
    if (invoice[0] !== undefined && invoice[0].invoice !== line.invoice) {
      yield* invoiceEvents(invoice)
      invoice = []
    }
    if (invoice.length === invoiceLinesMax) throw new MillraceError('bad_request', `invoice ${line.invoice} has more than ${invoiceLinesMax} lines, at line ${line.number}`)
    invoice.push(line)
  }
  if (invoice.length > 0) yield* invoiceEvents(invoice)
}

function* invoiceEvents(lines: readonly RetailLine[]): Generator<TrackCall> {
  const [first] = lines
  if (first === undefined) return
  const refund = first.invoice.startsWith('C')
  const total = lines.reduce((sum, { quantity, priceThousandths }) => sum + quantity * priceThousandths, 0)
  const base = {
    ...(first.customer === null ? { anonymousId: `guest-${first.invoice}` } : { userId: first.customer }), timestamp: first.time,
  }
  const order = {
    ...base,
    event: refund ? 'Order Refunded' : 'Order Completed',
    messageId: `retail-${first.invoice}-${first.number}`,
    properties: {
      order_id: first.invoice, value: (refund ? -total : total) / 1_000, currency: 'GBP', country: first.country,
      products: lines.map(({ product, name, quantity, priceThousandths }) => ({ product_id: product, name, quantity, price: priceThousandths / 1_000 })),
    },
  } satisfies TrackCall
  if (Buffer.byteLength(JSON.stringify(order)) <= orderBytesMax) {
    yield order
    return
  }
  yield { ...order, properties: { ...order.properties, products: [], product_count: lines.length } }
  for (const { number, product, name, quantity, priceThousandths } of lines) {
    yield {
      ...base,
      event: 'Ordered Product',
      messageId: `retail-${first.invoice}-${first.number}-${number}`,
      properties: {
        order_id: first.invoice, product_id: product, name, quantity, price: priceThousandths / 1_000,
        value: quantity * priceThousandths / 1_000, currency: 'GBP', country: first.country,
      },
    }
  }
}
