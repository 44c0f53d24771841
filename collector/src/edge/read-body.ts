import type { IncomingMessage } from 'node:http'
import { MillraceError } from '../platform/errors.ts'

export interface BodyBounds {
  readonly bytesMax: number
  /** For the whole body, milliseconds. */
  readonly timeoutMs: number
  /** Told how much there is after each piece; what it throws ends the reading. */
  arrived(bytes: number): void
}

/** The connection is gone before the body was whole, so nobody reads an answer. */
export class BodyInterrupted extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'BodyInterrupted'
  }
}

/**
 * The declared length of a body, undefined where the client does not know it beforehand. Fails with
 * `body_too_large` above the limit and with `bad_request` if it is no number.
 */
export function declaredLength(header: string | undefined, bytesMax: number): number | undefined {
  if (header === undefined) return undefined
  if (!/^\d{1,15}$/.test(header)) throw new MillraceError('bad_request', 'Content-Length is not a number')
  const bytes = Number(header)
  if (bytes > bytesMax) throw tooLarge(bytesMax)
  return bytes
}

/**
 * Reads the body of a Node request, counting. Fails with `body_too_large`, or with {@link BodyInterrupted} after
 * closing the connection of a client that stalls: SDKs send again after a reset, while a status would make some of
 * them throw the batch away.
 */
export function readIncoming(incoming: IncomingMessage, bounds: BodyBounds): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const finish = (): void => {
      clearTimeout(timer)
      incoming.off('data', take)
      incoming.off('end', end)
      incoming.off('close', close)
    }
    const take = (chunk: Buffer): void => {
      bytes += chunk.length
      try {
        count(bytes, bounds)
        chunks.push(chunk)
      } catch (error) {
        finish()
        reject(error instanceof Error ? error : new Error(String(error)))
      }
    }
    const end = (): void => {
      finish()
      const [first] = chunks
      resolve(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, bytes))
    }
    const close = (): void => {
      finish()
      reject(new BodyInterrupted('the client closed the connection within its body'))
    }
    const timer = setTimeout(() => {
      finish()
      incoming.socket.destroy()
      reject(new BodyInterrupted(`the body did not come within ${bounds.timeoutMs} ms`))
    }, bounds.timeoutMs)
    incoming.on('data', take)
    incoming.on('end', end)
    incoming.on('close', close)
    // What it says also ends in 'close'; without a listener it would end the process.
    incoming.on('error', ignore)
    if (incoming.destroyed) close()
  })
}

/** The same for a fetch Request, whose connection is not ours to close. */
export async function readRequest(request: Request, bounds: BodyBounds): Promise<Uint8Array> {
  const body: ReadableStream<Uint8Array> | null = request.body
  if (body === null) return new Uint8Array(0)
  const chunks: Uint8Array[] = []
  let bytes = 0
  const reader = body.getReader()
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    bytes += part.value.length
    try {
      count(bytes, bounds)
    } catch (error) {
      await reader.cancel()
      throw error
    }
    chunks.push(part.value)
  }
  return Buffer.concat(chunks, bytes)
}

function count(bytes: number, bounds: BodyBounds): void {
  if (bytes > bounds.bytesMax) throw tooLarge(bounds.bytesMax)
  bounds.arrived(bytes)
}

function ignore(): void {}

function tooLarge(bytesMax: number): MillraceError {
  return new MillraceError('body_too_large', `a body may have at most ${bytesMax} bytes on the wire`)
}
