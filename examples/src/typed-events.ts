// Events with types: a misspelt name or property does not compile. Run it: MILLRACE_WRITE_KEY=... node examples/src/typed-events.ts
import { Millrace } from '@millrace/node'
import type { EcommerceEvents } from '@millrace/node/ecommerce'

interface ShopEvents extends EcommerceEvents {
  'Newsletter Joined': { list: string, source: 'footer' | 'checkout' }
}

const millrace = new Millrace<ShopEvents>({
  writeKey: process.env['MILLRACE_WRITE_KEY'] ?? '',
  host: process.env['MILLRACE_URL'] ?? 'http://127.0.0.1:8080',
})

millrace.track({ userId: 'customer-5', event: 'Newsletter Joined', properties: { list: 'weekly', source: 'footer' } })
millrace.track({ userId: 'customer-5', event: 'Order Completed', properties: { order_id: 'order-5', revenue: 9.9 } })
console.log(`left: ${(await millrace.close()).left}`)
