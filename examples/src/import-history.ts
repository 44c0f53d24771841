// Many events in one loop: `ready()` paces it, the ids make it safe to run again.
// Run it: MILLRACE_WRITE_KEY=... node examples/src/import-history.ts
import { Millrace } from '@millrace/node'

const millrace = new Millrace({
  writeKey: process.env['MILLRACE_WRITE_KEY'] ?? '',
  host: process.env['MILLRACE_URL'] ?? 'http://127.0.0.1:8080',
  queueEventsMax: 1_000,
})

for (let number = 1; number <= 5_000; number += 1) {
  await millrace.ready()
  const result = millrace.track({
    userId: 'customer-6', event: 'Order Completed', messageId: `old-shop-order-${number}`, timestamp: new Date(Date.UTC(2025, 0, 1) + number * 60_000),
    properties: { order_id: `old-${number}`, revenue: number },
  })
  if (!result.ok) throw new Error(`order ${number} was refused: ${result.message}`)
}
const { left } = await millrace.close({ timeoutMs: 60_000 })
console.log(`left: ${left}, delivered: ${millrace.stats().delivered}`)
