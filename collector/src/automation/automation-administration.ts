import { randomBytes } from 'node:crypto'
import { type ShopMetrics, usualShop } from '@millrace/schemas'
import type { Handler } from '../platform/channel.ts'
import type { Clock } from '../platform/clock.ts'
import { MillraceError } from '../platform/errors.ts'
import type { AutomationStore } from '../ports/automation-store.ts'
import type { Oltp } from '../ports/oltp.ts'
import { templateSegments } from '../query/segments/template-segments.ts'
import { abandonedCart, type CartSettings, changedSettings, defaultCartSettings, parseSettings, settingsText } from './cart-settings.ts'
import { canonicalName } from './event-name.ts'

export interface AutomationAdministration {
  readonly store: Pick<AutomationStore, 'automations' | 'putAutomation' | 'replay'>
  readonly segments: Pick<Oltp, 'addSegments'>
  readonly clock: Clock
  readonly allowPrivate: boolean
  /** Called after a change that somebody may wait for. */
  readonly changed: () => void
}

const replayedMax = 10_000

/** What the writer of the OLTP does for routes and commands that change an automation, by name. */
export function automationAdministration({ store, segments, clock, allowPrivate, changed }: AutomationAdministration): ReadonlyMap<string, Handler> {
  return new Map<string, Handler>([
    ['putAutomation', async (params) => {
      const { workspace, automation } = refOf(params)
      const row = (await store.automations()).find((known) => known.workspace === workspace && known.automation === automation)
      const current = row === undefined ? defaultCartSettings : parseSettings(row.settings)
      let made: string | null = null
      const settings = changedSettings(Reflect.get(Object(params), 'body'), {
        current, allowPrivate, now: clock.now(), newSecret: () => (made = `whsec_${randomBytes(32).toString('base64')}`),
      })
      // First, so that a start which fails in between does both when it is tried again.
      if (settings.enabled && !current.enabled) await segments.addSegments(workspace, templateSegments(shopOf(settings), clock.now()))
      await store.putAutomation({ workspace, automation, settings: settingsText(settings), updatedAt: clock.now() }, settings.delaySeconds * 1_000)
      changed()
      return { secret: made }
    }],
    ['replayDeliveries', async (params) => {
      const webhookId: unknown = Reflect.get(Object(params), 'webhookId')
      const replayed = await store.replay(refOf(params), { webhookId: typeof webhookId === 'string' ? webhookId : null, now: clock.now(), limit: replayedMax })
      changed()
      return replayed
    }],
  ])
}

/** The segments ask for one exact name: the usual one where the automation knows it, in the spelling that it is given in. */
function shopOf({ orderMetrics }: CartSettings): ShopMetrics {
  const usual = canonicalName(usualShop.orderMetric)
  return { ...usualShop, orderMetric: orderMetrics.find((name) => canonicalName(name) === usual) ?? orderMetrics[0] ?? usualShop.orderMetric }
}

function refOf(params: unknown): { readonly workspace: number; readonly automation: string } {
  const workspace: unknown = Reflect.get(Object(params), 'workspace')
  const automation: unknown = Reflect.get(Object(params), 'automation')
  if (typeof workspace !== 'number') throw new MillraceError('bad_request', 'workspace: must be the number of one')
  if (automation !== abandonedCart) throw new MillraceError('not_found', `there is no automation ${JSON.stringify(automation)}; there is ${abandonedCart}`)
  return { workspace, automation }
}
