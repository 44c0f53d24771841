// One event to a collector. Run it: MILLRACE_WRITE_KEY=... node examples/src/first-event.ts
import { Millrace } from '@millrace/node'

const millrace = new Millrace({
  writeKey: process.env['MILLRACE_WRITE_KEY'] ?? '',
  host: process.env['MILLRACE_URL'] ?? 'http://127.0.0.1:8080',
  onDropped: ({ reason }) => console.error(`not delivered: ${reason}`),
})

const result = millrace.track({
  userId: 'customer-1',
  event: 'Order Completed',
  properties: { order_id: 'order-1', revenue: 49.9, currency: 'EUR', products: [{ product_id: 'lamp', quantity: 1, price: 49.9 }] },
})
if (!result.ok) throw new Error(`refused: ${result.reason}`)

const { left } = await millrace.close()
if (left === 0) console.log(`sent ${result.messageId}`)
