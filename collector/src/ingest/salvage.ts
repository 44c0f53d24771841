/**
 * The slow, tolerant second look at a body that is no JSON as a whole. It cuts the body into pieces by strings
 * and brackets alone and never backs up, so its time and memory grow with the body's length only.
 */

/** Where a piece stands in the body: bytes from `start` up to `end`. */
export interface Piece {
  readonly start: number
  readonly end: number
  /** False if the body ended within it. */
  readonly whole: boolean
}

export interface Cut {
  /** Items of `batch`, or of the array that the body is. */
  readonly items: readonly Piece[]
  /** The values beside `batch`, by key; the last of equal keys, as JSON.parse has it. */
  readonly fields: ReadonlyMap<string, Piece>
}

const quote = 0x22
const comma = 0x2c
const colon = 0x3a
const backslash = 0x5c
const openSquare = 0x5b
const closeSquare = 0x5d
const openCurly = 0x7b
const closeCurly = 0x7d

const noCut: Cut = { items: [], fields: new Map() }

/** A body has few fields; what a broken one seems to have beyond this is noise. */
const fieldsMax = 64

/** At most `itemsMax` items are cut. */
export function cutBody(bytes: Uint8Array, itemsMax: number): Cut {
  const start = skipSpace(bytes, 0)
  if (bytes[start] === openSquare) return { items: cutItems(bytes, start + 1, itemsMax).items, fields: new Map() }
  if (bytes[start] === openCurly) return cutFields(bytes, start + 1, itemsMax)
  return noCut
}

function cutFields(bytes: Uint8Array, start: number, itemsMax: number): Cut {
  const fields = new Map<string, Piece>()
  let items: readonly Piece[] = []
  let at = start
  while (at < bytes.length && bytes[at] !== closeCurly && fields.size < fieldsMax) {
    at = skipSpace(bytes, at)
    if (bytes[at] !== quote) {
      at += 1
      continue
    }
    const keyEnd = stringEnd(bytes, at)
    const key = textOf(bytes, { start: at + 1, end: keyEnd - 1, whole: true })
    at = skipSpace(bytes, keyEnd)
    if (bytes[at] !== colon) continue
    at = skipSpace(bytes, at + 1)
    if (key === 'batch' && bytes[at] === openSquare) {
      const cut = cutItems(bytes, at + 1, itemsMax)
      items = cut.items
      at = cut.end
    } else {
      const piece = cutValue(bytes, at)
      fields.set(key, piece)
      at = piece.end
    }
  }
  return { items, fields }
}

/** From behind the opening bracket up to behind the closing one. */
function cutItems(bytes: Uint8Array, start: number, itemsMax: number): { items: readonly Piece[], end: number } {
  const items: Piece[] = []
  let at = skipSpace(bytes, start)
  while (at < bytes.length && items.length < itemsMax) {
    const byte = bytes[at]
    if (byte === closeSquare) return { items, end: at + 1 }
    if (byte === comma || byte === closeCurly) {
      at = skipSpace(bytes, at + 1)
      continue
    }
    const piece = cutValue(bytes, at)
    items.push(piece)
    at = skipSpace(bytes, piece.end)
  }
  return { items, end: at }
}

/** An object or array ends where its own kind of bracket closes, whatever the other kind does inside. */
function cutValue(bytes: Uint8Array, start: number): Piece {
  const first = bytes[start]
  if (first === quote) {
    const end = stringEnd(bytes, start)
    return { start, end, whole: end > start + 1 && bytes[end - 1] === quote }
  }
  if (first === openCurly) return cutBracket(bytes, start, closeCurly)
  if (first === openSquare) return cutBracket(bytes, start, closeSquare)
  let end = start
  while (end < bytes.length && !endsScalar(bytes[end])) end += 1
  // A stray bracket is a piece of its own, or the scan would stand still.
  return { start, end: Math.max(end, Math.min(start + 1, bytes.length)), whole: end < bytes.length }
}

function endsScalar(byte: number | undefined): boolean {
  return byte === comma || byte === closeSquare || byte === closeCurly
}

function cutBracket(bytes: Uint8Array, start: number, close: number): Piece {
  const open = bytes[start]
  let depth = 0
  for (let at = start; at < bytes.length;) {
    const byte = bytes[at]
    if (byte === quote) {
      at = stringEnd(bytes, at)
      continue
    }
    at += 1
    if (byte === open) depth += 1
    else if (byte === close) depth -= 1
    if (depth === 0) return { start, end: at, whole: true }
  }
  return { start, end: bytes.length, whole: false }
}

/** Behind the closing quote of the string that opens at `start`, or the end of the body. */
function stringEnd(bytes: Uint8Array, start: number): number {
  for (let at = start + 1; at < bytes.length; at += 1) {
    const byte = bytes[at]
    if (byte === backslash) at += 1
    else if (byte === quote) return at + 1
  }
  return bytes.length
}

function skipSpace(bytes: Uint8Array, start: number): number {
  let at = start
  while (at < bytes.length && isSpace(bytes[at])) at += 1
  return at
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

export function textOf(bytes: Uint8Array, piece: Piece): string {
  const length = Math.max(piece.end - piece.start, 0)
  return Buffer.from(bytes.buffer, bytes.byteOffset + piece.start, length).toString('utf8')
}

/**
 * JSON in which other languages wrote `NaN` and `Infinity`, made parsable: each becomes a number too great for a
 * double, which is dropped and flagged like any other. Null if there is none.
 */
export function withoutNonFinite(text: string): string | null {
  if (!/NaN|Infinity/.test(text)) return null
  let result = ''
  let copied = 0
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    if (unit === quote) at = textStringEnd(text, at)
    else if (unit === 0x4e && text.startsWith('NaN', at)) {
      result += `${text.slice(copied, at)}1e999`
      at += 2
      copied = at + 1
    } else if (unit === 0x49 && text.startsWith('Infinity', at)) {
      result += `${text.slice(copied, at)}1e999`
      at += 7
      copied = at + 1
    }
  }
  return result + text.slice(copied)
}

/** At the closing quote of the string that opens at `start`, or the end of the text. */
function textStringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    if (unit === backslash) at += 1
    else if (unit === quote) return at
  }
  return text.length
}
