import type http from 'node:http'
import type { Agent, IncomingMessage } from 'node:http'
import { promisify } from 'node:util'

export interface TransportOptions {
  /** Where batches are posted. */
  readonly url: URL
  readonly writeKey: string
  readonly connections: number
  readonly gzip: boolean
}

/** A whole answer of whoever listens there. */
export interface TransportAnswer {
  readonly status: number
  readonly retryAfter: string | undefined
  readonly body: string
}

/** No whole answer came: nobody knows what became of the body. */
export interface TransportFailure {
  readonly status: null
  readonly message: string
  readonly timedOut: boolean
}

/** Below it a packet is a packet. */
const gzipFromBytes = 1_024
const answerCharactersMax = 4_194_304

/** Posts bodies over a few keep-alive connections that never keep the process alive by themselves. */
export class Transport {
  readonly #options: TransportOptions
  readonly #http: Pick<typeof http, 'Agent' | 'request'>
  readonly #agent: Agent
  readonly #headers: Readonly<Record<string, string>>
  readonly #stop = new AbortController()

  constructor(options: TransportOptions) {
    this.#options = options
    // Not before a client is made: these modules are most of what an import would cost.
    this.#http = process.getBuiltinModule(options.url.protocol === 'https:' ? 'node:https' : 'node:http')
    this.#agent = new this.#http.Agent({ keepAlive: true, maxSockets: options.connections, scheduling: 'lifo' })
    this.#headers = {
      'content-type': 'application/json',
      authorization: `Basic ${Buffer.from(`${options.writeKey}:`).toString('base64')}`,
    }
  }

  /** Never rejects. `timeoutMs` covers the whole exchange. */
  async post(plain: Buffer, timeoutMs: number): Promise<TransportAnswer | TransportFailure> {
    try {
      const gzipped = this.#options.gzip && plain.length >= gzipFromBytes
      const exchange = {
        // On the thread pool: the event loop belongs to the host.
        body: gzipped ? await promisify(process.getBuiltinModule('node:zlib').gzip)(plain, { level: 1 }) : plain,
        headers: gzipped ? { ...this.#headers, 'content-encoding': 'gzip' } : this.#headers,
        timeoutMs,
      }
      const first = await this.#exchange(exchange)
      if (!('stale' in first)) return first
      // The collector had closed a connection that lay idle, or the process was frozen meanwhile. That says nothing of
      // the collector; other idle connections are as old.
      this.#dropIdle()
      const second = await this.#exchange(exchange)
      return 'stale' in second ? second.failure : second
    } catch (error) {
      return failure(error, false)
    }
  }

  /** Ends what is under way; its answers are not waited for. */
  close(): void {
    this.#stop.abort()
    this.#agent.destroy()
  }

  #dropIdle(): void {
    for (const sockets of Object.values(this.#agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy()
  }

  #exchange({ body, headers, timeoutMs }: Exchange): Promise<TransportAnswer | TransportFailure | StaleConnection> {
    const { url } = this.#options
    return new Promise((resolve) => {
      let timedOut = false
      let answered = false
      const end = (answer: TransportAnswer | TransportFailure | StaleConnection): void => {
        clearTimeout(timer)
        resolve(answer)
      }
      // Over the whole exchange: a server that sends a byte a second would outlive a timeout of the socket.
      const timer = setTimeout(() => {
        timedOut = true
        call.destroy(new Error(`no answer within ${timeoutMs} ms`))
      }, timeoutMs).unref()
      const call = this.#http.request(url, {
        method: 'POST', agent: this.#agent, signal: this.#stop.signal, headers: { ...headers, 'content-length': String(body.length) },
      }, (response) => {
        answered = true
        readBody(response).then((text) => end({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'], body: text }), (error) => {
          call.destroy()
          end(failure(error, timedOut))
        })
      })
      call.on('socket', (socket) => socket.unref())
      call.on('error', (error) => {
        const failed = failure(error, timedOut)
        end(call.reusedSocket && !answered && !timedOut && !this.#stop.signal.aborted ? { stale: true, failure: failed } : failed)
      })
      call.end(body)
    })
  }
}

interface Exchange {
  readonly body: Buffer
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
}

/** A kept connection broke before a byte of the answer came. */
interface StaleConnection {
  readonly stale: true
  readonly failure: TransportFailure
}

function readBody(response: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => {
      text += chunk
      if (text.length > answerCharactersMax) reject(new Error('the answer is too long'))
    })
    response.on('end', () => resolve(text))
    response.on('error', reject)
  })
}

function failure(error: unknown, timedOut: boolean): TransportFailure {
  return { status: null, message: error instanceof Error ? error.message || error.name : String(error), timedOut }
}
