import type { IncomingMessage, ServerResponse } from 'node:http'

/** What a client may still send behind a refusal before its connection is closed: it reads the answer only once it has sent all. */
const drainMs = 500
const drainBytesMax = 67_108_864

export interface NodeAnswer {
  readonly status: number
  /** JSON text. */
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
}

/**
 * The path of a request whose target is nothing but a path, to a host that needs no second look; null for any other, which the
 * general way is for.
 */
export function plainPath({ url, headers }: IncomingMessage): string | null {
  const { host } = headers
  if (url === undefined || host === undefined || !/^\/[\w/-]*$/.test(url) || !/^[\w.-]+(?::\d+)?$/.test(host)) return null
  return url.length > 1 && url.endsWith('/') ? url.slice(0, -1) : url
}

/** Writes an answer straight to Node's response. */
export function answerNode(incoming: IncomingMessage, outgoing: ServerResponse, { status, body, headers }: NodeAnswer): void {
  if (outgoing.destroyed) return
  outgoing.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body) })
  if (!incoming.readableEnded) outgoing.once('finish', () => drain(incoming))
  outgoing.end(body)
}

function drain(incoming: IncomingMessage): void {
  if (incoming.readableEnded || incoming.destroyed) return
  let bytes = 0
  const close = (): void => incoming.socket.destroySoon()
  const timer = setTimeout(close, drainMs)
  incoming.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > drainBytesMax) close()
  })
  incoming.once('close', () => clearTimeout(timer))
  incoming.once('end', () => clearTimeout(timer))
  incoming.resume()
}
