import { type IdentifierKind, identifierKinds } from '../ports/identity.ts'
import type { Identifier } from './identifier.ts'

/**
 * The rules of identity. All evidence is kept and profiles are a function of evidence and rules, so a change of a rule
 * is a new solve of everything.
 */
export interface IdentitySettings {
  /** ISO 3166-1 alpha-2 country of phone numbers without a country code; null: such numbers identify nobody. */
  readonly region: string | null
  /** Identifiers of a kind that one profile may hold; of `external_id`, for each namespace. */
  readonly limits: Readonly<Record<IdentifierKind, number>>
  /** Every kind once: where not everything fits on one profile, evidence of the first kinds is taken first. */
  readonly priorities: readonly IdentifierKind[]
  /** With more distinct neighbours of one stronger kind a node is a shared device or a support address: it identifies nobody. */
  readonly fanOutMax: number
  /**
   * An e-mail address or phone with more distinct phones, devices or browsers is one that staff type for customers: it
   * identifies nobody, and whoever it joined parts again. No more than five times the limit on the kind, either.
   */
  readonly contactReachMax: number
  /** Of a node's edges to one weaker kind only the first this many (never fewer than the limit) are live. */
  readonly degreeMax: number
  /** Whether spellings of one mailbox, such as `jane+news@gmail.com`, are taken for one person's. */
  readonly foldEmailAliases: boolean
  /** What the workspace itself says identifies nobody. */
  readonly blocked: OwnBlocked
  /** Of the settings that these are; 0 for those of the installation. */
  readonly version: number
}

/** Values that a workspace blocks, made ready to ask. */
export interface OwnBlocked {
  /** `kind:value`, and `:value` for every kind; in lower case. */
  readonly values: ReadonlySet<string>
  /** Domains of e-mail addresses, in lower case. */
  readonly emailDomains: ReadonlySet<string>
}

/** The rules of a workspace. */
export type SettingsOf = (workspace: number) => IdentitySettings

export const defaultIdentitySettings: IdentitySettings = Object.freeze({
  region: null,
  limits: Object.freeze({ external_id: 1, email: 1, phone: 5, device: 20, anonymous_id: 1_000, cart: 1_000, checkout: 1_000, email_alias: 1_000 }),
  priorities: identifierKinds,
  fanOutMax: 5,
  contactReachMax: 250,
  degreeMax: 1_000,
  foldEmailAliases: false,
  blocked: Object.freeze({ values: new Set<string>(), emailDomains: new Set<string>() }),
  version: 0,
})

/**
 * Whether the workspace itself blocks the identifier. Unlike what nobody could be identified by, such a value stays a node, whose edges
 * are inert: so it can be blocked and unblocked, and people are what they would be had it always been so.
 */
export function isOwnBlocked({ kind, value }: Pick<Identifier, 'kind' | 'value'>, { foldEmailAliases, blocked: { values, emailDomains } }: IdentitySettings): boolean {
  if (kind === 'email_alias' && !foldEmailAliases) return true
  if (values.size > 0) {
    const lower = value.toLowerCase()
    if (values.has(`:${lower}`) || values.has(`${kind}:${lower}`)) return true
  }
  return emailDomains.size > 0 && (kind === 'email' || kind === 'email_alias') && emailDomains.has(value.slice(value.lastIndexOf('@') + 1).toLowerCase())
}
