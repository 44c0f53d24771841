// A visitor looks around, checks out with an e-mail, logs in: three ids, one profile.
// Run it: MILLRACE_WRITE_KEY=... MILLRACE_SECRET_KEY=... node examples/src/checkout-merge.ts
import { setTimeout as sleep } from 'node:timers/promises'
import { Millrace } from '@millrace/node'

const host = process.env['MILLRACE_URL'] ?? 'http://127.0.0.1:8080'
const millrace = new Millrace({ writeKey: process.env['MILLRACE_WRITE_KEY'] ?? '', host })
const anonymousId = 'browser-7'

millrace.track({ anonymousId, event: 'Product Viewed', properties: { product_id: 'lamp' } })
millrace.identify({ anonymousId, traits: { email: 'ada@example.com', firstName: 'Ada' } })
millrace.track({ anonymousId, event: 'Checkout Started', properties: { order_id: 'order-7', revenue: 49.9 } })
// Logged in now: this call is the evidence that browser-7 and customer-7 are one person.
millrace.identify({ anonymousId, userId: 'customer-7' })
millrace.track({ userId: 'customer-7', event: 'Order Completed', properties: { order_id: 'order-7', revenue: 49.9 } })
await millrace.close()

// The order came with the customer's id alone, and is found by the browser's, moments after it was accepted.
const authorization = `Bearer ${process.env['MILLRACE_SECRET_KEY'] ?? ''}`
let card = ''
for (let tries = 0; tries < 100 && !card.includes('Order Completed'); tries++) {
  await sleep(100)
  card = await (await fetch(`${host}/v1/profiles?anonymousId=${anonymousId}`, { headers: { authorization } })).text()
}
console.log(card)
