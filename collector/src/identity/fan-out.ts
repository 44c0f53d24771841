import { type IdentifierKind, identifierKinds, type IdentifierRow } from '../ports/identity.ts'
import type { IdentitySettings } from './identity-settings.ts'

/** What an identifier came with too much of, to be anybody's. */
export interface FanOut {
  readonly kind: IdentifierKind
  readonly max: number
  /** Whether of a stronger kind than its own. */
  readonly isStronger: boolean
}

/** What people type into a form for themselves, and staff for others. */
const contacts: readonly IdentifierKind[] = ['email', 'phone']
/** Made anew for each purchase: a person has as many as he buys. */
const tokens: readonly IdentifierKind[] = ['cart', 'checkout']
const limitsOfReach = 5

/**
 * Why an identifier identifies nobody, null if it does. More neighbours of a stronger kind than one person has: a shared
 * device, a support address. Or a contact with so many of a weaker kind that they are customers of one who typed it.
 * A function of counts that only grow, so that the order of events does not matter.
 */
export function fanOutOf({ kind: own, neighbours }: Pick<IdentifierRow, 'kind' | 'neighbours'>, settings: IdentitySettings): FanOut | null {
  let isStronger = true
  for (const kind of identifierKinds) {
    if (kind === own) {
      if (!contacts.includes(own)) return null
      isStronger = false
      continue
    }
    const max = isStronger ? settings.fanOutMax : reachOf(kind, settings)
    if ((neighbours[kind] ?? 0) > max) return { kind, max, isStronger }
  }
  return null
}

/** How many of a weaker kind a contact may come with. */
function reachOf(kind: IdentifierKind, { contactReachMax, degreeMax, limits }: IdentitySettings): number {
  return Math.min(tokens.includes(kind) ? degreeMax : contactReachMax, limitsOfReach * limits[kind])
}
