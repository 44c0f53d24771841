// The same on Hono. Run it: MILLRACE_WRITE_KEY=... node examples/src/hono-shop.ts, then: curl -X POST localhost:3000/orders
import { serve } from '@hono/node-server'
import { Millrace } from '@millrace/node'
import { millraceContext } from '@millrace/node/hono'
import { Hono } from 'hono'

const millrace = new Millrace({
  writeKey: process.env['MILLRACE_WRITE_KEY'] ?? '',
  host: process.env['MILLRACE_URL'] ?? 'http://127.0.0.1:8080',
})

const app = new Hono()
app.use(millraceContext(millrace))
app.post('/orders', (context) => {
  const result = millrace.track({ userId: 'customer-4', event: 'Order Completed', properties: { order_id: 'order-4', revenue: 29.9, currency: 'EUR' } })
  return context.json(result, 201)
})

const server = serve({ fetch: app.fetch, port: Number(process.env['PORT'] ?? 3000), hostname: '127.0.0.1' }, ({ port }) => {
  console.log(`listening on http://127.0.0.1:${port}`)
})
process.once('SIGTERM', () => {
  server.close(() => void millrace.close({ timeoutMs: 5_000 }))
})
