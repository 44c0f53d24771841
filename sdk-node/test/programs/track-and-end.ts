// Tracks and comes to its natural end, without flush or close. Arguments: host, events, request timeout in milliseconds, exit timeout.
import { Millrace } from '../../src/index.ts'

const [host = '', events = '3', httpRequestTimeout = '10000', exitTimeoutMs = '2000'] = process.argv.slice(2)
const client = new Millrace({ writeKey: 'wk', host, flushInterval: 60_000, httpRequestTimeout: Number(httpRequestTimeout), exitTimeoutMs: Number(exitTimeoutMs) })
for (let index = 0; index < Number(events); index += 1) client.track({ userId: 'u', event: 'Order Completed', messageId: `m${index}` })
