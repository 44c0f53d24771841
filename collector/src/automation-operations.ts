import { abandonedCart } from './automation/cart-settings.ts'
import { type AutomationSources, automationView } from './automation/automation-view.ts'
import type { AutomationRouteDependencies } from './automation/automation-routes.ts'
import { textField } from './administration.ts'
import type { Handler } from './platform/channel.ts'
import type { Clock } from './platform/clock.ts'

export interface AutomationOperationDependencies {
  readonly reader: AutomationSources
  readonly clock: Clock
  readonly change: AutomationRouteDependencies['change']
  /** The number of a workspace, by its name. */
  readonly workspaceOf: (name: string) => Promise<number>
}

/** What the command `millrace automations` asks of a running collector, by name. */
export function automationOperations({ reader, clock, change, workspaceOf }: AutomationOperationDependencies): ReadonlyMap<string, Handler> {
  return new Map<string, Handler>([
    ['automations', async (params) => [await automationView(reader, await workspaceOf(textField(params, 'workspace')), clock.now())]],
    ['changeAutomation', async (params) => {
      const workspace = await workspaceOf(textField(params, 'workspace'))
      const changed = await change('putAutomation', { workspace, automation: textField(params, 'automation'), body: Reflect.get(Object(params), 'body') })
      const secret: unknown = Reflect.get(Object(changed), 'secret')
      return { automation: await automationView(reader, workspace, clock.now()), ...(typeof secret === 'string' ? { secret } : {}) }
    }],
    ['replayAutomation', async (params) =>
      change('replayDeliveries', { workspace: await workspaceOf(textField(params, 'workspace')), automation: abandonedCart })],
  ])
}
