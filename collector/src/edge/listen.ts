import type { IncomingMessage, Server } from 'node:http'
import { createServer } from 'node:http'
import type { Duplex } from 'node:stream'
import { getRequestListener, RequestError } from '@hono/node-server'
import { limits } from '@millrace/schemas'
import { MillraceError, messageOf } from '../platform/errors.ts'
import { openFilesMax } from '../platform/open-files.ts'
import type { EdgeApp } from './edge-app.ts'

export interface ListenOptions {
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  readonly headersTimeoutMs?: number
  /** For headers and body together; a connection that takes longer is closed. */
  readonly requestTimeoutMs?: number
  readonly headersBytesMax?: number
  /** Open connections; above: idle ones are closed, and until there is room new ones too. */
  readonly connectionsMax?: number
  /** How long open requests may take once `close` is called, milliseconds. */
  readonly closeTimeoutMs?: number
}

export interface Listening {
  readonly url: string
  /** Accepts no more, finishes what is open, and after `closeTimeoutMs` cuts off what is left. */
  close(): Promise<void>
}

/**
 * Connections that wait to be accepted; the system's own bound is often as high. Where there is no room for another one
 * the client's system tries again after a second, then after three: far longer than anybody waits here.
 */
const backlogMax = 4_096

/** Above the 60 s after which usual load balancers drop an idle connection: they must be the ones to close it. */
const keepAliveTimeoutMs = 65_000

/** Serves the app. Fails with `unavailable` if the address cannot be had. */
export async function listen(app: Pick<EdgeApp, 'fetch' | 'takeNode'>, options: ListenOptions): Promise<Listening> {
  const headersTimeout = options.headersTimeoutMs ?? limits.headersTimeoutMs
  const requestTimeout = options.requestTimeoutMs ?? headersTimeout + limits.bodyTimeoutMs
  const server = createServer({
    headersTimeout,
    requestTimeout,
    keepAliveTimeout: keepAliveTimeoutMs,
    maxHeaderSize: options.headersBytesMax ?? limits.headersBytesMax,
    connectionsCheckingInterval: Math.min(1_000, headersTimeout / 2),
  })
  const listener = getRequestListener((request, bindings) => app.fetch(request, bindings), { hostname: options.host, errorHandler: failed })
  server.on('request', (incoming: IncomingMessage, outgoing) => {
    if (app.takeNode(incoming, outgoing)) return
    listener(incoming, outgoing).catch(() => outgoing.destroy())
  })
  server.on('clientError', refuse)
  boundConnections(server, options.connectionsMax ?? connectionsBound())
  await bind(server, options)
  return {
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${portOf(server)}`,
    close: () => close(server, options.closeTimeoutMs ?? 10_000),
  }
}

function connectionsBound(): number {
  return Math.min(limits.connectionsMax, Math.floor((openFilesMax() ?? Number.POSITIVE_INFINITY) / 2))
}

/**
 * Each connection is a file descriptor, and the log needs some too. At the bound those that only wait for a next
 * request make room for whoever comes; those that are within one have its time limits.
 */
function boundConnections(server: Server, connectionsMax: number): void {
  server.maxConnections = connectionsMax
  // Closing is only worth a look at all connections once in a while.
  let closedAt = 0
  server.on('drop', () => {
    const now = performance.now()
    if (now - closedAt < 100) return
    closedAt = now
    server.closeIdleConnections()
  })
}

/** What fails before or after the app, whose own errors never come here. */
function failed(error: unknown): Response {
  const bad = error instanceof RequestError
  const body = bad
    ? '{"success":false,"error":{"code":"bad_request","message":"the URL cannot be read","retryable":false}}'
    : '{"success":false,"error":{"code":"internal","message":"something went wrong inside the collector","retryable":true}}'
  return new Response(body, { status: bad ? 400 : 503, headers: { 'Content-Type': 'application/json', 'X-Content-Type-Options': 'nosniff' } })
}

function bind(server: Server, { host, port }: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(new MillraceError('unavailable', `cannot listen on ${host}:${port}: ${messageOf(error)}`, { cause: error }))
    server.once('error', fail)
    server.listen({ port, host, backlog: backlogMax }, () => {
      server.off('error', fail)
      resolve()
    })
  })
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new MillraceError('internal', 'the server has no port')
  return address.port
}

/**
 * What never became a request. Node would say 408 to a slow client and 431 to long headers; SDKs throw a batch away
 * on both, so the first is a closed connection and the second a 413.
 */
function refuse(error: Error & { code?: string }, socket: Duplex): void {
  if (!socket.writable || error.code === 'ERR_HTTP_REQUEST_TIMEOUT' || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const tooLong = error.code === 'HPE_HEADER_OVERFLOW'
  const body = tooLong
    ? '{"success":false,"error":{"code":"body_too_large","message":"the headers are too long","retryable":false}}'
    : '{"success":false,"error":{"code":"bad_request","message":"this is not HTTP","retryable":false}}'
  socket.end(`HTTP/1.1 ${tooLong ? '413 Payload Too Large' : '400 Bad Request'}\r\nConnection: close\r\n`
    + `Access-Control-Allow-Origin: *\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
}

async function close(server: Server, timeoutMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve())
  })
  // A connection whose request is answered later than this call would otherwise be kept alive.
  const sweep = setInterval(() => server.closeIdleConnections(), 50)
  const cutOff = setTimeout(() => server.closeAllConnections(), timeoutMs)
  try {
    await closed
  } finally {
    clearInterval(sweep)
    clearTimeout(cutOff)
  }
}
