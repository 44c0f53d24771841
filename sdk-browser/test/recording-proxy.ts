import { once } from 'node:events'
import { createServer, request, type Server, type ServerResponse } from 'node:http'
import { eventsOf } from './fake-browser.ts'

export interface Recorded {
  readonly method: string
  /** Message ids of its events. */
  readonly ids: readonly string[]
}

/** Stands before a collector and writes down what came over the wire; answers 503 itself while `isDown`. */
export class RecordingProxy {
  readonly recorded: Recorded[] = []
  isDown = false
  delayMs = 0
  readonly #server: Server
  #target = ''

  constructor() {
    this.#server = createServer((incoming, outgoing) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('end', () => {
        const body = Buffer.concat(chunks)
        const method = incoming.method ?? ''
        this.recorded.push({ method, ids: method === 'POST' ? eventsOf(body.toString()).map(({ messageId }) => String(messageId)) : [] })
        if (this.isDown) this.#refuse(outgoing, incoming.headers.origin)
        else setTimeout(() => this.#forward(body, incoming, outgoing), this.delayMs)
      })
    })
  }

  async listen(target: string): Promise<string> {
    this.#target = target
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
    return `http://127.0.0.1:${address.port}`
  }

  /** Of one event each, in the order they came. */
  get ids(): readonly string[] {
    return this.recorded.flatMap(({ ids }) => ids)
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #refuse(outgoing: ServerResponse, origin: string | undefined): void {
    outgoing.writeHead(503, { 'access-control-allow-origin': origin ?? '*', 'content-type': 'application/json' }).end('{"success":false}')
  }

  #forward(body: Buffer, incoming: { readonly url?: string | undefined; readonly method?: string | undefined; readonly headers: NodeJS.Dict<string | string[]> }, outgoing: ServerResponse): void {
    const onward = request(`${this.#target}${incoming.url ?? ''}`, { method: incoming.method, headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    onward.on('error', () => outgoing.destroy())
    onward.end(body)
  }
}
