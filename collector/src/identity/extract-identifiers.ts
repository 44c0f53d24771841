import type { CanonicalEvent, JsonObject, JsonValue } from '@millrace/schemas'
import { type IdentifierKind, identifierKinds } from '../ports/identity.ts'
import type { Identifier } from './identifier.ts'
import type { IdentitySettings } from './identity-settings.ts'
import { normaliseIdentifier } from './normalise.ts'

/** Ids of other systems that one event may carry; more are a mistake and the first ones count. */
const externalIdsMax = 10
const namespaceCharactersMax = 100

type IdentityFields = Pick<CanonicalEvent, 'type' | 'userId' | 'anonymousId' | 'previousId' | 'traits' | 'context'>

/** What an event says of who it is about. */
export interface Extracted {
  /** Each once, strongest first: by kind, `userId` before other external ids, then by value. */
  readonly identifiers: readonly Identifier[]
}

/**
 * The identifiers of an event, judged from the event alone. Only these places are read: an e-mail address in the
 * properties of "Gift Sent" is somebody else's.
 */
export function extractIdentifiers(event: IdentityFields, settings: Pick<IdentitySettings, 'region'>): Extracted {
  const { userId, anonymousId } = event
  // Nearly every event carries one or both of these and nothing else.
  const found: Identifier[] = []
  const add = (kind: IdentifierKind, value: JsonValue | undefined, namespace = ''): void => {
    const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value
    if (typeof text !== 'string') return
    const identifier = normaliseIdentifier(kind, text, settings)
    if (identifier === null) return
    const known = found.some((other) => other.kind === kind && other.namespace === namespace && other.value === identifier.value)
    if (!known) found.push(namespace === '' ? identifier : { ...identifier, namespace })
  }
  add('external_id', userId)
  addFromTraits(event.traits, add)
  if (event.context !== undefined) addFromContext(event.context, add)
  add('anonymous_id', anonymousId)
  if (event.previousId !== undefined) add(kindOfPrevious(event.previousId, anonymousId), event.previousId)
  return { identifiers: found.length < 2 ? found : strongestFirst(found, userId) }
}

type Add = (kind: IdentifierKind, value: JsonValue | undefined, namespace?: string) => void

function addFromTraits(traits: JsonObject | undefined, add: Add): void {
  if (traits === undefined) return
  add('email', traits['email'])
  add('phone', traits['phone'])
}

function addFromContext(context: JsonObject, add: Add): void {
  const { traits, device, externalIds } = context
  if (isObject(traits)) addFromTraits(traits, add)
  if (isObject(device)) {
    const namespace = deviceNamespace(context)
    add('device', device['id'], namespace)
    add('device', device['token'], namespace)
  }
  if (!Array.isArray(externalIds)) return
  for (const entry of externalIds.slice(0, externalIdsMax)) {
    // The form of Segment's context.externalIds; other collections than users are about accounts.
    if (!isObject(entry) || (entry['collection'] !== undefined && entry['collection'] !== 'users')) continue
    const type = entry['type']
    if (typeof type === 'string' && type !== '' && type.length <= namespaceCharactersMax) add('external_id', entry['id'], type)
  }
}

/** A device id means something only on its platform and, for a push token, in its app. */
function deviceNamespace({ os, app }: JsonObject): string {
  const platform = isObject(os) && typeof os['name'] === 'string' ? os['name'].trim().toLowerCase() : ''
  const name = isObject(app) && typeof app['namespace'] === 'string' ? app['namespace'].trim() : ''
  return name === '' && platform === '' ? '' : `${platform}/${name}`.slice(0, namespaceCharactersMax)
}

/** Decided from the event, never from stored state, so that a replay decides the same. */
function kindOfPrevious(previousId: string, anonymousId: string | undefined): IdentifierKind {
  const isAnonymous = previousId === anonymousId || /^\s*[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\s*$/i.test(previousId)
  return isAnonymous ? 'anonymous_id' : 'external_id'
}

const ranks = new Map(identifierKinds.map((kind, rank) => [kind, rank]))

function strongestFirst(found: readonly Identifier[], userId: string | undefined): readonly Identifier[] {
  const own = userId?.trim()
  const isOwn = ({ kind, namespace, value }: Identifier): boolean => kind === 'external_id' && namespace === '' && value === own
  return found.toSorted((a, b) =>
    (ranks.get(a.kind) ?? 0) - (ranks.get(b.kind) ?? 0) || Number(isOwn(b)) - Number(isOwn(a)) ||
    compareText(a.namespace, b.namespace) || compareText(a.value, b.value))
}

/** By UTF-16 unit, never by locale. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
