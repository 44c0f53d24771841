// Events that survive the crash of the process: they wait in a directory and go out with the next start.
// Run it: MILLRACE_WRITE_KEY=... MILLRACE_QUEUE=./millrace-queue node examples/src/durable-queue.ts
import { Millrace } from '@millrace/node'

const options = { writeKey: process.env['MILLRACE_WRITE_KEY'] ?? '', queueDir: process.env['MILLRACE_QUEUE'] ?? './millrace-queue' }

// A collector that is not there, and a process that gives up.
const first = new Millrace({ ...options, host: 'http://127.0.0.1:1' })
first.track({ userId: 'customer-7', event: 'Order Completed', properties: { order_id: 'order-7', revenue: 5 } })
console.log(`left: ${(await first.close({ timeoutMs: 0 })).left}`)

const second = new Millrace({ ...options, host: process.env['MILLRACE_URL'] ?? 'http://127.0.0.1:8080' })
await second.flush()
const { recovered, delivered } = second.stats()
console.log(`recovered: ${recovered}, delivered: ${delivered}`)
await second.close()
