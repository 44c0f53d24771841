import { MillraceError } from '../platform/errors.ts'
import { type IdentifierKind, identifierKinds, type IdentifierRow } from '../ports/identity.ts'
import type { StatusReader } from '../ports/oltp.ts'
import type { ProfileReader } from '../ports/profile-reader.ts'
import type { IdentityView } from './identity-view.ts'

/** An identifier as somebody names it, in any spelling that an event could carry. */
export interface NamedIdentifier {
  readonly kind: IdentifierKind
  readonly value: string
  readonly namespace?: string
}

const decidedWithinMs = 15_000
const lookAgainMs = 20

/** Fails with `bad_request` for what can be no identifier, `not_found` for one that nobody has. */
export async function knownIdentifier(workspace: number, { kind, value, namespace }: NamedIdentifier, { reader, identity }: { readonly reader: ProfileReader; readonly identity: IdentityView }): Promise<IdentifierRow> {
  const key = identity.keyOf({ workspace, kind, text: value, ...(namespace === undefined ? {} : { namespace }) })
  if (key === null) throw new MillraceError('bad_request', `${kind}: ${JSON.stringify(value)} cannot be an identifier`)
  const row = await reader.identifier(workspace, key)
  if (row === null) throw new MillraceError('not_found', `${kind}: nobody has ${JSON.stringify(value)}`)
  return row
}

/** Until an operator's decision is through; fails with `unavailable` (retryable) after 15 seconds. */
export async function untilDecided(workspace: number, messageId: string, { reader, pause }: { readonly reader: Pick<StatusReader, 'claimOf'>; readonly pause: (ms: number) => Promise<void> }): Promise<void> {
  for (let waitedMs = 0; await reader.claimOf(workspace, messageId) === null; waitedMs += lookAgainMs) {
    if (waitedMs > decidedWithinMs) {
      throw new MillraceError('unavailable', 'it is in the log and will be decided when the pump gets there; it need not be asked for again', { retryable: true })
    }
    await pause(lookAgainMs)
  }
}

/** `externalId`, `external_id` and `external-id` are one kind; null for what is none. */
function kindNamed(text: string): IdentifierKind | null {
  const name = text.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).replaceAll('-', '_')
  return identifierKinds.find((kind) => kind === name) ?? null
}

export function parseNamed(value: unknown, field: string): NamedIdentifier {
  const fields = asFields(value, field)
  const kind = fields.get('kind')
  const known = typeof kind === 'string' ? kindNamed(kind) : null
  if (known === null) throw new MillraceError('bad_request', `${field}.kind must be one of externalId, email, phone, device, anonymousId, cart, checkout`)
  const text = fields.get('value')
  if (typeof text !== 'string' || text === '') throw new MillraceError('bad_request', `${field}.value must be a text`)
  const namespace = fields.get('namespace') ?? ''
  if (typeof namespace !== 'string') throw new MillraceError('bad_request', `${field}.namespace must be a text`)
  return { kind: known, value: text, ...(namespace === '' ? {} : { namespace }) }
}

export function asFields(value: unknown, what: string): ReadonlyMap<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return new Map(Object.entries(value))
  throw new MillraceError('bad_request', `${what} must be an object such as {"kind":"email","value":"ada@example.com"}`)
}
