import type { IdentifierKind } from '../ports/identity.ts'

/** One identifier of a person, normalised. */
export interface Identifier {
  readonly kind: IdentifierKind
  /** Empty but for ids of integrations and devices, which mean something only within their shop or platform. */
  readonly namespace: string
  readonly value: string
}
