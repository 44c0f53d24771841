import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { MillraceError } from '../../platform/errors.ts'
import { connectionFailure, statusFailure } from './connection-failure.ts'
import { type PulsarAddress, readTrusted } from './pulsar-address.ts'

export interface AdminRequest {
  readonly method: 'DELETE' | 'GET' | 'POST' | 'PUT'
  /** After `/admin/v2/`. */
  readonly path: string
  readonly body?: unknown
  readonly contentType?: string
}

export interface AdminAnswer {
  readonly status: number
  /** Parsed JSON; undefined without a body. */
  readonly value: unknown
}

const answerMsMax = 10_000
const answerBytesMax = 16_777_216
const redirectsMax = 3

/** The broker's administration over HTTP. A broker that another one owns the topic of redirects there, and is followed. */
export class PulsarAdmin {
  readonly #address: PulsarAddress
  readonly #agent: HttpAgent

  constructor(address: PulsarAddress) {
    this.#address = address
    const ca = readTrusted(address)
    this.#agent = address.admin.startsWith('https:')
      ? new HttpsAgent({ keepAlive: true, maxSockets: 16, ...(ca === undefined ? {} : { ca }) })
      : new HttpAgent({ keepAlive: true, maxSockets: 16 })
  }

  /**
   * The answer where it is a success or one of the statuses in `also`. Fails with `bad_config` (refused for good) or
   * `unavailable` (retryable).
   */
  async ask(request: AdminRequest, also: readonly number[] = []): Promise<AdminAnswer> {
    let url = `${this.#address.admin}/admin/v2/${request.path}`
    for (let redirects = 0; ; redirects += 1) {
      const { status, location, text } = await this.#send(url, request)
      if (location !== undefined && status >= 300 && status < 400 && redirects < redirectsMax) {
        url = new URL(location, url).toString()
        continue
      }
      if ((status >= 200 && status < 300) || also.includes(status)) return { status, value: valueOf(text) }
      throw statusFailure(new URL(this.#address.admin).host, status, `${request.method} ${request.path}: ${text}`)
    }
  }

  close(): void {
    this.#agent.destroy()
  }

  #send(url: string, { method, body, contentType = 'application/json' }: AdminRequest): Promise<{ status: number; location: string | undefined; text: string }> {
    const token = this.#address.token()
    const { shown } = this.#address
    return new Promise((resolve, reject) => {
      const failed = (error: unknown): void => reject(connectionFailure(`${shown} (administration ${this.#address.admin})`, error))
      const send = url.startsWith('https:') ? httpsRequest : httpRequest
      const ownAgent = new URL(url).protocol === new URL(this.#address.admin).protocol
      const outgoing = send(url, {
        method, ...(ownAgent ? { agent: this.#agent } : {}), signal: AbortSignal.timeout(answerMsMax),
        headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': contentType }), ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
      }, (incoming) => {
        const chunks: Buffer[] = []
        let bytes = 0
        incoming.on('data', (chunk: Buffer) => {
          chunks.push(chunk)
          bytes += chunk.length
          if (bytes > answerBytesMax) incoming.destroy(new MillraceError('unavailable', `the administration of Pulsar at ${shown} answers without end`))
        })
        incoming.on('error', failed)
        incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, location: incoming.headers.location, text: Buffer.concat(chunks).toString() }))
      })
      outgoing.on('error', failed)
      outgoing.end(body === undefined ? undefined : JSON.stringify(body))
    })
  }
}

function valueOf(text: string): unknown {
  if (text === '') return undefined
  try {
    const value: unknown = JSON.parse(text)
    return value
  } catch {
    // Some answers are plain words.
    return text
  }
}
