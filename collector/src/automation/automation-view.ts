import { segmentTemplates } from '@millrace/schemas'
import type { AttemptRow, AutomationReader, DeliveryRow } from '../ports/automation-store.ts'
import type { DeliveryState } from '../ports/delivery-state.ts'
import type { OltpReader } from '../ports/oltp.ts'
import { isoTime } from '../query/profile-card.ts'
import { abandonedCart, type CartSettings, defaultCartSettings, parseSettings } from './cart-settings.ts'
import { maskedSecret } from './webhook-signature.ts'

/** An automation as it is shown: never with a secret in full. */
export interface AutomationView extends Omit<CartSettings, 'webhook'> {
  readonly name: string
  readonly title: string
  readonly about: string
  readonly webhook: {
    readonly url: string
    readonly secret: string
    /** Until then messages carry the signature of the secret before as well. */
    readonly previousSecretUntil?: string
    readonly state: 'ok' | 'failing' | 'disabled'
    readonly failingSince?: string
    readonly disabledAt?: string
    readonly disabledReason?: string
  } | null
  /** Ready-made segments that a start stores; `id` is null where the workspace has none of that name. */
  readonly segments: readonly { readonly name: string; readonly about: string; readonly id: string | null }[]
  readonly carts: { readonly open: number }
  readonly deliveries: Readonly<Record<DeliveryState, number>>
}

export type AutomationSources = Pick<OltpReader, 'automations' | 'segments'>

const title = 'Abandoned cart'
const about = 'Somebody put something into the cart and ordered nothing within the delay: one signed webhook with the profile and the cart. ' +
  'To start it, give a webhook URL and enable it; three segments to go with it are then stored as well.'

/** With the defaults where nothing was set yet. */
export async function automationView(oltp: AutomationSources, workspace: number, now: number): Promise<AutomationView> {
  const reader = oltp.automations
  const ref = { workspace, automation: abandonedCart }
  const row = await reader.automation(ref)
  const { webhook, ...settings } = row === null ? defaultCartSettings : parseSettings(row.settings)
  const endpoint = await reader.endpoint(ref)
  const { openCarts, deliveries } = await reader.counts(ref)
  const stored = await oltp.segments(workspace)
  const state = endpoint?.disabledAt != null ? 'disabled' : endpoint?.failingSince != null ? 'failing' : 'ok'
  return {
    name: abandonedCart, title, about, ...settings,
    webhook: webhook === null ? null : {
      url: webhook.url, secret: maskedSecret(webhook.secret), state,
      ...(webhook.previous !== null && webhook.previous.until > now ? { previousSecretUntil: isoTime(webhook.previous.until) } : {}),
      ...(endpoint?.failingSince == null ? {} : { failingSince: isoTime(endpoint.failingSince) }),
      ...(endpoint?.disabledAt == null ? {} : { disabledAt: isoTime(endpoint.disabledAt), disabledReason: endpoint.disabledReason ?? '' }),
    },
    segments: segmentTemplates().map(({ name, about: what }) => ({ name, about: what, id: stored.find((row) => row.name === name)?.id ?? null })),
    carts: { open: openCarts }, deliveries,
  }
}

export interface DeliveryPageRequest {
  readonly state?: DeliveryState
  readonly webhookId?: string
  readonly cursor?: { readonly createdAt: number; readonly webhookId: string }
  readonly limit: number
}

/** A longer history of tries keeps its beginning. */
const attemptsMax = 50

/** Newest first, each with its tries; bodies only where one is asked for by its id. */
export async function deliveryPage(reader: AutomationReader, workspace: number, request: DeliveryPageRequest): Promise<unknown> {
  const rows = await reader.deliveries({ workspace, automation: abandonedCart, ...request, limit: request.limit + 1 })
  const page = rows.slice(0, request.limit)
  const attempts = Map.groupBy(await reader.attempts(workspace, page.map(({ webhookId }) => webhookId), attemptsMax), ({ webhookId }) => webhookId)
  const last = page.at(-1)
  return {
    deliveries: page.map((row) => deliveryView(row, { attempts: attempts.get(row.webhookId) ?? [], withBody: request.webhookId !== undefined })),
    next: rows.length > page.length && last !== undefined ? `${last.createdAt}-${last.webhookId}` : null,
  }
}

function deliveryView(row: DeliveryRow, { attempts, withBody }: { attempts: readonly AttemptRow[]; withBody: boolean }): unknown {
  const body: unknown = withBody ? JSON.parse(row.body) : undefined
  return {
    webhookId: row.webhookId, profileId: row.profileId, state: row.state, ...(row.reason === null ? {} : { reason: row.reason }),
    dueAt: isoTime(row.dueAt), createdAt: isoTime(row.createdAt),
    ...(row.nextAt === null ? {} : { nextAt: isoTime(row.nextAt) }), ...(row.sentAt === null ? {} : { sentAt: isoTime(row.sentAt) }),
    attempts: attempts.map(({ attempt, at, durationMs, status, error }) => ({ attempt, at: isoTime(at), durationMs, status, ...(error === null ? {} : { error }) })),
    ...(body === undefined ? {} : { body }),
  }
}
