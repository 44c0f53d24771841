import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'

export interface TransportOptions {
  /** Where batches are posted. */
  readonly url: URL
  readonly writeKey: string
  readonly connections: number
  readonly timeoutMs: number
  readonly gzip: boolean
}

export interface TransportAnswer {
  readonly status: number
  readonly retryAfter: string | undefined
  readonly body: string
}

const compress = promisify(gzip)
/** Below it a packet is a packet. */
const gzipFromBytes = 1_024
const answerBytesMax = 4_194_304

/** Posts bodies over a few keep-alive connections that never keep the process alive by themselves. */
export class Transport {
  readonly #options: TransportOptions
  readonly #agent: HttpAgent
  readonly #headers: Readonly<Record<string, string>>
  readonly #stop = new AbortController()

  constructor(options: TransportOptions) {
    this.#options = options
    const settings = { keepAlive: true, maxSockets: options.connections, scheduling: 'lifo' as const }
    this.#agent = options.url.protocol === 'https:' ? new HttpsAgent(settings) : new HttpAgent(settings)
    this.#headers = {
      'content-type': 'application/json',
      authorization: `Basic ${Buffer.from(`${options.writeKey}:`).toString('base64')}`,
    }
  }

  /** Rejects where there is no answer within the timeout: nobody knows then what became of the body. */
  async post(text: string): Promise<TransportAnswer> {
    const plain = Buffer.from(text)
    if (!this.#options.gzip || plain.length < gzipFromBytes) return this.#send(plain, {})
    return this.#send(await compress(plain, { level: 1 }), { 'content-encoding': 'gzip' })
  }

  /** Ends what is under way; its answers are not waited for. */
  close(): void {
    this.#stop.abort()
    this.#agent.destroy()
  }

  #send(body: Buffer, headers: Readonly<Record<string, string>>): Promise<TransportAnswer> {
    const { url, timeoutMs } = this.#options
    const request = url.protocol === 'https:' ? httpsRequest : httpRequest
    return new Promise((resolve, reject) => {
      // Over the whole exchange: a server that sends a byte a second would outlive a timeout of the socket.
      const timer = setTimeout(() => call.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs).unref()
      const call = request(url, {
        method: 'POST', agent: this.#agent, signal: this.#stop.signal,
        headers: { ...this.#headers, ...headers, 'content-length': String(body.length) },
      }, (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
          if (text.length > answerBytesMax) call.destroy(new Error('the answer is too long'))
        })
        response.on('end', () => {
          clearTimeout(timer)
          resolve({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'], body: text })
        })
        response.on('error', reject)
      })
      call.on('socket', (socket) => socket.unref())
      call.on('error', (error) => {
        clearTimeout(timer)
        reject(error)
      })
      call.end(body)
    })
  }
}
