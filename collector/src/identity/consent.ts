import { type EventType, instantOfNumber, instantOfText } from '@millrace/schemas'
import { channelKinds, type ConsentChannel, consentChannels, type ConsentStatus, consentStatuses } from '../ports/consent.ts'
import { addressOf } from './extract-identifiers.ts'
import type { Identifier } from './identifier.ts'
import type { IdentitySettings } from './identity-settings.ts'

/** What an event says about writing to an address of its own. */
interface ConsentStatement {
  readonly channel: ConsentChannel
  readonly address: Identifier
  readonly status: ConsentStatus
  /** Epoch milliseconds. */
  readonly time: number
  readonly method: string | null
}

interface SaidConsents {
  readonly statements: readonly ConsentStatement[]
  /** Something of it was no statement: an unknown channel or status, or the event has no address of the channel. */
  readonly ignored: boolean
}

/** A canonical event, or one on its way to be. */
type Fields = Readonly<Record<string, unknown>>
type Region = Pick<IdentitySettings, 'region'>

const methodCharactersMax = 200
const nothing: SaidConsents = Object.freeze({ statements: [], ignored: false })

/** Names of events that say one thing about one channel: this product's own, Segment's and Klaviyo's. */
const statusOfEvent: ReadonlyMap<string, readonly [ConsentChannel, ConsentStatus]> = new Map([
  ['Email Subscribed', ['email', 'subscribed']], ['Subscribed to Email Marketing', ['email', 'subscribed']],
  ['Email Unsubscribed', ['email', 'unsubscribed']], ['Unsubscribed from Email Marketing', ['email', 'unsubscribed']],
  ['Unsubscribed', ['email', 'unsubscribed']],
  ['Email Marked as Spam', ['email', 'suppressed']], ['Marked Email as Spam', ['email', 'suppressed']],
  ['SMS Subscribed', ['sms', 'subscribed']], ['Subscribed to SMS Marketing', ['sms', 'subscribed']],
  ['SMS Unsubscribed', ['sms', 'unsubscribed']], ['Unsubscribed from SMS Marketing', ['sms', 'unsubscribed']],
  ['WhatsApp Subscribed', ['whatsapp', 'subscribed']], ['WhatsApp Unsubscribed', ['whatsapp', 'unsubscribed']],
])

/** Whether a call other than an identify says something about consent. */
export function saysConsent(type: EventType, name: unknown): boolean {
  return type === 'track' && typeof name === 'string' && statusOfEvent.has(name)
}

/**
 * The statements of an event, judged from the event alone: an identify with `traits.consent`, `{ "email": "unsubscribed",
 * "sms": { "status": "subscribed", "method": "checkout", "at": "2026-01-31T10:00:00Z" } }`, or a track of one of a few
 * names. They are about the address that the event itself carries, never about one that its person is known by.
 */
export function consentsOf(event: Fields, settings: Region): SaidConsents {
  const { type, event: name, properties, traits } = event
  if (type === 'track') {
    const said = typeof name === 'string' ? statusOfEvent.get(name) : undefined
    if (said === undefined) return nothing
    const [channel, status] = said
    return collect(event, [[channel, { ...(isObject(properties) ? properties : {}), status }]], settings)
  }
  const consent = type === 'identify' && isObject(traits) ? traits['consent'] : undefined
  if (consent === undefined) return nothing
  return isObject(consent) ? collect(event, Object.entries(consent), settings) : { statements: [], ignored: true }
}

function collect(event: Fields, said: readonly (readonly [string, unknown])[], settings: Region): SaidConsents {
  const statements: ConsentStatement[] = []
  for (const [name, value] of said) {
    const channel = consentChannels.find((known) => known === name.trim().toLowerCase())
    const fields = isObject(value) ? value : { status: value }
    const status = statusOf(fields['status'])
    const address = channel === undefined ? null : addressOf(event, channelKinds[channel], settings)
    if (channel === undefined || status === null || address === null) continue
    statements.push({ channel, address, status, time: timeOf(event, fields['at']), method: methodOf(fields['method']) })
  }
  return { statements, ignored: statements.length < said.length }
}

function statusOf(value: unknown): ConsentStatus | null {
  if (typeof value !== 'string') return null
  const text = value.trim().toLowerCase()
  return consentStatuses.find((known) => known === text) ?? (text === 'never_subscribed' ? 'never' : null)
}

/** An `at` after the event would outlast every later statement, so it counts only before it. */
function timeOf({ timestamp }: Fields, at: unknown): number {
  const time = Date.parse(String(timestamp))
  const said = typeof at === 'string' ? instantOfText(at) : typeof at === 'number' ? instantOfNumber(at) : null
  return said === null ? time : Math.min(said, time)
}

function methodOf(value: unknown): string | null {
  if (typeof value !== 'string' || value.trim() === '') return null
  return value.trim().slice(0, methodCharactersMax).toWellFormed()
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
