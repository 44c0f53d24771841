import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { gunzipSync } from 'node:zlib'

/** Takes what any SDK sends, says yes to it, and counts the numbered events in it by their marks, `evt-7-`. */
export class EventSink {
  readonly #server: Server
  readonly #seen = new Map<string, number>()
  requests = 0

  constructor() {
    this.#server = createServer((incoming, outgoing) => {
      const headers = {
        'access-control-allow-origin': incoming.headers.origin ?? '*', 'access-control-allow-credentials': 'true',
        'access-control-allow-headers': incoming.headers['access-control-request-headers'] ?? '*', 'access-control-allow-methods': 'GET, POST, OPTIONS',
        'cross-origin-resource-policy': 'cross-origin', 'content-type': 'application/json',
      }
      this.requests++
      if (incoming.method === 'OPTIONS') {
        outgoing.writeHead(204, headers).end()
        return
      }
      bodyOf(incoming).then((text) => {
        for (const [mark] of text.matchAll(/evt-\d+-/g)) this.#seen.set(mark, (this.#seen.get(mark) ?? 0) + 1)
        outgoing.writeHead(200, headers).end(answerTo(text))
      }, () => outgoing.destroy())
    })
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the sink has no port')
    return `http://127.0.0.1:${address.port}`
  }

  /** Different events that came, and those among them that came more than once. */
  get counts(): { readonly arrived: number; readonly twice: number } {
    return { arrived: this.#seen.size, twice: [...this.#seen.values()].filter((times) => times > 1).length }
  }

  forget(): void {
    this.#seen.clear()
    this.requests = 0
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) if (Buffer.isBuffer(chunk)) chunks.push(chunk)
  const body = Buffer.concat(chunks)
  const text = (body[0] === 0x1f && body[1] === 0x8b ? gunzipSync(body) : body).toString()
  // PostHog's beacon is a form field of base64.
  const field = /^data=([^&]+)/.exec(text)?.[1]
  return `${incoming.url ?? ''}${text}${field === undefined ? '' : Buffer.from(decodeURIComponent(field), 'base64').toString()}`
}

/** What our own client reads; the others take any success. */
function answerTo(text: string): string {
  if (!text.includes('"wantResults":true')) return '{"status":1,"success":true}'
  const batch: unknown = Reflect.get(Object(JSON.parse(text.slice(text.indexOf('{')))), 'batch')
  return JSON.stringify({ success: true, stored: 'log', results: Array.isArray(batch) ? batch.map(() => ({ result: 'ok' })) : [] })
}
