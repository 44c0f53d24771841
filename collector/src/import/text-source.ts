import { open } from 'node:fs/promises'
import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { MillraceError, messageOf } from '../platform/errors.ts'

export interface TextSource {
  /** A label as the Encoding Standard has it; null: UTF-8, or UTF-16 where a byte order mark says so. */
  readonly encoding: string | null
  /** Hears the bytes of the file read so far. */
  readonly onRead: (bytes: number) => void
}

const pieceBytes = 262_144

/**
 * A file, or `-` for standard input, as text in pieces; gzip is known by its first bytes. A byte order mark is left out.
 * Fails with `not_found` for no file, `bad_request` for damaged gzip, an unknown encoding, and bytes that are not of the
 * encoding, naming the line.
 */
export async function* textPieces(path: string, { encoding, onRead }: TextSource): AsyncGenerator<string> {
  const raw = path === '-' ? process.stdin : await openFile(path)
  let bytes = 0
  raw.on('data', (piece: Buffer | string) => onRead(bytes += piece.length))
  const reader = new PieceReader(path, encoding)
  try {
    for await (const piece of await expanded(raw)) yield reader.decode(piece, false)
    yield reader.decode(Buffer.alloc(0), true)
  } catch (error) {
    if (error instanceof MillraceError) throw error
    throw new MillraceError('bad_request', `${path} cannot be read on: ${messageOf(error)}`, { cause: error })
  } finally {
    raw.destroy()
  }
}

class PieceReader {
  readonly #path: string
  readonly #encoding: string | null
  #decoder: InstanceType<typeof TextDecoder> | null = null
  #lines = 0

  constructor(path: string, encoding: string | null) {
    this.#path = path
    this.#encoding = encoding
  }

  decode(piece: Buffer, last: boolean): string {
    this.#decoder ??= decoderOf(this.#encoding ?? markedEncoding(piece))
    const { encoding } = this.#decoder
    try {
      const text = this.#decoder.decode(piece, { stream: !last })
      this.#lines += lineEnds(text)
      return text
    } catch (error) {
      const readable = new TextDecoder(encoding).decode(piece)
      const line = this.#lines + lineEnds(readable.slice(0, Math.max(0, readable.indexOf('\ufffd')))) + 1
      throw new MillraceError('bad_request',
        `${this.#path} is not ${encoding}: line ${line} holds bytes that are none; name its encoding, such as --encoding windows-1252`, { cause: error })
    }
  }
}

function lineEnds(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count += 1
  return count
}

function decoderOf(encoding: string): InstanceType<typeof TextDecoder> {
  try {
    return new TextDecoder(encoding, { fatal: true })
  } catch (error) {
    throw new MillraceError('bad_request', `--encoding: ${JSON.stringify(encoding)} is not known; utf-8, utf-16le, windows-1252 and shift_jis are some that are`, { cause: error })
  }
}

function markedEncoding(piece: Buffer): string {
  if (piece[0] === 0xff && piece[1] === 0xfe) return 'utf-16le'
  return piece[0] === 0xfe && piece[1] === 0xff ? 'utf-16be' : 'utf-8'
}

async function openFile(path: string): Promise<Readable> {
  try {
    const file = await open(path)
    if ((await file.stat()).isDirectory()) throw new Error('it is a directory')
    return file.createReadStream({ highWaterMark: pieceBytes })
  } catch (error) {
    throw new MillraceError('not_found', `${path} cannot be read: ${messageOf(error)}`, { cause: error })
  }
}

/** The pieces as they are, or those within the gzip. */
async function expanded(raw: Readable): Promise<AsyncIterable<Buffer>> {
  const pieces = raw[Symbol.asyncIterator]()
  const first = await pieces.next()
  const head: Buffer = first.done === true ? Buffer.alloc(0) : Buffer.from(first.value)
  const all = joined(head, pieces)
  if (head[0] !== 0x1f || head[1] !== 0x8b) return all
  const gunzip = createGunzip({ chunkSize: pieceBytes })
  // A failure on either side ends both, and whoever iterates hears of it.
  return pipeline(Readable.from(all), gunzip, () => undefined)
}

async function* joined(head: Buffer, rest: AsyncIterator<unknown>): AsyncGenerator<Buffer> {
  yield head
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
    const piece: unknown = next.value
    if (piece instanceof Uint8Array) yield Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
  }
}
