/**
 * A process of its own that stands in a collector's place: inflates, parses, counts each event by the number in its
 * properties, answers 200 after the latency, or as the outage says. Arguments: latency in milliseconds, most events.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { gunzipSync } from 'node:zlib'

/** What the sink saw. */
export interface SinkCounts {
  readonly received: number
  readonly unique: number
  readonly requests: number
  /** Requests that were not answered with 200. */
  readonly failed: number
  readonly sockets: number
}

/** What it does to requests. */
export type SinkMode = 'ok' | 'unavailable' | 'too many' | 'reset'

const [latency, eventsMax] = process.argv.slice(2).map(Number)
const seen = new Uint8Array(eventsMax ?? 0)
const counts = { received: 0, unique: 0, requests: 0, failed: 0, sockets: 0 }
let mode: SinkMode = 'ok'

const server = createServer((request, response) => {
  take(request, response).catch(() => response.destroy())
})
server.on('connection', () => {
  counts.sockets += 1
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.send?.({ port: typeof address === 'object' ? address?.port : 0 })
})
process.on('message', (message) => {
  if (message === 'count') process.send?.(counts)
  else mode = modeOf(message)
})
process.on('disconnect', () => process.exit(0))

function modeOf(message: unknown): SinkMode {
  return message === 'unavailable' || message === 'too many' || message === 'reset' ? message : 'ok'
}

async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
  counts.requests += 1
  if (mode !== 'ok') return refuse(request, response)
  const chunks: Buffer[] = []
  for await (const chunk of request) if (Buffer.isBuffer(chunk)) chunks.push(chunk)
  const bytes = Buffer.concat(chunks)
  const body: unknown = JSON.parse((bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString())
  const batch: unknown = Reflect.get(Object(body), 'batch')
  const events: readonly unknown[] = Array.isArray(batch) ? batch : []
  for (const event of events) count(Number(Reflect.get(Object(Reflect.get(Object(event), 'properties')), 'n')))
  const results = Reflect.get(Object(body), 'wantResults') === true
    ? events.map((event) => ({ messageId: Reflect.get(Object(event), 'messageId'), result: 'ok' })) : undefined
  setTimeout(() => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ success: true, status: 1, results }))
  }, latency ?? 0)
}

function refuse(request: IncomingMessage, response: ServerResponse): void {
  counts.failed += 1
  if (mode === 'reset') {
    request.socket.resetAndDestroy()
    return
  }
  request.resume()
  if (mode === 'too many') response.setHeader('retry-after', '5')
  response.writeHead(mode === 'too many' ? 429 : 503).end()
}

function count(n: number): void {
  counts.received += 1
  if (seen[n] === 0) counts.unique += 1
  seen[n] = 1
}
