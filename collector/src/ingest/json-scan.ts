import { limits } from '@millrace/schemas'

const quote = 0x22
const comma = 0x2c
const minus = 0x2d
const point = 0x2e
const zero = 0x30
const nine = 0x39
const colon = 0x3a
const openBracket = 0x5b
const backslash = 0x5c
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d

/** What is no part of the form that is scanned: the whole text is for JSON.parse. */
export const no = -1

/** Decimal numbers of so many digits come out of a double as they went in (IEEE 754; DBL_DIG of C). */
const exactDigits = 15
/** Below one millionth a number is written with an exponent. */
const zerosBehindPointMax = 5
/** Keys of one object, each of which is compared with those before it, and of all objects that are open at once. */
const objectKeysMax = 100
const openKeysMax = 1_024

const escapes = new Set(Array.from('"\\bfnrt', (letter) => letter.charCodeAt(0)))

/** Looks at the values of an object as they come by. */
export interface Watch {
  /** Scans the value of the key that the scan has just read, and gives the place behind it, or {@link no}. */
  value(scan: JsonScan, at: number, depth: number): number
}

/**
 * Goes over JSON without making anything of it. Takes only the form in which JSON.stringify writes, without blanks;
 * whatever else is either refused, or marked as {@link odd}: then the text may even be no JSON. What is neither is,
 * byte for byte, what JSON.stringify(JSON.parse(text)) gives.
 */
export class JsonScan {
  readonly bytes: Uint8Array
  /** JSON.stringify would write something else, or a store could not take it; to be reset by whoever asks. */
  odd = false
  /** Keys so far, to be reset likewise. */
  keys = 0
  /** Backslashes so far. */
  escapes = 0
  /** Of the last number. */
  wholeDigits = 0
  hasFraction = false
  /** The key whose value comes next: its place between the quotes, and a hash of its bytes that two different keys may share. */
  keyStart = 0
  keyEnd = 0
  keyHash = 0
  readonly #open = openKeys
  #top = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  /** The place behind the value at `at`. `depth`: of the object or array that this would be. */
  value(at: number, depth: number): number {
    const byte = this.bytes[at] ?? 0
    if (byte === quote) return this.#stringEnd(at + 1)
    if (byte === openBrace) return this.object(at, depth, null)
    if (byte === openBracket) return this.#array(at, depth)
    if (byte === minus || (byte >= zero && byte <= nine)) return this.#number(at)
    return this.#word(at, byte)
  }

  object(at: number, depth: number, watch: Watch | null): number {
    const { bytes } = this
    const base = this.#top
    if (bytes[at] !== openBrace || depth > limits.eventDepthMax) return no
    let next = at + 1
    if (bytes[next] === closeBrace) return next + 1
    for (;;) {
      if (bytes[next] !== quote) return no
      const start = next + 1
      const end = this.#keyEnd(start)
      if (end === no || bytes[end + 1] !== colon) return no
      this.#notice(base, end - start)
      if (watch === null) {
        next = this.value(end + 2, depth + 1)
      } else {
        this.keyStart = start
        this.keyEnd = end
        next = watch.value(this, end + 2, depth + 1)
      }
      if (next === no || this.#top - base > objectKeysMax || this.#top > openKeysMax) return no
      const byte = bytes[next]
      next += 1
      if (byte === comma) continue
      this.#top = base
      return byte === closeBrace ? next : no
    }
  }

  #array(at: number, depth: number): number {
    const { bytes } = this
    if (depth > limits.eventDepthMax) return no
    let next = at + 1
    if (bytes[next] === closeBracket) return next + 1
    for (;;) {
      next = this.value(next, depth + 1)
      if (next === no) return no
      const byte = bytes[next]
      next += 1
      if (byte === closeBracket) return next
      if (byte !== comma) return no
    }
  }

  #stringEnd(at: number): number {
    const { bytes } = this
    for (let next = at; ; next += 1) {
      const byte = bytes[next] ?? 0
      if (byte === quote) return next + 1
      if (byte < 0x20) return no
      if (byte !== backslash) continue
      next += 1
      this.escapes += 1
      // `\/` and `\u` are JSON, yet nothing that JSON.stringify writes for what a store can take.
      if (!escapes.has(bytes[next] ?? 0)) this.odd = true
    }
  }

  /** The closing quote of a key; its hash goes on top of the open keys. */
  #keyEnd(start: number): number {
    const { bytes } = this
    const first = bytes[start] ?? 0
    // JSON.parse puts keys that are indexes before the others.
    if (first >= zero && first <= nine) this.odd = true
    let hash = 0
    for (let next = start; ; next += 1) {
      const byte = bytes[next] ?? 0
      if (byte === quote) {
        this.#open[this.#top] = hash
        return next
      }
      // A key with a point in it may say the same as an object in an object.
      if (byte < 0x20 || byte === backslash) return no
      if (byte === point) this.odd = true
      hash = (Math.imul(hash, 31) + byte) | 0
    }
  }

  #notice(base: number, length: number): void {
    const open = this.#open
    const top = this.#top
    const hash = open[top] ?? 0
    for (let index = base; index < top; index += 1) if (open[index] === hash) this.odd = true
    if (hash === protoHash && length === proto.length) this.odd = true
    this.keyHash = hash
    this.#top = top + 1
    this.keys += 1
  }

  #number(at: number): number {
    const { bytes } = this
    let next = bytes[at] === minus ? at + 1 : at
    const whole = next
    next = this.#digitsEnd(next)
    this.wholeDigits = next - whole
    this.hasFraction = bytes[next] === point
    const isZero = bytes[whole] === zero
    if (this.wholeDigits === 0 || (isZero && this.wholeDigits > 1)) return no
    let digits = this.wholeDigits
    if (this.hasFraction) {
      const fraction = next + 1
      next = this.#digitsEnd(fraction)
      if (next === fraction) return no
      digits += next - fraction
      if (bytes[next - 1] === zero || (isZero && this.#startsWithZeros(fraction))) this.odd = true
    } else if (isZero && whole > at) {
      this.odd = true
    }
    if (digits > exactDigits) this.odd = true
    // An exponent: for JSON.parse.
    return ((bytes[next] ?? 0) | 0x20) === 0x65 ? this.#exponentEnd(next) : next
  }

  #digitsEnd(at: number): number {
    const { bytes } = this
    let next = at
    for (let byte = bytes[next] ?? 0; byte >= zero && byte <= nine; byte = bytes[next] ?? 0) next += 1
    return next
  }

  #startsWithZeros(fraction: number): boolean {
    for (let index = 0; index <= zerosBehindPointMax; index += 1) if (this.bytes[fraction + index] !== zero) return false
    return true
  }

  #exponentEnd(at: number): number {
    this.odd = true
    const sign = this.bytes[at + 1] ?? 0
    const digits = sign === minus || sign === 0x2b ? at + 2 : at + 1
    const end = this.#digitsEnd(digits)
    return end === digits ? no : end
  }

  #word(at: number, first: number): number {
    const word = words.get(first)
    if (word === undefined) return no
    for (let index = 1; index < word.length; index += 1) if (this.bytes[at + index] !== word[index]) return no
    return at + word.length
  }
}

/** One scan at a time: it never waits for anything. */
const openKeys = new Int32Array(openKeysMax + 2)

const words: ReadonlyMap<number, Uint8Array> = new Map(['true', 'false', 'null'].map((word) => [word.charCodeAt(0), Buffer.from(word)] as const))

/** What {@link JsonScan.keyHash} is for a name in ASCII. */
export function keyHash(name: string): number {
  let hash = 0
  for (let index = 0; index < name.length; index += 1) hash = (Math.imul(hash, 31) + name.charCodeAt(index)) | 0
  return hash
}

const proto = '__proto__'
const protoHash = keyHash(proto)
