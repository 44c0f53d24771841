import zlib from 'node:zlib'
import { limits } from '@millrace/schemas'
import { MillraceError } from '../platform/errors.ts'

type Inflate = (bytes: Uint8Array, options: InflateOptions) => unknown

interface InflateOptions {
  readonly maxOutputLength: number
  readonly info: true
  readonly params?: Record<number, number>
}

/** 8 MiB, which every encoder's usual level stays within; a frame that asks for more would cost its size in memory. */
const zstdWindowLogMax = 23

/**
 * The body as its client wrote it. Compressed bodies are known by their `Content-Encoding` or, as a page in a
 * browser cannot set that header without a preflight, by gzip's first bytes.
 *
 * Fails with `body_too_large` above `limits.decodedBodyBytesMax`, and with `bad_body` for an encoding nobody
 * announced here, a cut-off stream, or anything after its end.
 */
export function decodeBody(bytes: Uint8Array, contentEncoding: string | undefined): Uint8Array {
  const inflate = inflateFor(contentEncoding?.trim().toLowerCase() ?? '', bytes)
  if (inflate === null) return withinLimit(bytes)
  try {
    return wholeOutput(inflate(bytes, { maxOutputLength: limits.decodedBodyBytesMax, info: true }), bytes.length)
  } catch (error) {
    if (error instanceof MillraceError) throw error
    if (codeOf(error) === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(error)
    throw new MillraceError('bad_body', 'the compressed body is damaged or cut off', { cause: error })
  }
}

function inflateFor(encoding: string, bytes: Uint8Array): Inflate | null {
  switch (encoding) {
    case '':
    case 'identity':
      return isGzip(bytes) ? zlib.gunzipSync : null
    case 'gzip':
    case 'x-gzip':
      return zlib.gunzipSync
    case 'deflate':
      return isZlib(bytes) ? zlib.inflateSync : zlib.inflateRawSync
    case 'br':
      return zlib.brotliDecompressSync
    case 'zstd':
      return inflateZstd
    default:
      throw new MillraceError('bad_body', 'Content-Encoding may be gzip, deflate, br or zstd')
  }
}

function inflateZstd(bytes: Uint8Array, options: InflateOptions): unknown {
  const params = { [zlib.constants.ZSTD_d_windowLogMax]: zstdWindowLogMax }
  return zlib.zstdDecompressSync(bytes, { ...options, params })
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b
}

/** "deflate" means zlib's framing (RFC 9110, 8.4.1.2), yet some clients send the bare stream. */
function isZlib(bytes: Uint8Array): boolean {
  const first = bytes[0] ?? 0
  return (first & 0x0f) === 8 && ((first << 8) + (bytes[1] ?? 0)) % 31 === 0
}

/** With `info` zlib also says how much it read; except for gzip it stops at the stream's end without a word. */
function wholeOutput(result: unknown, inputBytes: number): Uint8Array {
  if (!isInflated(result)) throw new MillraceError('internal', 'zlib answered in an unknown form')
  if (result.engine.bytesWritten !== inputBytes) {
    throw new MillraceError('bad_body', 'something follows the end of the compressed body')
  }
  return withinLimit(result.buffer)
}

function isInflated(value: unknown): value is { buffer: Uint8Array, engine: { bytesWritten: number } } {
  return typeof value === 'object' && value !== null && 'buffer' in value && value.buffer instanceof Uint8Array
    && 'engine' in value && typeof value.engine === 'object' && value.engine !== null
    && 'bytesWritten' in value.engine && typeof value.engine.bytesWritten === 'number'
}

function withinLimit(bytes: Uint8Array): Uint8Array {
  if (bytes.length > limits.decodedBodyBytesMax) throw tooLarge()
  return bytes
}

function tooLarge(cause?: unknown): MillraceError {
  return new MillraceError('body_too_large', `a body may decompress to at most ${limits.decodedBodyBytesMax} bytes`,
    { cause })
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
