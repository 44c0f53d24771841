import { isIP } from 'node:net'
import { MillraceError } from '../platform/errors.ts'
import { canonicalName } from './event-name.ts'
import { isPublicAddress } from './public-address.ts'
import { isZone, type QuietHours } from './quiet-hours.ts'
import { secretKeyOf } from './webhook-signature.ts'

/** The one automation there is. */
export const abandonedCart = 'abandoned-cart'

export interface WebhookTarget {
  readonly url: string
  readonly secret: string
  /** The secret before the last change; messages carry both signatures until the instant. */
  readonly previous: { readonly secret: string; readonly until: number } | null
}

export interface CartSettings {
  readonly enabled: boolean
  /** From the last cart event to the webhook. */
  readonly delaySeconds: number
  /** Names of track events, in any spelling. */
  readonly cartMetrics: readonly string[]
  readonly orderMetrics: readonly string[]
  readonly quietHours: QuietHours | null
  readonly webhook: WebhookTarget | null
}

/** Ready to start: only the webhook is missing. Names of Segment, Klaviyo, Google Analytics and Shopify. */
export const defaultCartSettings: CartSettings = Object.freeze({
  enabled: false,
  delaySeconds: 3_600,
  cartMetrics: ['Product Added', 'Cart Viewed', 'Checkout Started', 'Added to Cart', 'Add to Cart', 'View Cart', 'Begin Checkout', 'Product Added to Cart'],
  orderMetrics: ['Order Completed', 'Placed Order', 'Order Placed', 'Purchase', 'Checkout Completed'],
  quietHours: null,
  webhook: null,
})

/** 30 days: a later reminder is another automation. */
const delaySecondsMax = 2_592_000
const metricsMax = 50
const metricCharactersMax = 200
const urlCharactersMax = 2_048
/** How long a message carries the signature of the secret before as well. */
const rotationMs = 86_400_000

export interface SettingsContext {
  readonly current: CartSettings
  readonly allowPrivate: boolean
  readonly now: number
  /** A fresh secret where none is given. */
  readonly newSecret: () => string
}

type Fields = Readonly<Record<string, unknown>>

/**
 * The settings after a PUT: a field that is left out stays as it is. Fails with `bad_request` that names the field and
 * the rule.
 */
export function changedSettings(body: unknown, context: SettingsContext): CartSettings {
  const fields = objectOf(body, 'the body', ['enabled', 'delaySeconds', 'cartMetrics', 'orderMetrics', 'quietHours', 'webhook'])
  const { current } = context
  const settings: CartSettings = {
    enabled: given(fields, 'enabled', { current: current.enabled, read: booleanOf }),
    delaySeconds: given(fields, 'delaySeconds', { current: current.delaySeconds, read: delayOf }),
    cartMetrics: given(fields, 'cartMetrics', { current: current.cartMetrics, read: namesOf }),
    orderMetrics: given(fields, 'orderMetrics', { current: current.orderMetrics, read: namesOf }),
    quietHours: given(fields, 'quietHours', { current: current.quietHours, read: quietHoursOf }),
    webhook: given(fields, 'webhook', { current: current.webhook, read: (value) => webhookOf(value, context) }),
  }
  const orders = new Set(settings.orderMetrics.map(canonicalName))
  const both = settings.cartMetrics.find((name) => orders.has(canonicalName(name)))
  if (both !== undefined) refuse('cartMetrics', `${JSON.stringify(both)} is an order metric too; an event is one or the other`)
  if (settings.enabled && settings.webhook === null) refuse('webhook', 'give { "url": "https://…" } before the automation is enabled')
  return settings
}

interface Field<T> {
  readonly current: T
  readonly read: (value: unknown, name: string) => T
}

function given<T>(fields: Fields, name: string, { current, read }: Field<T>): T {
  const value = fields[name]
  return value === undefined ? current : read(value, name)
}

function refuse(field: string, rule: string): never {
  throw new MillraceError('bad_request', `${field}: ${rule}`)
}

function objectOf(value: unknown, name: string, known: readonly string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(name, 'must be an object')
  const fields = Object.fromEntries(Object.entries(value))
  const unknown = Object.keys(fields).find((key) => !known.includes(key))
  if (unknown !== undefined) refuse(name === 'the body' ? unknown : `${name}.${unknown}`, `is no field here; there are ${known.join(', ')}`)
  return fields
}

function booleanOf(value: unknown, name: string): boolean {
  return typeof value === 'boolean' ? value : refuse(name, 'must be true or false')
}

function delayOf(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= delaySecondsMax) return value
  return refuse(name, `must be a whole number from 1 to ${delaySecondsMax}`)
}

function namesOf(value: unknown, name: string): readonly string[] {
  const names: readonly unknown[] = Array.isArray(value) ? value : refuse(name, 'must be a list of event names')
  if (names.length < 1 || names.length > metricsMax) refuse(name, `must hold 1 to ${metricsMax} event names`)
  return names.map((entry, index) => {
    if (typeof entry === 'string' && entry.length <= metricCharactersMax && canonicalName(entry) !== '') return entry
    return refuse(`${name}[${index}]`, `must be a text of 1 to ${metricCharactersMax} characters with a letter or digit`)
  })
}

function quietHoursOf(value: unknown, name: string): QuietHours | null {
  if (value === null) return null
  const { from, to, zone } = objectOf(value, name, ['from', 'to', 'zone'])
  const start = timeOf(from, `${name}.from`)
  const end = timeOf(to, `${name}.to`)
  if (start === end) refuse(`${name}.to`, 'must differ from quietHours.from, or nothing would ever be sent')
  if (typeof zone !== 'string' || !isZone(zone)) return refuse(`${name}.zone`, 'must be an IANA time zone such as Europe/Berlin')
  return { from: start, to: end, zone }
}

function timeOf(value: unknown, name: string): string {
  return typeof value === 'string' && /^(?:[01]\d|2[0-3]):[0-5]\d$/.test(value) ? value : refuse(name, 'must be a local time from 00:00 to 23:59, as HH:MM')
}

function webhookOf(value: unknown, { current, allowPrivate, now, newSecret }: SettingsContext): WebhookTarget | null {
  if (value === null) return null
  const { url, secret } = objectOf(value, 'webhook', ['url', 'secret'])
  const before = current.webhook
  const target = url === undefined && before !== null ? before.url : urlOf(url, allowPrivate)
  const known = before?.secret ?? null
  const wanted = secret === undefined ? known ?? newSecret() : secretOf(secret)
  if (before === null || wanted === before.secret) return { url: target, secret: wanted, previous: livePrevious(before, now) }
  return { url: target, secret: wanted, previous: { secret: before.secret, until: now + rotationMs } }
}

function livePrevious(before: WebhookTarget | null, now: number): WebhookTarget['previous'] {
  return before?.previous != null && before.previous.until > now ? before.previous : null
}

function urlOf(value: unknown, allowPrivate: boolean): string {
  if (typeof value !== 'string' || value.length > urlCharactersMax || !URL.canParse(value)) {
    return refuse('webhook.url', `must be a URL of at most ${urlCharactersMax} characters`)
  }
  const { protocol, username, password, hash, href, hostname } = new URL(value)
  if (protocol !== 'https:' && !(allowPrivate && protocol === 'http:')) {
    refuse('webhook.url', 'must begin with https:// (http:// only where MILLRACE_WEBHOOK_ALLOW_PRIVATE=true)')
  }
  if (username !== '' || password !== '') refuse('webhook.url', 'must hold no user name and no password; messages are signed instead')
  // Names are judged when they are looked up, at each try.
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  if (!allowPrivate && isIP(host) !== 0 && !isPublicAddress(host)) refuse('webhook.url', 'must not point at a private address')
  if (hash !== '') refuse('webhook.url', 'must hold no fragment (#)')
  return href
}

function secretOf(value: unknown): string {
  if (typeof value === 'string' && secretKeyOf(value) !== null) return value
  return refuse('webhook.secret', 'must be whsec_ and the base64 of 16 to 64 bytes; leave it out to keep the one there is, or to have one made')
}

export function settingsText(settings: CartSettings): string {
  return JSON.stringify(settings)
}

/** Settings as {@link settingsText} wrote them. Fails with `corrupt` for anything else. */
export function parseSettings(text: string): CartSettings {
  const parsed: unknown = JSON.parse(text)
  if (isSettings(parsed)) return parsed
  throw new MillraceError('corrupt', 'the settings of an automation cannot be read')
}

/** {@link changedSettings} judged every field before it was stored. */
function isSettings(value: unknown): value is CartSettings {
  return typeof value === 'object' && value !== null && 'enabled' in value && 'delaySeconds' in value && 'cartMetrics' in value &&
    'orderMetrics' in value && 'quietHours' in value && 'webhook' in value
}
