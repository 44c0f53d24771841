import { lookup as resolve } from 'node:dns'
import { Agent as HttpAgent, type ClientRequest, type IncomingMessage, request as httpRequest, type RequestOptions } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import type { Clock } from '../platform/clock.ts'
import { type AttemptError, type AttemptResult, retryAfterMs } from './delivery-policy.ts'
import { isPublicAddress } from './public-address.ts'

export interface WebhookRequest {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Sends one message once. Never rejects: what goes wrong is part of the result. */
export interface WebhookPoster {
  post(request: WebhookRequest): Promise<AttemptResult>
  close(): void
}

export interface PosterOptions {
  readonly allowPrivate: boolean
  /** From the look-up of the name to the end of the answer. */
  readonly timeoutMs: number
  readonly clock: Clock
  /** How a name becomes addresses; the system's resolver unless told. */
  readonly lookup?: LookupFunction
}

/** An answer is read to reuse the connection, so far. */
const answerBytesMax = 65_536
const idleSocketsMax = 16

class AddressRefused extends Error {}

/**
 * HTTP by Node's own client: no proxy, no redirect, no cookie. A name is looked up once and the connection goes to the
 * addresses that were checked, so no second look-up can point it elsewhere.
 */
export function webhookPoster(options: PosterOptions): WebhookPoster {
  const sockets = { keepAlive: true, maxFreeSockets: idleSocketsMax }
  const http = new HttpAgent(sockets)
  const https = new HttpsAgent(sockets)
  const lookup = options.allowPrivate ? options.lookup : checkedLookup(options.lookup ?? systemLookup)
  return {
    post: ({ url, headers, body }) => {
      const target = new URL(url)
      const secure = target.protocol === 'https:'
      const request: RequestOptions = {
        method: 'POST', agent: secure ? https : http,
        headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) },
        ...(lookup === undefined ? {} : { lookup }),
      }
      const host = target.hostname.replace(/^\[(.*)\]$/, '$1')
      // A look-up is only made for names, so a literal is judged here.
      const refused = !options.allowPrivate && ((isIP(host) !== 0 && !isPublicAddress(host)) || !secure)
      return attempt(options, refused ? null : () => (secure ? httpsRequest : httpRequest)(target, request), body)
    },
    close: () => {
      http.destroy()
      https.destroy()
    },
  }
}

function attempt({ clock, timeoutMs }: PosterOptions, open: (() => ClientRequest) | null, body: string): Promise<AttemptResult> {
  const at = clock.now()
  return new Promise((done) => {
    const finish = (result: { status?: number | undefined; error?: AttemptError; retryAfter?: string | undefined }): void => {
      clearTimeout(timer)
      const now = clock.now()
      done({
        at, durationMs: Math.max(0, now - at), status: result.status ?? null, error: result.error ?? null, retryAfterMs: retryAfterMs(result.retryAfter, now),
      })
    }
    const request = open?.()
    const timer = setTimeout(() => {
      finish({ error: 'timeout' })
      request?.destroy()
    }, timeoutMs)
    if (request === undefined) {
      finish({ error: 'address_refused' })
      return
    }
    request.on('error', (error) => finish({ error: errorOf(error) }))
    request.on('response', (response) => readAnswer(response, (error) => finish({
      status: response.statusCode, retryAfter: response.headers['retry-after'], ...(error === undefined ? {} : { error }),
    })))
    request.end(body)
  })
}

/** The status counts once the answer has ended, or is longer than anybody needs. */
function readAnswer(response: IncomingMessage, ended: (error?: AttemptError) => void): void {
  let bytes = 0
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= answerBytesMax) return
    ended()
    response.destroy()
  })
  response.on('end', () => ended())
  response.on('error', () => ended('interrupted'))
}

function errorOf(error: Error): AttemptError {
  if (error instanceof AddressRefused) return 'address_refused'
  const code = 'code' in error ? String(error.code) : ''
  if (/^(?:ENOTFOUND|EAI_)/.test(code)) return 'dns'
  return /^(?:ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|UNABLE_TO|SELF_SIGNED|EPROTO)/.test(code) ? 'tls' : 'network'
}

const systemLookup: LookupFunction = (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, addresses) => callback(error, addresses))
}

/** Refuses a name if any of its addresses is not public: a name that points both ways is no honest one. */
function checkedLookup(lookup: LookupFunction): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      const addresses = typeof found === 'string' ? [{ address: found, family: isIP(found) }] : found
      const [first] = addresses ?? []
      if (error !== null || first === undefined) {
        callback(error ?? new Error(`${hostname} has no address`), [])
      } else if (addresses.some(({ address }) => !isPublicAddress(address))) {
        callback(new AddressRefused(`${hostname} points at an address that is not public`), [])
      } else if (options.all === true) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }
}
