import { type CanonicalEvent, type FlagCode, type JsonObject, type JsonValue, metricOf } from '@millrace/schemas'
import { instantText } from '../platform/instant-text.ts'

declare global {
  /** ECMAScript's; the language library that this is compiled against is older. */
  interface JSON {
    rawJSON(text: string): unknown
  }
}

/** What a row of `events` is made of: one stored event and what was decided about it. Nothing else may enter a row. */
export interface EventRowInput {
  readonly workspace: number
  /** UUID text, as is `identifierKey`. */
  readonly profileId: string
  readonly identifierKey: string
  /** Epoch milliseconds. */
  readonly receivedAt: number
  readonly event: CanonicalEvent
  readonly partition: number
  /** The batch that decided the event. */
  readonly batch: number
  /** The event's properties (of an identify, its traits) as JSON, where the caller has the text already. */
  readonly propertiesText?: string
}

export interface EventRow {
  /** One JSONEachRow object and a newline. Columns at their default are left out. */
  readonly row: string
  /** What the columns could not hold as it came; the properties still do. */
  readonly flags: readonly FlagCode[]
  /** Month of the event time, `YYYYMM`: the partition that the row falls into. */
  readonly month: number
}

/** Rises when the same event would give another row. */
export const eventRowVersion = 2

/** Scalar leaves of the properties that the maps hold; the others are in the JSON text only. */
const leavesMax = 64
/** A longer text is in the JSON only: nobody filters by it, and the maps would store it again. */
const leafCharactersMax = 1_024
/** Amounts are Decimal(18,4); this leaves two digits of headroom for sums in the same type. */
const amountMax = 1e12

interface Leaf {
  readonly path: string
  readonly depth: number
  readonly value: string | number
}

interface Leaves {
  readonly found: Leaf[]
  /** Some key holds a dot, so that two leaves may have one path. */
  dotted: boolean
}

/**
 * One event as a row in JSONEachRow form. A pure function of its input, so that a rebuild gives the same bytes.
 * One value that a column cannot parse would reject the whole insert, and some parse into another value without a
 * word, so typed columns are written from checked values only; what fits none is left out and flagged.
 */
export function eventRow(input: EventRowInput): EventRow {
  const { event } = input
  const flags: FlagCode[] = []
  const time = timeText(event.timestamp) ?? lateTime(input.receivedAt, flags)
  const properties = propertiesOf(event)
  const typed = typedColumns(properties)
  if (typed.bad) flags.push('bad_typed_value')
  const row =
    `{"workspace":${input.workspace},"metric":${quoted(metricOf(event))},"type":"${event.type}"` +
    `,"identifier_key":"${input.identifierKey}","profile_id":"${input.profileId}"` +
    `,"time":"${time}","received_at":"${dateText(input.receivedAt)}","message_id":${quoted(event.messageId)}` +
    `${typed.columns},"properties":${quoted(engineText(input.propertiesText ?? JSON.stringify(properties), properties))}${mapColumns(properties)}` +
    `,"partition":${input.partition},"batch":${input.batch},"schema":${eventRowVersion}}\n`
  return { row, flags, month: Number(time.slice(0, 4)) * 100 + Number(time.slice(5, 7)) }
}

/** What an event says of itself: its properties; of an identify or a group its traits. */
export function propertiesOf(event: CanonicalEvent): JsonObject {
  return (event.type === 'identify' || event.type === 'group' ? event.traits : event.properties) ?? {}
}

/**
 * A JSON text that ClickHouse's parser takes. It refuses a whole document for one integer of more than 64 bits, and an
 * event would seem to have no property at all; with an exponent it reads the same number.
 */
function engineText(text: string, properties: JsonObject): string {
  if (!/\d{19}/.test(text)) return text
  return JSON.stringify(properties, (_, value: unknown) => (isLongInteger(value) ? JSON.rawJSON(value.toExponential()) : value))
}

function isLongInteger(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && Math.abs(value) >= 2 ** 63
}

/** The edge wrote the time, in one form; any other must not reach the store. */
function timeText(timestamp: string): string | null {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(timestamp)) return null
  return `${timestamp.slice(0, 10)} ${timestamp.slice(11, 23)}`
}

function lateTime(receivedAt: number, flags: FlagCode[]): string {
  flags.push('bad_timestamp')
  return dateText(receivedAt)
}

/** `YYYY-MM-DD hh:mm:ss.mmm`, which every engine version reads as UTC in a UTC column. */
function dateText(ms: number): string {
  const text = instantText(ms)
  return `${text.slice(0, 10)} ${text.slice(11, 23)}`
}

/** A JSON string; a lone surrogate would reject the whole insert. */
function quoted(text: string): string {
  return JSON.stringify(text.isWellFormed() ? text : text.toWellFormed())
}

function typedColumns(properties: JsonObject): { readonly columns: string; readonly bad: boolean } {
  const { order_id: orderId = properties['orderId'], product_id: productId = properties['productId'], currency, quantity } = properties
  const value = properties['value'] ?? properties['revenue'] ?? properties['total']
  const typed = [
    column('value', amountText(value), value), column('currency', currencyText(currency), currency),
    column('order_id', keyText(orderId), orderId), column('product_id', keyText(productId), productId),
    column('quantity', countText(quantity), quantity),
  ]
  let columns = ''
  let bad = false
  for (const text of typed) {
    if (text === null) bad = true
    else columns += text
  }
  return { columns, bad }
}

/** Empty where the event says nothing, null where it says what the column cannot hold. */
function column(name: string, text: string | null, source: JsonValue | undefined): string | null {
  if (source === undefined || source === null) return ''
  return text === null ? null : `,"${name}":${text}`
}

function amountText(value: JsonValue | undefined): string | null {
  if (typeof value === 'number') return Math.abs(value) < amountMax ? decimalText(value) : null
  if (typeof value !== 'string' || !/^-?\d{1,12}(?:\.\d{1,18})?$/.test(value)) return null
  const point = value.indexOf('.')
  return point < 0 || value.length - point <= 5 ? withoutLeadingZeros(value) : decimalText(Number(value))
}

/** Rounded to the column's four places, never with an exponent. */
function decimalText(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(4)
}

/** `007.5` is no JSON number. */
function withoutLeadingZeros(text: string): string {
  return text.replace(/^(-?)0+(?=\d)/, '$1')
}

function currencyText(value: JsonValue | undefined): string | null {
  return typeof value === 'string' && /^\s*[A-Za-z]{3}\s*$/.test(value) ? `"${value.trim().toUpperCase()}"` : null
}

function keyText(value: JsonValue | undefined): string | null {
  if (typeof value === 'string') return quoted(value)
  return typeof value === 'number' && Number.isSafeInteger(value) ? `"${value}"` : null
}

function countText(value: JsonValue | undefined): string | null {
  const count = typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value
  return typeof count === 'number' && (count | 0) === count ? String(count | 0) : null
}

/** Scalars by dotted path: text and booleans (as `true`, `false`) in one map, numbers in the other. */
function mapColumns(properties: JsonObject): string {
  return flatMapColumns(properties) ?? nestedMapColumns(properties)
}

/**
 * The same for properties that are few and hold no others, as nearly all are, in a third of the time; null for all others. A lone
 * surrogate, which an engine refuses, shows as an escape.
 */
function flatMapColumns(properties: JsonObject): string | null {
  const texts: Record<string, string> = {}
  const numbers: Record<string, number> = {}
  let textCount = 0
  let numberCount = 0
  for (const key in properties) {
    const value = properties[key]
    if (value === undefined || value === null || Array.isArray(value)) continue
    if (typeof value === 'object' || textCount + numberCount >= leavesMax || key === '__proto__' || key.includes('.')) return null
    if (typeof value === 'number') {
      if (!Number.isFinite(value)) continue
      numbers[key] = value
      numberCount += 1
    } else if (typeof value === 'boolean' || value.length <= leafCharactersMax) {
      texts[key] = String(value)
      textCount += 1
    }
  }
  const columns = (textCount === 0 ? '' : `,"properties_string":${JSON.stringify(texts)}`) + (numberCount === 0 ? '' : `,"properties_number":${JSON.stringify(numbers)}`)
  return columns.includes('\\ud') ? null : columns
}

function nestedMapColumns(properties: JsonObject): string {
  const leaves: Leaves = { found: [], dotted: false }
  collect(properties, { prefix: '', depth: 1 }, leaves)
  let texts = ''
  let numbers = ''
  for (const { path, value } of leaves.dotted ? nestedFirst(leaves.found) : leaves.found) {
    if (typeof value === 'number') numbers += `${numbers === '' ? '' : ','}${quoted(path)}:${value}`
    else texts += `${texts === '' ? '' : ','}${quoted(path)}:${quoted(value)}`
  }
  return (texts === '' ? '' : `,"properties_string":{${texts}}`) + (numbers === '' ? '' : `,"properties_number":{${numbers}}`)
}

function collect(object: JsonObject, { prefix, depth }: { prefix: string; depth: number }, leaves: Leaves): void {
  for (const key in object) {
    if (leaves.found.length >= leavesMax) return
    const value = object[key]
    if (value === undefined || value === null) continue
    if (key.includes('.')) leaves.dotted = true
    if (isObject(value)) collect(value, { prefix: `${prefix}${key}.`, depth: depth + 1 }, leaves)
    else if (typeof value === 'boolean') leaves.found.push({ path: prefix + key, depth, value: String(value) })
    else if (typeof value === 'number') {
      if (Number.isFinite(value)) leaves.found.push({ path: prefix + key, depth, value })
    } else if (typeof value === 'string' && value.length <= leafCharactersMax) leaves.found.push({ path: prefix + key, depth, value })
  }
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Of `{"a":{"b":1},"a.b":2}` the nested value has the path; of two as deep, the first. */
function nestedFirst(found: readonly Leaf[]): Iterable<Leaf> {
  const byPath = new Map<string, Leaf>()
  for (const leaf of found) {
    const known = byPath.get(leaf.path)
    if (known === undefined || known.depth < leaf.depth) byPath.set(leaf.path, leaf)
  }
  return byPath.values()
}
