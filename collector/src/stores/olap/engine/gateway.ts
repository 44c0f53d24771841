import { timingSafeEqual, hash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { MillraceError, messageOf } from '../../../platform/errors.ts'
import { uuidV7 } from '@millrace/schemas'
import { engineBodyBytesMax, type EngineRequest, readEngineRequest } from './engine-request.ts'
import { EngineError } from './engine-error.ts'
import type { EngineAnswer } from './engine-sessions.ts'

export interface GatewayOptions {
  /** Who may ask; any user name goes with it. */
  readonly password: string
  run(request: EngineRequest): Promise<EngineAnswer>
}

/** Two processes of ours with a few clients each; every one may bring a body. */
const connectionsMax = 64

/**
 * The part of ClickHouse's HTTP interface that its official client uses, in front of the embedded engine: so that one
 * driver serves the engine and a server. For the loopback address only.
 */
export function createGateway(options: GatewayOptions): Server {
  // Parameters travel in the URL: as long a one as a server takes (its http_max_uri_size).
  const server = createServer({ keepAliveTimeout: 30_000, requestTimeout: 300_000, maxHeaderSize: 1_048_576 }, (request, response) => {
    answer(request, response, options).catch((error: unknown) => {
      // A body that nobody will read must not hold the connection.
      if (!request.complete) response.setHeader('connection', 'close')
      sendError(response, error)
    })
  })
  server.maxConnections = connectionsMax
  return server
}

async function answer(request: IncomingMessage, response: ServerResponse, { password, run }: GatewayOptions): Promise<void> {
  const target = new URL(request.url ?? '/', 'http://engine')
  if (target.pathname === '/ping') {
    response.end('Ok.\n')
    return
  }
  if (!isAllowed(request, target, password)) throw new EngineError(516, 'Code: 516. DB::Exception: Authentication failed: wrong user name or password. (AUTHENTICATION_FAILED)')
  if (target.pathname !== '/') throw new EngineError(404, `there is nothing at ${target.pathname}`)
  const parsed = readEngineRequest(target, await readBody(request), request.headers['content-encoding'])
  // A GET may only read, as on a server.
  const settings = request.method === 'GET' ? new Map(parsed.settings).set('readonly', '1') : parsed.settings
  const begin = performance.now()
  const { bytes, rowsRead, bytesRead, rowsWritten } = await run({ ...parsed, settings })
  response.writeHead(200, {
    'content-type': 'text/plain; charset=UTF-8',
    'x-clickhouse-query-id': parsed.queryId ?? uuidV7(Date.now()),
    'x-clickhouse-format': parsed.format,
    'x-clickhouse-server-display-name': 'millrace-embedded',
    'x-clickhouse-summary': JSON.stringify({
      read_rows: String(rowsRead), read_bytes: String(bytesRead), written_bytes: '0',
      ...(rowsWritten === null ? {} : { written_rows: String(rowsWritten) }),
      total_rows_to_read: '0', result_rows: '0', result_bytes: String(bytes.length), elapsed_ns: String(Math.round((performance.now() - begin) * 1e6)),
    }),
  })
  response.end(bytes)
}

async function readBody(request: IncomingMessage): Promise<readonly Buffer[]> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) continue
    bytes += chunk.length
    if (bytes > engineBodyBytesMax) throw new MillraceError('body_too_large', `a body may have ${engineBodyBytesMax} bytes`)
    chunks.push(chunk)
  }
  return chunks
}

function isAllowed(request: IncomingMessage, target: URL, password: string): boolean {
  const basic = /^Basic (.+)$/.exec(request.headers.authorization ?? '')?.[1]
  const fromBasic = basic === undefined ? undefined : Buffer.from(basic, 'base64').toString().split(':').slice(1).join(':')
  const header = request.headers['x-clickhouse-key']
  const given = typeof header === 'string' ? header : (fromBasic ?? target.searchParams.get('password') ?? '')
  // Over digests, which have one length.
  return timingSafeEqual(hash('sha256', given, 'buffer'), hash('sha256', password, 'buffer'))
}

/** Statuses as a server gives them for its codes. */
function statusOf(code: number): number {
  if (code === 516) return 403
  if (code === 60 || code === 81 || code === 404) return 404
  if (code === 159) return 408
  if (code === 241) return 500
  return [27, 36, 41, 46, 47, 62, 69, 73, 115, 164, 344, 358, 396, 457, 497].includes(code) ? 400 : 500
}

function sendError(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  const code = error instanceof EngineError ? error.code : 1002
  const known = error instanceof MillraceError ? { bad_request: 400, body_too_large: 413, overloaded: 503 }[String(error.code)] : undefined
  response.writeHead(known ?? statusOf(code), { 'content-type': 'text/plain; charset=UTF-8', 'x-clickhouse-exception-code': String(code) })
  response.end(error instanceof EngineError ? error.message : `Code: ${code}. DB::Exception: ${messageOf(error)}. (UNKNOWN_EXCEPTION)`)
}
