import type { JsonObject } from '@millrace/schemas'
import type { IdentifierKind } from '../ports/identity.ts'
import type { EvidenceAround, Explanation } from './explanation.ts'

export interface PropertyStatement {
  readonly value: unknown
  /** Of the event that said it, ISO 8601. */
  readonly time: string
  readonly receivedAt: string
  readonly messageId: string
}

/** One identify event. */
export interface TraitStatement {
  /** Key of the identifier that the event belongs to. */
  readonly identifier: string
  /** Epoch milliseconds. */
  readonly time: number
  readonly messageId: string
  /** The traits. */
  readonly properties: JsonObject
}

/** What the read side needs of identity, which lies above it and passes this down. */
export interface IdentityView {
  /** The key of an identifier in any spelling that an event could carry; null if the text can be none of the kind. */
  keyOf(identifier: { readonly workspace: number; readonly kind: IdentifierKind; readonly text: string; readonly namespace?: string }): string | null
  /** The properties that the stored registers of a profile's identifiers make together. */
  propertiesOf(registers: readonly string[]): Readonly<Record<string, unknown>>
  /** The same with the event that said each, unset ones too. */
  statementsOf(registers: readonly string[]): Readonly<Record<string, PropertyStatement>>
  /** The same from the identify events themselves, in any order. */
  propertiesOfTraits(statements: readonly TraitStatement[]): JsonObject
  /** Why two identifiers are one person, or two. */
  explain(around: EvidenceAround): Explanation
}
