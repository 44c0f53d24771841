import type { AutomationTransaction } from '../ports/automation-store.ts'
import type { IdentifierRow } from '../ports/identity.ts'
import type { IdentityView } from '../query/identity-view.ts'
import { identifiersByKind, isoTime } from '../query/profile-card.ts'
import type { CartContents } from './cart-lines.ts'
import type { OpenCart } from './cart-timer.ts'

export interface PayloadParts {
  readonly cart: OpenCart
  readonly contents: CartContents
  readonly profileId: string
  readonly members: readonly IdentifierRow[]
  readonly webhookId: string
  readonly now: number
  readonly identity: IdentityView
}

/** The name of the event, by which a receiver tells webhooks apart. */
const cartEventName = 'cart.abandoned'

/** A longer body goes without the profile's properties; receivers rarely take more. */
const bodyBytesMax = 262_144

/**
 * The body of the webhook, in the form the Standard Webhooks specification recommends. It is made once and kept: every
 * try sends the same bytes. Webhooks may overtake each other; `profile.version` tells which is newer.
 */
export async function cartPayload(transaction: AutomationTransaction, { cart, contents, profileId, members, webhookId, now, identity }: PayloadParts): Promise<string> {
  const { workspace, automation } = cart.oldest
  const profile = await transaction.profile(workspace, profileId)
  const properties = identity.propertiesOf(await transaction.registersOf(workspace, members.map(({ key }) => key)))
  const { lines, amount, currency, truncated } = contents
  const bodyOf = (shown: object): string => JSON.stringify({
    type: cartEventName,
    timestamp: isoTime(now),
    data: {
      automation,
      cart: {
        id: webhookId, startedAt: isoTime(cart.oldest.firstAt), lastEventAt: isoTime(cart.lastAt), dueAt: isoTime(cart.dueAt),
        lines, ...(truncated ? { linesTruncated: true } : {}), amount, currency,
      },
      profile: {
        id: profileId, version: profile?.version ?? 0, createdAt: profile === null ? null : isoTime(profile.createdAt),
        identifiers: identifiersByKind(members), ...shown,
      },
    },
  })
  const body = bodyOf({ properties })
  return Buffer.byteLength(body) <= bodyBytesMax ? body : bodyOf({ properties: {}, propertiesOmitted: true })
}
