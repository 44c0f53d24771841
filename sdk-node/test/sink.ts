import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { gunzipSync } from 'node:zlib'

export interface SinkRequest {
  readonly ids: readonly string[]
  readonly body: Readonly<Record<string, unknown>>
  readonly headers: IncomingMessage['headers']
}

/** What the sink answers; undefined: 200 with `ok` for every event. */
export type SinkAnswer = (request: SinkRequest, response: ServerResponse, number: number) => boolean | Promise<boolean>

/** A collector's place on a free port, which keeps what it is sent. `answer` returns true if it answered itself. */
export class Sink {
  readonly requests: SinkRequest[] = []
  readonly #server: Server
  answer: SinkAnswer = () => false
  /** Connections it was opened. */
  sockets = 0

  private constructor() {
    this.#server = createServer((request, response) => void this.#take(request, response))
    this.#server.on('connection', () => {
      this.sockets += 1
    })
  }

  static async start(): Promise<Sink> {
    const sink = new Sink()
    sink.#server.listen(0, '127.0.0.1')
    await once(sink.#server, 'listening')
    return sink
  }

  get host(): string {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}` : ''
  }

  /** Every id of every request, in order of arrival. */
  get ids(): readonly string[] {
    return this.requests.flatMap(({ ids }) => ids)
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) if (Buffer.isBuffer(chunk)) chunks.push(chunk)
    const raw = Buffer.concat(chunks)
    const body: Record<string, unknown> = JSON.parse((request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw).toString())
    const batch = Array.isArray(body['batch']) ? body['batch'] : []
    const taken: SinkRequest = { ids: batch.map((event: unknown) => String(Reflect.get(Object(event), 'messageId'))), body, headers: request.headers }
    this.requests.push(taken)
    if (await this.answer(taken, response, this.requests.length)) return
    response.end(JSON.stringify({ success: true, stored: 'log', results: taken.ids.map((messageId) => ({ messageId, result: 'ok' })) }))
  }
}
