import { isUtf8 } from 'node:buffer'
import { type EventType, eventTypes, limits } from '@millrace/schemas'
import { messageOf, MillraceError } from '../platform/errors.ts'
import { textOfOneByte } from '../platform/one-byte-text.ts'
import { isObject } from './is-object.ts'
import { skimBody, type SkimmedBody } from './skim-body.ts'
import type { SkimmedShare } from './skimmed-event.ts'
import { type Cut, cutBody, textOf, withoutNonFinite } from './salvage.ts'

/** A request's body, taken apart but not yet judged. */
export interface Envelope {
  readonly writeKey?: string
  /** The client takes `retry` results instead of a 503. */
  readonly wantResults: boolean
  /** As the client wrote it. */
  readonly sentAt?: unknown
  /** Merged into every item; the item's own keys win. */
  readonly context?: unknown
  readonly integrations?: unknown
  /** One event, as the single routes take it, rather than a list. */
  readonly single: boolean
  readonly items: readonly EnvelopeItem[]
  /** Bytes that were no UTF-8 were replaced somewhere in the body. */
  readonly replacedUtf8: boolean
  /** No string of the body can hold half a surrogate pair or a NUL: valid UTF-8 carries them as escapes only. */
  readonly plainText: boolean
  /** Where the body was skimmed: what its events share, which is within all limits. Its items are skimmed events or parsed ones. */
  readonly shared?: SkimmedShare
  /** The bytes of an item as they came. Slow: for what goes to quarantine. */
  rawOf(index: number): Uint8Array
}

/** A JSON value, or a {@link BrokenItem}. */
export type EnvelopeItem = unknown

/** A piece of a broken body that is no JSON either. */
export class BrokenItem {
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}

/**
 * Takes a decoded body apart. A body that is no JSON is cut into its items and each judged alone. Fails with
 * `bad_body` if no event can be cut out, and with `body_too_large` above `limits.bodyEventsMax` events.
 */
export function readEnvelope(body: Uint8Array, route: 'batch' | EventType): Envelope {
  const bytes = withoutByteOrderMark(body)
  if (bytes.length === 0) throw new MillraceError('bad_body', 'the body is empty')
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const skimmed = skimBody(buffer, route)
  return skimmed === null ? parsedEnvelope(buffer, route) : new SkimmedEnvelope(buffer, skimmed)
}

/** The same from nothing but JSON.parse, at several times the price. */
export function parsedEnvelope(bytes: Buffer, route: 'batch' | EventType): Envelope {
  const text = bytes.toString('utf8')
  const encoding = encodingOf(bytes, text)
  const parsed = parse(text)
  if ('error' in parsed) return salvaged(bytes, { ...encoding, why: messageOf(parsed.error) })
  const parts = arranged(parsed.value, route)
  return { ...parts, ...encoding, rawOf: parts.single ? () => bytes : rawItems(bytes) }
}

/** A class, since getters of an object literal get a hidden class of their own each time, which keeps the body until the next full collection. */
class SkimmedEnvelope implements Envelope {
  readonly writeKey?: string
  readonly wantResults: boolean
  readonly sentAt: unknown
  readonly single: boolean
  readonly items: readonly EnvelopeItem[]
  readonly replacedUtf8 = false
  readonly plainText = false
  readonly shared: SkimmedShare
  readonly #bytes: Buffer
  readonly #head: Readonly<Record<string, unknown>>
  #cut: Cut | null = null

  constructor(bytes: Buffer, { events, single, head: fields, shared }: SkimmedBody) {
    const { writeKey, wantResults, sentAt } = head(fields)
    if (writeKey !== undefined) this.writeKey = writeKey
    this.wantResults = wantResults
    this.sentAt = sentAt
    this.single = single
    this.items = withinCount(events)
    this.shared = shared
    this.#bytes = bytes
    this.#head = fields
  }

  /** Only an item that is judged with more care asks for it, and for the integrations. */
  get context(): unknown {
    return wholeOf(this.shared.context?.json, this.#head['context'])
  }

  get integrations(): unknown {
    return wholeOf(this.shared.integrations, this.#head['integrations'])
  }

  rawOf(index: number): Uint8Array {
    return this.single ? this.#bytes : pieceBytes(this.#bytes, this.#cut ??= cutBody(this.#bytes, limits.bodyEventsMax), index)
  }
}

function wholeOf(skimmed: string | undefined, other: unknown): unknown {
  return skimmed === undefined ? other : JSON.parse(textOfOneByte(skimmed))
}

function withoutByteOrderMark(bytes: Uint8Array): Uint8Array {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes
}

type Encoding = Pick<Envelope, 'replacedUtf8' | 'plainText'>

function encodingOf(bytes: Uint8Array, text: string): Encoding {
  const replacedUtf8 = !isUtf8(bytes)
  return { replacedUtf8, plainText: !(text.includes('\\u') && suspiciousEscape.test(text)) }
}

const suspiciousEscape = /\\u(?:[dD][89a-fA-F]|0000)/

type Parsed = { readonly value: unknown } | { readonly error: unknown }

function parse(text: string): Parsed {
  try {
    return { value: JSON.parse(text) }
  } catch (error) {
    const repaired = withoutNonFinite(text)
    return repaired === null ? { error } : parseRepaired(repaired)
  }
}

function parseRepaired(text: string): Parsed {
  try {
    return { value: JSON.parse(text) }
  } catch (error) {
    return { error }
  }
}

type Arranged = Omit<Envelope, keyof Encoding | 'rawOf'>

function arranged(value: unknown, route: 'batch' | EventType): Arranged {
  if (Array.isArray(value)) return { wantResults: false, single: false, items: withinCount(value) }
  if (!isObject(value)) throw new MillraceError('bad_body', 'the body is neither an object nor an array')
  if (route === 'batch' && Array.isArray(value['batch'])) {
    return { ...head(value), context: value['context'], integrations: value['integrations'], single: false,
      items: withinCount(value['batch']) }
  }
  if (route === 'batch' && !eventTypes.some((type) => type === value['type'])) {
    throw new MillraceError('bad_body', 'the body has no list named batch')
  }
  return { ...head(value), single: true, items: [value] }
}

function head(value: Readonly<Record<string, unknown>>): Pick<Envelope, 'writeKey' | 'wantResults' | 'sentAt'> {
  const { writeKey, wantResults, sentAt } = value
  const base = { wantResults: wantResults === true, sentAt }
  return typeof writeKey === 'string' && writeKey !== '' ? { ...base, writeKey } : base
}

function withinCount(items: readonly unknown[]): readonly unknown[] {
  if (items.length > limits.bodyEventsMax) {
    const limit = limits.bodyEventsMax
    throw new MillraceError('body_too_large',
      `a body may hold at most ${limit} events; the first above the limit has index ${limit}`)
  }
  return items
}

function salvaged(bytes: Uint8Array, body: Encoding & { readonly why: string }): Envelope {
  const cut = cutBody(bytes, limits.bodyEventsMax + 1)
  if (!cut.items.some((piece) => piece.whole)) {
    throw new MillraceError('bad_body', `the body is not JSON and no event can be cut out of it: ${body.why}`)
  }
  const items = withinCount(cut.items.map((piece) => {
    const parsed = parse(textOf(bytes, piece))
    return 'value' in parsed ? parsed.value : new BrokenItem(bytes.subarray(piece.start, piece.end))
  }))
  const field = (name: string): unknown => fieldOf(bytes, cut, name)
  return {
    ...head({ writeKey: field('writeKey'), wantResults: field('wantResults'), sentAt: field('sentAt') }),
    context: field('context'),
    integrations: field('integrations'),
    single: false,
    items,
    replacedUtf8: body.replacedUtf8,
    plainText: body.plainText,
    rawOf: (index) => pieceBytes(bytes, cut, index),
  }
}

function fieldOf(bytes: Uint8Array, cut: Cut, name: string): unknown {
  const piece = cut.fields.get(name)
  if (piece === undefined) return undefined
  const parsed = parse(textOf(bytes, piece))
  return 'value' in parsed ? parsed.value : undefined
}

function pieceBytes(bytes: Uint8Array, cut: Cut, index: number): Uint8Array {
  const piece = cut.items[index]
  return piece === undefined ? bytes : bytes.subarray(piece.start, piece.end)
}

/** Cuts the body the first time somebody asks. */
function rawItems(bytes: Uint8Array): (index: number) => Uint8Array {
  let cut: Cut | null = null
  return (index) => pieceBytes(bytes, cut ??= cutBody(bytes, limits.bodyEventsMax), index)
}

/** Of items that never were a request's body. */
export function envelopeOf(items: readonly unknown[]): Envelope {
  return {
    wantResults: true, single: false, items, replacedUtf8: false, plainText: false,
    rawOf: (index) => Buffer.from(JSON.stringify(items[index]) ?? ''),
  }
}
