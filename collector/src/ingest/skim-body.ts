import { isUtf8 } from 'node:buffer'
import { type EventType, limits } from '@millrace/schemas'
import { JsonScan, keyHash, no, type Watch } from './json-scan.ts'
import { contextHas, type SkimmedContext, SkimmedEvent, type SkimmedShare, type SkimmedText, type TextField, textFields } from './skimmed-event.ts'

/** A body that was gone over once, its events hardly read. */
export interface SkimmedBody {
  /** A {@link SkimmedEvent} each, or a parsed one where it has to be judged with more care. */
  readonly events: readonly unknown[]
  readonly single: boolean
  /** Fields around the events: `writeKey`, `wantResults`, `sentAt`. */
  readonly head: Readonly<Record<string, unknown>>
  readonly shared: SkimmedShare
}

const quote = 0x22
const comma = 0x2c
const openBracket = 0x5b
const backslash = 0x5c
const closeBracket = 0x5d
const letterN = 0x6e
const letterT = 0x74
const openBrace = 0x7b

/**
 * Reads a body at one glance. Null if it is not of the form in which JSON.stringify writes: then it has to be parsed.
 * Nearly every client sends that form, and going over it costs a fraction of parsing it and writing it again.
 */
export function skimBody(bytes: Buffer, route: 'batch' | EventType): SkimmedBody | null {
  if (bytes[0] !== openBrace || !isUtf8(bytes)) return null
  const text = { bytes, oneByte: bytes.toString('latin1') }
  try {
    return route === 'batch' ? new BatchReader(text).read() : readSingle(text)
  } catch (error) {
    // A piece that the scan left to JSON.parse is no JSON.
    if (error instanceof SyntaxError) return null
    throw error
  }
}

function readSingle(text: SkimmedText): SkimmedBody | null {
  const scan = new JsonScan(text.bytes)
  const reader = new EventReader(text)
  const event = reader.read(scan, 0)
  if (event === null || event.end !== text.bytes.length || scan.odd) return null
  return { events: [event], single: true, head: { ...reader.asked, sentAt: event.sentAt }, shared: { context: undefined, integrations: undefined, keys: 0 } }
}

type Names<Name extends string> = ReadonlyMap<number, Name>

function named<const Name extends string>(names: readonly Name[]): Names<Name> {
  return new Map(names.map((name) => [keyHash(name), name]))
}

const bodyNames = named(['batch', 'writeKey', 'wantResults', 'sentAt', 'context', 'integrations'])
const eventNames = named([...textFields, 'properties', 'context', 'integrations', 'writeKey', 'wantResults', 'traits', 'malformed'])
const propertyNames = named(['value', 'revenue', 'total', 'price', 'quantity', 'currency', 'order_id', 'product_id'])
const contextNames = named(['ip', 'userAgent', 'direct', 'traits', 'device', 'externalIds'])

/** The name of the key that was read, if it is one of these. */
function nameOf<Name extends string>({ bytes, keyStart, keyEnd, keyHash: hash }: JsonScan, names: Names<Name>): Name | undefined {
  const name = names.get(hash)
  if (name === undefined || name.length !== keyEnd - keyStart) return undefined
  for (let index = 0; index < name.length; index += 1) if (bytes[keyStart + index] !== name.charCodeAt(index)) return undefined
  return name
}

/** The value that stands there, as JSON.parse gives it. */
function valueOf({ bytes, oneByte }: SkimmedText, start: number, end: number): unknown {
  return bytes[start] === quote && isPlain(bytes, start, end) ? oneByte.slice(start + 1, end - 1) : JSON.parse(bytes.toString('utf8', start, end))
}

/** Whether a text stands for itself: ASCII without escapes. */
function isPlain(bytes: Uint8Array, start: number, end: number): boolean {
  for (let index = start; index < end; index += 1) {
    const byte = bytes[index] ?? 0
    if (byte >= 0x80 || byte === backslash) return false
  }
  return true
}

/** The object around a list of events. */
class BatchReader implements Watch {
  readonly #text: SkimmedText
  readonly #scan: JsonScan
  readonly #head: Record<string, unknown> = {}
  #events: unknown[] | null = null
  #context: SkimmedContext | undefined = undefined
  #integrations: string | undefined = undefined
  /** Of what the events share. */
  #keys = 0
  #bytes = 0

  constructor(text: SkimmedText) {
    this.#text = text
    this.#scan = new JsonScan(text.bytes)
  }

  read(): SkimmedBody | null {
    const end = this.#scan.object(0, 0, this)
    if (end !== this.#text.bytes.length || this.#scan.odd || this.#events === null) return null
    const shared = { context: this.#context, integrations: this.#integrations, keys: this.#keys }
    return { events: this.#events, single: false, head: this.#head, shared }
  }

  value(scan: JsonScan, at: number, depth: number): number {
    if (scan.odd) return no
    const name = nameOf(scan, bodyNames)
    if (name === 'batch') return this.#readEvents(at)
    if ((name === 'context' || name === 'integrations') && scan.bytes[at] === openBrace) return this.#readShared(scan, at, { name, depth: depth + 1 })
    const end = scan.value(at, depth)
    if (end === no || scan.odd) return no
    if (name !== undefined) this.#head[name] = valueOf(this.#text, at, end)
    return end
  }

  #readShared(scan: JsonScan, at: number, { name, depth }: { readonly name: 'context' | 'integrations'; readonly depth: number }): number {
    const context = new ContextReader()
    scan.keys = 0
    const end = scan.object(at, depth, context)
    this.#keys += scan.keys
    this.#bytes += end - at
    // What is near a limit is for those who count exactly.
    if (end === no || scan.odd || this.#keys > limits.eventKeysMax - 10 || this.#bytes > limits.eventBytesMax - 100) return no
    const json = this.#text.oneByte.slice(at, end)
    if (name === 'context') this.#context = context.context(json)
    else this.#integrations = json
    return end
  }

  #readEvents(at: number): number {
    const scan = this.#scan
    const { bytes } = scan
    const reader = new EventReader(this.#text)
    const events: unknown[] = []
    this.#events = events
    if (bytes[at] !== openBracket) return no
    if (bytes[at + 1] === closeBracket) return at + 2
    for (let next = at + 1; events.length <= limits.bodyEventsMax;) {
      const event = reader.read(scan, next)
      if (event === null) return no
      events.push(scan.odd ? event.parsed() : event)
      scan.odd = false
      next = event.end + 1
      if (bytes[event.end] === closeBracket) return next
      if (bytes[event.end] !== comma) return no
    }
    return no
  }
}

/** The events of a body, one after the other. */
class EventReader implements Watch {
  /** Of the body of a single event, what is no part of the event. */
  readonly asked: Record<string, unknown> = {}
  readonly #text: SkimmedText
  readonly #properties = new PropertyReader()
  readonly #context = new ContextReader()
  #event: SkimmedEvent

  constructor(text: SkimmedText) {
    this.#text = text
    this.#event = new SkimmedEvent(text, 0)
  }

  /** Null if it is refused. Where `scan.odd` is set afterwards, only its ends are true. */
  read(scan: JsonScan, at: number): SkimmedEvent | null {
    const event = new SkimmedEvent(this.#text, at)
    this.#event = event
    scan.odd = false
    scan.keys = 0
    const end = scan.object(at, 1, this)
    if (end === no) return null
    event.end = end
    event.keys = scan.keys
    return event
  }

  value(scan: JsonScan, at: number, depth: number): number {
    const name = nameOf(scan, eventNames)
    const first = scan.bytes[at]
    if (name === undefined) return this.#readOther(scan, at, depth)
    // As good as nothing, for an event's own fields.
    if (first === letterN) return scan.value(at, depth)
    switch (name) {
      case 'properties':
      case 'context':
      case 'integrations':
        if (first === openBrace) return this.#readObject(scan, at, { name, depth })
        scan.odd = true
        return scan.value(at, depth)
      case 'traits':
      case 'malformed':
        scan.odd = true
        return scan.value(at, depth)
      case 'writeKey':
      case 'wantResults':
        return this.#readAsked(scan, at, { name, depth })
      default:
        return this.#readText(scan, at, { name, depth })
    }
  }

  #readOther(scan: JsonScan, at: number, depth: number): number {
    const start = scan.keyStart - 1
    const end = scan.value(at, depth)
    if (end === no) return no
    this.#event.others ??= []
    this.#event.others.push(this.#text.oneByte.slice(start, end))
    return end
  }

  #readObject(scan: JsonScan, at: number, { name, depth }: { readonly name: 'properties' | 'context' | 'integrations'; readonly depth: number }): number {
    const { oneByte } = this.#text
    const event = this.#event
    if (name === 'properties') {
      const end = scan.object(at, depth, this.#properties.begin())
      event.properties = oneByte.slice(at, end)
      event.hasOddProperty = this.#properties.isOdd
      return end
    }
    if (name === 'context') {
      const end = scan.object(at, depth, this.#context.begin())
      event.context = this.#context.context(oneByte.slice(at, end))
      return end
    }
    const end = scan.value(at, depth)
    event.integrations = oneByte.slice(at, end)
    return end
  }

  #readAsked(scan: JsonScan, at: number, { name, depth }: { readonly name: string; readonly depth: number }): number {
    const end = scan.value(at, depth)
    if (end !== no) this.asked[name] = valueOf(this.#text, at, end)
    return end
  }

  #readText(scan: JsonScan, at: number, { name, depth }: { readonly name: TextField; readonly depth: number }): number {
    const { escapes } = scan
    const end = scan.value(at, depth)
    if (end === no) return no
    if (scan.bytes[at] !== quote || scan.escapes !== escapes) {
      scan.odd = true
    } else if (isPlain(scan.bytes, at, end)) {
      this.#event[name] = this.#text.oneByte.slice(at + 1, end - 1)
    } else {
      this.#event[name] = this.#text.bytes.toString('utf8', at + 1, end - 1)
      this.#event.hasWideText = true
    }
    return end
  }
}

/** Digits before the point of what certainly fits a column of money. */
const amountDigitsMax = 12

/** Whether each property that has a column of its own certainly fits there. */
class PropertyReader implements Watch {
  isOdd = false

  begin(): this {
    this.isOdd = false
    return this
  }

  value(scan: JsonScan, at: number, depth: number): number {
    const name = nameOf(scan, propertyNames)
    const first = scan.bytes[at] ?? 0
    const end = scan.value(at, depth)
    if (name !== undefined && end !== no && !this.#fits(scan, name, first)) this.isOdd = true
    return end
  }

  #fits({ wholeDigits, hasFraction }: JsonScan, name: string, first: number): boolean {
    if (first === letterN) return true
    const isKey = name === 'order_id' || name === 'product_id'
    if (first === quote) return isKey || name === 'currency'
    const isNumber = first <= 0x39
    if (isKey || name === 'quantity') return isNumber && !hasFraction
    return isNumber && name !== 'currency' && wholeDigits <= amountDigitsMax
  }
}

class ContextReader implements Watch {
  #bits = 0
  #keys: number[] = []

  begin(): this {
    this.#bits = 0
    this.#keys = []
    return this
  }

  context(json: string): SkimmedContext {
    return { json, bits: this.#bits, keys: this.#keys }
  }

  value(scan: JsonScan, at: number, depth: number): number {
    this.#keys.push(scan.keyHash)
    const name = nameOf(scan, contextNames)
    if (name !== undefined) this.#bits |= bitOf(name, scan.bytes[at] ?? 0)
    return scan.value(at, depth)
  }
}

/** @param first byte of the value. */
function bitOf(name: string, first: number): number {
  if (name === 'direct') return first === letterT ? contextHas.direct : 0
  if (name !== 'ip' && name !== 'userAgent') return contextHas.identifiers
  if (first === letterN) return contextHas.emptyAddress
  return name === 'ip' ? contextHas.ip : contextHas.userAgent
}
