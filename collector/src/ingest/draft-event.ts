import { type EventType, judgeEvent, type QuarantineReason } from '@millrace/schemas'
import { instantText } from '../platform/instant-text.ts'
import { type EventTime, eventTime, parseInstant } from './event-time.ts'
import { flag, type FlagSet, noFlags } from './flag-set.ts'
import { isObject } from './is-object.ts'
import { MalformedFields } from './malformed-fields.ts'
import type { ItemClock } from './request-clock.ts'
import { hasBadTypedProperty } from './typed-properties.ts'

type Fields = Readonly<Record<string, unknown>>

export interface DraftInput {
  /** Already canonicalised. */
  readonly item: Fields
  /** What canonicalising changed: it decides whether an id can be trusted. */
  readonly flags: FlagSet
  readonly messageId: string
  /** What the route says the event is; undefined where the item says it. */
  readonly type: EventType | undefined
  readonly clock: ItemClock
  readonly receivedAtText: string
  /** Of the connection, for a context that does not know better. */
  readonly client: ClientAddress
}

export interface ClientAddress {
  readonly ip: string | undefined
  readonly userAgent: string | undefined
  /** The connection is a server's: it says something of a person only where the event says so. */
  readonly onlyIfDirect: boolean
}

export interface Draft {
  /** Keys in canonical order; absent ones may stand as undefined, which JSON leaves out. */
  readonly event: Fields
  readonly flags: FlagSet
  /** What keeps it from being an event, identifiers and size aside; null if nothing does. */
  readonly reason: QuarantineReason | null
}

const badTypedValue = flag('bad_typed_value')
const clampedFuture = flag('clamped_future')
const badTimestamp = flag('bad_timestamp')
/** Where one of these is set, a U+FFFD may stand for something else. */
const replaced = flag('replaced_surrogate') | flag('replaced_nul') | flag('replaced_utf8')

/** What {@link draftEvent} places itself, and what is no part of an event: credentials, questions to the collector. */
const placedKeys = new Set([
  'messageId', 'type', 'event', 'name', 'category', 'userId', 'anonymousId', 'previousId', 'groupId', 'timestamp',
  'originalTimestamp', 'sentAt', 'receivedAt', 'properties', 'traits', 'context', 'integrations', 'malformed',
  'writeKey', 'wantResults',
])

/** Puts an item's fields in canonical order and form, and judges what no later step could use. */
export function draftEvent(input: DraftInput): Draft {
  const { item } = input
  const malformed = new MalformedFields()
  const type = input.type ?? item['type']
  const altered = (input.flags & replaced) !== noFlags
  const clientTime = item['originalTimestamp'] ?? item['timestamp']
  const clientTimeText = textField('timestamp', clientTime, malformed)
  const clientMs = clientTimeText === undefined ? absentOrBad(clientTime) : parseInstant(clientTimeText)
  const time = eventTime(clientMs, input.clock.clock)
  const properties = objectField('properties', item['properties'], malformed)
  const { traits, context } = placeTraits(type, objectField('traits', item['traits'], malformed),
    objectField('context', item['context'], malformed))
  const event: Record<string, unknown> = {
    messageId: input.messageId,
    type,
    event: textField('event', item['event'], malformed),
    name: textField('name', item['name'], malformed),
    category: textField('category', item['category'], malformed),
    userId: idField('userId', item['userId'], { malformed, altered }),
    anonymousId: idField('anonymousId', item['anonymousId'], { malformed, altered }),
    previousId: idField('previousId', item['previousId'], { malformed, altered }),
    groupId: idField('groupId', item['groupId'], { malformed, altered }),
    timestamp: timestampText(time, clientMs, clientTimeText),
    originalTimestamp: clientTimeText,
    sentAt: input.clock.sentAt,
    receivedAt: input.receivedAtText,
    properties,
    traits,
    context: withAddress(context, input.client),
    integrations: objectField('integrations', item['integrations'], malformed),
  }
  copyOthers(event, item)
  placeMalformed(event, item['malformed'], malformed)
  const isBadlyTyped = malformed.values !== undefined || (properties !== undefined && hasBadTypedProperty(properties))
  const flags = (isBadlyTyped ? badTypedValue : noFlags) | timeFlags(time)
  const outOfRange = time.outcome === 'timestamp_out_of_range' ? time.outcome : null
  return { event, flags, reason: judgeEvent(type, event['event']) ?? outOfRange }
}

function textField(field: string, value: unknown, malformed: MalformedFields): string | undefined {
  if (typeof value === 'string') return value
  return value === undefined || value === null ? undefined : malformed.keep(field, value)
}

function objectField(field: string, value: unknown, malformed: MalformedFields): Fields | undefined {
  if (isObject(value)) return value
  return value === undefined || value === null ? undefined : malformed.keep(field, value)
}

/** Numbers become text while they are exact; a text that is not the client's own any more names nobody. */
function idField(
  field: string, value: unknown, about: { readonly malformed: MalformedFields, readonly altered: boolean },
): string | undefined {
  if (typeof value === 'string') {
    return about.altered && value.includes('\uFFFD') ? about.malformed.keep(field, value) : value
  }
  if (value === undefined || value === null) return undefined
  const exact = typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER
  return exact ? String(value) : about.malformed.keep(field, value)
}

function absentOrBad(clientTime: unknown): number | null {
  return clientTime === undefined || clientTime === null ? null : NaN
}

export function timestampText(time: EventTime, clientMs: number | null, clientTime: string | undefined): string {
  // Nearly every client writes its times as we do: then an uncorrected one is the text already there.
  if (time.time === clientMs && clientTime?.length === 24 && clientTime.endsWith('Z')) return clientTime
  return time.outcome === 'timestamp_out_of_range' ? new Date(time.time).toISOString() : instantText(time.time)
}

function timeFlags(time: EventTime): FlagSet {
  if (time.outcome === 'clamped_future') return clampedFuture
  return time.outcome === 'bad_timestamp' ? badTimestamp : noFlags
}

interface Placed {
  readonly traits: Fields | undefined
  readonly context: Fields | undefined
}

/** RudderStack's clients send the traits of an identify inside the context. */
function placeTraits(type: unknown, traits: Fields | undefined, context: Fields | undefined): Placed {
  if (type !== 'identify' || traits !== undefined || context === undefined) return { traits, context }
  const { traits: inner, ...others } = context
  return isObject(inner) ? { traits: inner, context: others } : { traits, context }
}

function withAddress(context: Fields | undefined, client: ClientAddress): Fields | undefined {
  if (client.onlyIfDirect && context?.['direct'] !== true) return context
  const addIp = client.ip !== undefined && (context?.['ip'] ?? null) === null
  const addUserAgent = client.userAgent !== undefined && (context?.['userAgent'] ?? null) === null
  if (!addIp && !addUserAgent) return context
  const result: Record<string, unknown> = { ...context }
  if (addIp) result['ip'] = client.ip
  if (addUserAgent) result['userAgent'] = client.userAgent
  return result
}

function copyOthers(event: Record<string, unknown>, item: Fields): void {
  for (const key in item) {
    if (!placedKeys.has(key)) event[key] = item[key]
  }
}

function placeMalformed(event: Record<string, unknown>, sent: unknown, malformed: MalformedFields): void {
  const already = objectField('malformed', sent, malformed)
  if (already !== undefined || malformed.values !== undefined) event['malformed'] = { ...already, ...malformed.values }
}
