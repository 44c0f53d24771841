import { isSupportedCountry } from 'libphonenumber-js/min'
import { MillraceError } from '../platform/errors.ts'
import { type IdentifierKind, identifierKinds } from '../ports/identity.ts'
import { defaultIdentitySettings, type IdentitySettings } from './identity-settings.ts'
import { isDomain, normaliseIdentifier } from './normalise.ts'

/** A value, or all addresses of a domain, that a workspace blocks. */
export type BlockedEntry = { readonly value: string; readonly kind?: string } | { readonly emailDomain: string }

/** The rules of identity as people write them and as they are kept: every field there, kinds by their names in the API. */
export interface SettingsDocument {
  readonly identity: {
    readonly region: string | null
    readonly limits: Readonly<Record<string, number>>
    readonly priorities: readonly string[]
    readonly fanOutMax: number
    readonly contactReachMax: number
    readonly degreeMax: number
    readonly foldEmailAliases: boolean
    readonly blocked: readonly BlockedEntry[]
  }
}

/** Bounds of the numbers, and how many values a workspace may block. */
const limitMax = 100_000
const fanOutBound = 10_000
const reachBound = 100_000
const degreeBound = 100_000
const blockedMax = 1_000
const blockedCharactersMax = 320

/** `externalId` for `external_id`. */
function apiName(kind: IdentifierKind): string {
  return kind.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

const kindsByName: ReadonlyMap<string, IdentifierKind> = new Map(identifierKinds.map((kind) => [apiName(kind), kind]))
const kindNames = [...kindsByName.keys()]

/** What holds where a workspace has set nothing. */
export function defaultDocument({ limits, priorities, region, fanOutMax, contactReachMax, degreeMax, foldEmailAliases }: IdentitySettings = defaultIdentitySettings): SettingsDocument {
  return {
    identity: {
      region, limits: Object.fromEntries(identifierKinds.map((kind) => [apiName(kind), limits[kind]])),
      priorities: priorities.map(apiName), fanOutMax, contactReachMax, degreeMax, foldEmailAliases, blocked: [],
    },
  }
}

/** Reads a document as somebody wrote it; what it leaves out is as in `defaults`. Fails with `bad_request` naming the field and its rule. */
export function parseDocument(value: unknown, defaults: SettingsDocument): SettingsDocument {
  const fields = fieldsOf(value, 'the settings', ['identity'])
  const given = fieldsOf(fields.get('identity') ?? {}, 'identity', ['region', 'limits', 'priorities', 'fanOutMax', 'contactReachMax', 'degreeMax', 'foldEmailAliases', 'blocked'])
  const { identity } = defaults
  return {
    identity: {
      region: regionOf(given.get('region'), identity.region),
      limits: limitsOf(given.get('limits'), identity.limits),
      priorities: prioritiesOf(given.get('priorities'), identity.priorities),
      fanOutMax: wholeNumber(given.get('fanOutMax') ?? identity.fanOutMax, 'identity.fanOutMax', fanOutBound),
      contactReachMax: wholeNumber(given.get('contactReachMax') ?? identity.contactReachMax, 'identity.contactReachMax', reachBound),
      degreeMax: wholeNumber(given.get('degreeMax') ?? identity.degreeMax, 'identity.degreeMax', degreeBound),
      foldEmailAliases: trueOrFalse(given.get('foldEmailAliases') ?? identity.foldEmailAliases, 'identity.foldEmailAliases'),
      blocked: blockedOf(given.get('blocked') ?? identity.blocked),
    },
  }
}

/** The rules that a document means. */
export function compileDocument({ identity }: SettingsDocument, version: number): IdentitySettings {
  const { region, limits, priorities, fanOutMax, contactReachMax, degreeMax, foldEmailAliases, blocked } = identity
  const limitOf = (kind: IdentifierKind): number => limits[apiName(kind)] ?? defaultIdentitySettings.limits[kind]
  const values = new Set<string>()
  const emailDomains = new Set<string>()
  for (const entry of blocked) {
    if ('emailDomain' in entry) emailDomains.add(entry.emailDomain)
    else for (const text of spellings(entry, region)) values.add(text)
  }
  return Object.freeze({
    region, fanOutMax, contactReachMax, degreeMax, foldEmailAliases, version, blocked: { values, emailDomains },
    limits: {
      external_id: limitOf('external_id'), email: limitOf('email'), phone: limitOf('phone'), device: limitOf('device'),
      anonymous_id: limitOf('anonymous_id'), cart: limitOf('cart'), checkout: limitOf('checkout'), email_alias: limitOf('email_alias'),
    },
    // A kind that came with a later version of the program is the weakest to a document that does not know it.
    priorities: [...priorities.flatMap((name) => kindsByName.get(name) ?? []), ...identifierKinds.filter((kind) => !priorities.includes(apiName(kind)))],
  })
}

/** Whether two documents may make different people of the same evidence; all but the region, which is about what evidence says. */
export function solvesDifferently(one: SettingsDocument, other: SettingsDocument): boolean {
  const solving = ({ identity: { region: _, ...rest } }: SettingsDocument): string => JSON.stringify(rest)
  return solving(one) !== solving(other)
}

/** As it was written and as events that carry it are normalised. */
function spellings({ kind: name, value }: Extract<BlockedEntry, { readonly value: string }>, region: string | null): readonly string[] {
  const kind = kindsByName.get(name ?? '')
  const kinds = kind === undefined ? identifierKinds : [kind]
  const normalised = kinds.flatMap((one) => {
    const identifier = normaliseIdentifier(one, value, { region })
    return identifier === null ? [] : [`${one}:${identifier.value.toLowerCase()}`]
  })
  // An address that identifies nobody makes its mailbox nobody's either.
  const mailbox = kind === 'email' ? normaliseIdentifier('email_alias', value, { region }) : null
  return [`${kind ?? ''}:${value.toLowerCase()}`, ...normalised, ...mailbox === null ? [] : [`email_alias:${mailbox.value}`]]
}

function regionOf(value: unknown, fallback: string | null): string | null {
  if (value === undefined) return fallback
  if (value === null) return null
  if (typeof value === 'string' && isSupportedCountry(value)) return value
  throw refused('identity.region', 'must be null or a country of two capital letters that has phone numbers, such as "DE" (ISO 3166-1)')
}

function limitsOf(value: unknown, fallback: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const given = fieldsOf(value ?? {}, 'identity.limits', kindNames)
  return Object.fromEntries(kindNames.map((name) => [name, wholeNumber(given.get(name) ?? fallback[name], `identity.limits.${name}`, limitMax)]))
}

function prioritiesOf(value: unknown, fallback: readonly string[]): readonly string[] {
  if (value === undefined) return fallback
  const names: readonly unknown[] = Array.isArray(value) ? value : []
  const known = names.filter((name): name is string => typeof name === 'string' && kindsByName.has(name))
  if (known.length === kindNames.length && names.length === known.length && new Set(known).size === known.length) return known
  throw refused('identity.priorities', `must be a list that names each of ${kindNames.join(', ')} once, the one that is taken first at the front`)
}

function blockedOf(value: unknown): readonly BlockedEntry[] {
  if (!Array.isArray(value)) throw refused('identity.blocked', 'must be a list such as [{"kind":"email","value":"shop@example.com"},{"emailDomain":"example.com"}]')
  const entries: readonly unknown[] = value
  if (entries.length > blockedMax) throw refused('identity.blocked', `must have at most ${blockedMax} entries`)
  return entries.map((entry, index) => blockedEntry(entry, `identity.blocked[${index}]`))
}

function blockedEntry(entry: unknown, field: string): BlockedEntry {
  const given = fieldsOf(entry, field, ['kind', 'value', 'emailDomain'])
  const domain = given.get('emailDomain')
  if (domain !== undefined) {
    if (given.size > 1) throw refused(field, 'must have either emailDomain or value')
    const lower = typeof domain === 'string' ? domain.trim().toLowerCase() : ''
    if (!isDomain(lower)) throw refused(`${field}.emailDomain`, 'must be a domain such as "example.com"')
    return { emailDomain: lower }
  }
  const value = given.get('value')
  if (typeof value !== 'string' || value.trim() === '' || value.length > blockedCharactersMax) {
    throw refused(`${field}.value`, `must be a text of 1 to ${blockedCharactersMax} characters`)
  }
  const kind = given.get('kind')
  if (kind === undefined) return { value: value.trim() }
  if (typeof kind === 'string' && kindsByName.has(kind)) return { kind, value: value.trim() }
  throw refused(`${field}.kind`, `must be one of ${kindNames.join(', ')}, or left out for all of them`)
}

function trueOrFalse(value: unknown, field: string): boolean {
  if (typeof value === 'boolean') return value
  throw refused(field, 'must be true or false')
}

function wholeNumber(value: unknown, field: string, most: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most) return value
  throw refused(field, `must be a whole number from 1 to ${most}`)
}

function fieldsOf(value: unknown, field: string, known: readonly string[]): ReadonlyMap<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refused(field, 'must be an object')
  const fields = new Map<string, unknown>(Object.entries(value))
  const unknown = [...fields.keys()].find((name) => !known.includes(name))
  if (unknown !== undefined) throw refused(field, `has no field ${JSON.stringify(unknown)}; ${known.join(', ')} are known`)
  return fields
}

function refused(field: string, rule: string): MillraceError {
  return new MillraceError('bad_request', `${field} ${rule}`)
}
