import { type IdentifierKind, identifierKinds } from '../ports/identity.ts'
import type { Identifier } from './identifier.ts'
import type { IdentitySettings } from './identity-settings.ts'
import { normaliseIdentifier } from './normalise.ts'

/** Ids of other systems that one event may carry; more are a mistake and the first ones count. */
const externalIdsMax = 10
const namespaceCharactersMax = 100
/** Types of external ids that name a cart or a checkout, where several shops make tokens with the shop: `cart`, `checkout:shop.example`. */
const shopTokens = /^(cart|checkout)(?::(.+))?$/s

/** A canonical event, or one on its way to be: only fields of the right type are read. */
type Fields = Readonly<Record<string, unknown>>

type Region = Pick<IdentitySettings, 'region'> & Partial<Pick<IdentitySettings, 'foldEmailAliases'>>

/** What an event says of who it is about. */
export interface Extracted {
  /** Each once, strongest first: by kind, `userId` before other external ids, then by value. */
  readonly identifiers: readonly Identifier[]
}

/**
 * The identifiers of an event, judged from the event alone. Only these places are read: an e-mail address in the
 * properties of "Gift Sent" is somebody else's.
 */
export function extractIdentifiers(event: Fields, settings: Region): Extracted {
  const { type, userId, anonymousId, previousId, traits, context } = event
  const found: Identifier[] = []
  const add = (kind: IdentifierKind, value: unknown, namespace = ''): void => {
    const identifier = identifierOf(kind, value, settings)
    if (identifier === null) return
    const known = found.some((other) => other.kind === kind && other.namespace === namespace && other.value === identifier.value)
    if (!known) found.push(namespace === '' ? identifier : { ...identifier, namespace })
  }
  add('external_id', userId)
  const own = found[0]
  // The traits of a group are the company's.
  if (type !== 'group') addFromTraits(traits, add)
  if (isObject(context)) addFromContext(context, add)
  add('anonymous_id', anonymousId)
  add(kindOfPrevious(previousId, anonymousId), previousId)
  // Weaker than all else, so an event never belongs to one.
  if (settings.foldEmailAliases === true) for (const { value } of found.filter(({ kind }) => kind === 'email')) add('email_alias', value)
  return { identifiers: found.length < 2 ? found : strongestFirst(found, own) }
}

/** The first of {@link extractIdentifiers}, null if there is none; rarely looks for the others. */
export function strongestIdentifier(event: Fields, settings: Region): Identifier | null {
  return identifierOf('external_id', event['userId'], settings)
    ?? extractIdentifiers(event, settings).identifiers[0] ?? null
}

/** The address that an event is about: of two of one kind the one in its own traits, before that in its context. */
export function addressOf({ traits, context }: { readonly traits?: unknown; readonly context?: unknown }, kind: 'email' | 'phone', settings: Region): Identifier | null {
  const own = isObject(traits) ? identifierOf(kind, traits[kind], settings) : null
  if (own !== null || !isObject(context) || !isObject(context['traits'])) return own
  return identifierOf(kind, context['traits'][kind], settings)
}

function identifierOf(kind: IdentifierKind, value: unknown, settings: Region): Identifier | null {
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value
  return typeof text === 'string' ? normaliseIdentifier(kind, text, settings) : null
}

type Add = (kind: IdentifierKind, value: unknown, namespace?: string) => void

function addFromTraits(traits: unknown, add: Add): void {
  if (!isObject(traits)) return
  add('email', traits['email'])
  add('phone', traits['phone'])
}

function addFromContext(context: Fields, add: Add): void {
  const { traits, device, externalIds } = context
  addFromTraits(traits, add)
  if (isObject(device)) {
    const namespace = deviceNamespace(context)
    add('device', device['id'], namespace)
    add('device', device['token'], namespace)
  }
  if (!Array.isArray(externalIds)) return
  const entries: readonly unknown[] = externalIds.slice(0, externalIdsMax)
  for (const entry of entries) {
    // The form of Segment's context.externalIds; other collections than users are about accounts.
    if (!isObject(entry) || (entry['collection'] !== undefined && entry['collection'] !== 'users')) continue
    const type = entry['type']
    if (typeof type !== 'string' || type === '' || type.length > namespaceCharactersMax) continue
    const [, token, shop = ''] = shopTokens.exec(type) ?? []
    if (token === 'cart' || token === 'checkout') add(token, entry['id'], shop)
    else add('external_id', entry['id'], type)
  }
}

/** A device id means something only on its platform and, for a push token, in its app. */
function deviceNamespace({ os, app }: Fields): string {
  const platform = isObject(os) && typeof os['name'] === 'string' ? os['name'].trim().toLowerCase() : ''
  const name = isObject(app) && typeof app['namespace'] === 'string' ? app['namespace'].trim() : ''
  return name === '' && platform === '' ? '' : `${platform}/${name}`.slice(0, namespaceCharactersMax).toWellFormed()
}

/** Decided from the event, never from stored state, so that a replay decides the same. */
function kindOfPrevious(previousId: unknown, anonymousId: unknown): IdentifierKind {
  if (typeof previousId !== 'string') return 'external_id'
  const isAnonymous = previousId === anonymousId || /^\s*[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\s*$/i.test(previousId)
  return isAnonymous ? 'anonymous_id' : 'external_id'
}

const ranks = new Map(identifierKinds.map((kind, rank) => [kind, rank]))

function strongestFirst(found: readonly Identifier[], own: Identifier | undefined): readonly Identifier[] {
  return found.toSorted((a, b) =>
    (ranks.get(a.kind) ?? 0) - (ranks.get(b.kind) ?? 0) || Number(b === own) - Number(a === own) ||
    compareText(a.namespace, b.namespace) || compareText(a.value, b.value))
}

/** By UTF-16 unit, never by locale. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
