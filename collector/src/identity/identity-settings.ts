import type { IdentifierKind } from '../ports/identity.ts'

/**
 * The rules of identity. All evidence is kept and profiles are a function of evidence and rules, so a change of a rule
 * is a new solve of everything.
 */
export interface IdentitySettings {
  /** ISO 3166-1 alpha-2 country of phone numbers without a country code; null: such numbers identify nobody. */
  readonly region: string | null
  /** Identifiers of a kind that one profile may hold; of `external_id`, for each namespace. */
  readonly limits: Readonly<Record<IdentifierKind, number>>
  /** With more distinct neighbours of one stronger kind a node is a shared device or a support address: it identifies nobody. */
  readonly fanOutMax: number
  /**
   * An e-mail address or phone with more distinct phones, devices or browsers is one that staff type for customers: it
   * identifies nobody, and whoever it joined parts again. No more than five times the limit on the kind, either.
   */
  readonly contactReachMax: number
  /** Of a node's edges to one weaker kind only the first this many (never fewer than the limit) are live. */
  readonly degreeMax: number
}

export const defaultIdentitySettings: IdentitySettings = Object.freeze({
  region: null,
  limits: Object.freeze({ external_id: 1, email: 1, phone: 5, device: 20, anonymous_id: 1_000, cart: 1_000, checkout: 1_000 }),
  fanOutMax: 5,
  contactReachMax: 250,
  degreeMax: 1_000,
})
