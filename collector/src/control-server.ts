import { randomBytes, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { rmSync, writeFileSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { join } from 'node:path'
import type { Handler } from './platform/channel.ts'
import { MillraceError, messageOf } from './platform/errors.ts'

export interface ControlServer {
  close(): Promise<void>
}

export function controlFile(dataDirectory: string): string {
  return join(dataDirectory, 'control.json')
}

/** A block of an import is the largest: 200 events of 32 KiB and what their quotes take. */
const bodyBytesMax = 16_777_216

/**
 * The operator's door: commands on the same machine reach the running collector through a loopback port whose
 * address and secret stand in a file of mode 0600 in the data directory. Whoever can read that file owns the data anyway.
 */
export async function startControl(dataDirectory: string, handlers: ReadonlyMap<string, Handler>): Promise<ControlServer> {
  const token = randomBytes(32).toString('base64url')
  // The token says more than a host's name does, and Node's own refusal has no body.
  const server = createServer({ requireHostHeader: false }, (request, response) => {
    answer(request, { handlers, token }).then((value) => send(response, 200, { value })).catch((error: unknown) => {
      const known = error instanceof MillraceError
      send(response, known && error.code === 'unauthorized' ? 401 : 400, {
        code: known ? error.code : 'internal', message: messageOf(error), retryable: known && error.retryable,
      })
    })
  })
  server.on('clientError', refuse)
  const port = await listen(server)
  const path = controlFile(dataDirectory)
  rmSync(path, { force: true })
  writeFileSync(path, JSON.stringify({ url: `http://127.0.0.1:${port}`, token, pid: process.pid }), { mode: 0o600 })
  return {
    close: async () => {
      rmSync(path, { force: true })
      server.closeAllConnections()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
    },
  }
}

async function answer(request: IncomingMessage, { handlers, token }: { handlers: ReadonlyMap<string, Handler>; token: string }): Promise<unknown> {
  const given = Buffer.from(request.headers.authorization ?? '')
  const wanted = Buffer.from(`Bearer ${token}`)
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) throw new MillraceError('unauthorized', 'wrong control token')
  const handler = handlers.get((request.url ?? '').slice(1))
  if (handler === undefined) throw new MillraceError('bad_request', 'the running collector does not know this command; is it another version?')
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    const piece = Buffer.from(chunk)
    bytes += piece.length
    if (bytes > bodyBytesMax) throw new MillraceError('body_too_large', 'control request too large')
    chunks.push(piece)
  }
  return handler(bytes === 0 ? {} : paramsOf(Buffer.concat(chunks)))
}

function paramsOf(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf8', { fatal: true }).decode(body))
  } catch (error) {
    throw new MillraceError('bad_request', 'the body is not JSON', { cause: error })
  }
}

/** What never became a request. */
function refuse(error: Error & { readonly code?: string }, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const body = JSON.stringify({ code: 'bad_request', message: 'this is not HTTP, or its headers are too long', retryable: false })
  socket.end(`HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json', 'x-content-type-options': 'nosniff', 'content-length': Buffer.byteLength(text) }).end(text)
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      if (typeof address === 'object' && address !== null) resolve(address.port)
      else reject(new MillraceError('internal', 'no control address'))
    })
  })
}
