import { randomBytes, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { rmSync, writeFileSync } from 'node:fs'
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
  const server = createServer((request, response) => {
    answer(request, { handlers, token }).then(
      (value) => send(response, 200, { value }),
      (error: unknown) => send(response, error instanceof MillraceError && error.code === 'unauthorized' ? 401 : 400, {
        code: error instanceof MillraceError ? error.code : 'internal', message: messageOf(error),
        retryable: error instanceof MillraceError && error.retryable,
      }),
    )
  })
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
  const params: unknown = bytes === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString('utf8'))
  return handler(params)
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
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
