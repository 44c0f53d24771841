import { type EventType, isEventType, judgeEvent, limits } from '@millrace/schemas'
import { saysConsent } from '../identity/consent.ts'
import { strongestIdentifier } from '../identity/extract-identifiers.ts'
import type { Identifier } from '../identity/identifier.ts'
import type { IdentitySettings } from '../identity/identity-settings.ts'
import { oneByteText, textOfOneByte } from '../platform/one-byte-text.ts'
import { type ClientAddress, timestampText } from './draft-event.ts'
import { eventTime, parseInstant } from './event-time.ts'
import { isObject } from './is-object.ts'
import type { ItemClock } from './request-clock.ts'
import { contextHas, type SkimmedContext, type SkimmedEvent, type SkimmedShare } from './skimmed-event.ts'
import { hasBadTypedProperty } from './typed-properties.ts'

export interface SkimmedInput {
  readonly event: SkimmedEvent
  readonly shared: SkimmedShare
  /** What the route says the event is; undefined where the event says it. */
  readonly type: EventType | undefined
  readonly clock: ItemClock
  readonly receivedAtText: string
  readonly address: AddressMembers
  readonly identity: IdentitySettings
  messageId(): string
}

/** What a context without an address of its own is given, as members of an object. */
export interface AddressMembers {
  readonly ip: string | undefined
  readonly userAgent: string | undefined
  readonly onlyIfDirect: boolean
}

export interface SkimmedDraft {
  readonly messageId: string
  readonly identifier: Identifier
  /** The canonical event, one-byte text. */
  readonly json: string
}

/** More than what is added to an event on its way. */
const addedBytesMax = 4_096

/**
 * The canonical event of a skimmed one, the same that draftEvent makes of it parsed, or null where nothing less than
 * that will do: it needs a flag, a repair or a refusal, or says more of a person than its ids.
 */
export function draftSkimmed(input: SkimmedInput): SkimmedDraft | null {
  const { event, shared } = input
  const type = input.type ?? event.type
  if (!isEventType(type) || type === 'identify' || judgeEvent(type, event.event) !== null || saysConsent(type, event.event)) return null
  if (!isWithinLimits(event, shared) || (event.hasOddProperty && hasBadTyped(event))) return null
  const clientTime = event.originalTimestamp ?? event.timestamp
  const clientMs = clientTime === undefined ? null : parseInstant(clientTime)
  const time = eventTime(clientMs, input.clock.clock)
  if (time.outcome !== 'ok') return null
  const context = contextOf(event.context, shared.context)
  if (context === null) return null
  const identifier = identifierOf(event, context, input.identity)
  if (identifier === null) return null
  const contextJson = withAddress(context, input.address)
  if (contextJson === null || (event.integrations !== undefined && shared.integrations !== undefined)) return null
  const messageId = input.messageId()
  const oneByte = event.hasWideText ? oneByteText : asIs
  const text = (field: string, value: string | undefined): string => (value === undefined ? '' : `,"${field}":"${oneByte(value)}"`)
  const json = `{"messageId":"${oneByte(messageId)}","type":"${type}"${text('event', event.event)}${text('name', event.name)}`
    + `${text('category', event.category)}${text('userId', event.userId)}${text('anonymousId', event.anonymousId)}`
    + `${text('previousId', event.previousId)}${text('groupId', event.groupId)}`
    + `,"timestamp":"${timestampText(time, clientMs, clientTime)}"${text('originalTimestamp', clientTime)}${text('sentAt', input.clock.sentAt)}`
    + `,"receivedAt":"${input.receivedAtText}"${object('properties', event.properties)}${object('context', contextJson)}`
    + `${object('integrations', event.integrations ?? shared.integrations)}${event.others === null ? '' : `,${event.others.join()}`}}`
  return { messageId, identifier, json }
}

function object(field: string, json: string | undefined): string {
  return json === undefined ? '' : `,"${field}":${json}`
}

function asIs(text: string): string {
  return text
}

/** Whether no limit is near; those who are near one are counted exactly. */
function isWithinLimits({ start, end, keys }: SkimmedEvent, shared: SkimmedShare): boolean {
  const bytes = end - start + (shared.context?.json.length ?? 0) + (shared.integrations?.length ?? 0)
  return bytes + addedBytesMax <= limits.eventBytesMax && keys + shared.keys <= limits.eventKeysMax
}

function hasBadTyped({ properties }: SkimmedEvent): boolean {
  const parsed: unknown = properties === undefined ? undefined : JSON.parse(textOfOneByte(properties))
  return isObject(parsed) && hasBadTypedProperty(parsed)
}

const noContext: SkimmedContext = Object.freeze({ json: '{}', bits: 0, keys: [] })

/** The event's own context with what the body's adds to it; null where both have a key. Undefined: there is none. */
function contextOf(own: SkimmedContext | undefined, shared: SkimmedContext | undefined): SkimmedContext | undefined | null {
  if (own === undefined || shared === undefined) return own ?? shared
  if (own.keys.some((key) => shared.keys.includes(key))) return null
  return { json: joined(shared.json, own.json.slice(1, -1)), bits: own.bits | shared.bits, keys: [] }
}

/** Keys are added at the end of an object. */
function joined(object: string, members: string): string {
  if (members === '') return object
  return object === '{}' ? `{${members}}` : `${object.slice(0, -1)},${members}}`
}

export function addressMembers({ ip, userAgent, onlyIfDirect }: ClientAddress): AddressMembers {
  const member = (field: string, value: string | undefined): string | undefined =>
    (value === undefined ? undefined : oneByteText(`"${field}":${JSON.stringify(value)}`))
  return { ip: member('ip', ip), userAgent: member('userAgent', userAgent), onlyIfDirect }
}

/** Null where a field has to be put in the place of an empty one. */
function withAddress(context: SkimmedContext | undefined, address: AddressMembers): string | undefined | null {
  const { json, bits } = context ?? noContext
  if (address.onlyIfDirect && (bits & contextHas.direct) === 0) return context?.json
  if ((bits & contextHas.emptyAddress) !== 0) return null
  const ip = (bits & contextHas.ip) === 0 ? address.ip : undefined
  const userAgent = (bits & contextHas.userAgent) === 0 ? address.userAgent : undefined
  if (ip === undefined && userAgent === undefined) return context?.json
  return joined(json, ip === undefined || userAgent === undefined ? ip ?? userAgent ?? '' : `${ip},${userAgent}`)
}

/** Whom the event names; null where that takes a look into its context. */
function identifierOf({ userId, anonymousId, previousId }: SkimmedEvent, context: SkimmedContext | undefined, identity: IdentitySettings): Identifier | null {
  const own = userId === undefined ? null : strongestIdentifier({ userId }, identity)
  if (own !== null) return own
  const saysMore = ((context?.bits ?? 0) & contextHas.identifiers) !== 0
  return saysMore ? null : strongestIdentifier({ anonymousId, previousId }, identity)
}
