// A shop's server on Express: what it tracks carries the visitor's browser id, address and page by itself.
// Run it: MILLRACE_WRITE_KEY=... node examples/src/express-shop.ts, then: curl -X POST localhost:3000/orders
import { createServer } from 'node:http'
import { Millrace } from '@millrace/node'
import { Ecommerce } from '@millrace/node/ecommerce'
import { millraceContext } from '@millrace/node/express'
import express from 'express'

const millrace = new Millrace({
  writeKey: process.env['MILLRACE_WRITE_KEY'] ?? '',
  host: process.env['MILLRACE_URL'] ?? 'http://127.0.0.1:8080',
})
const shop = new Ecommerce(millrace)

const app = express()
app.use(millraceContext(millrace))
app.use(express.json())
app.post('/orders', (_request, response) => {
  shop.orderCompleted({ userId: 'customer-3', properties: { order_id: 'order-3', revenue: 19.9, currency: 'EUR', products: [{ product_id: 'lamp' }] } })
  response.status(201).end()
})

const server = createServer(app).listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => {
  const address = server.address()
  console.log(`listening on http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`)
})
process.once('SIGTERM', () => {
  // Requests first, then the events they made.
  server.close(() => void millrace.close({ timeoutMs: 5_000 }))
})
