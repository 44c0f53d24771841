import { textField } from './administration.ts'
import { putSettings, type SettingsDependencies, showSettings } from './identity/workspace-settings.ts'
import type { Handler } from './platform/channel.ts'

/** What the command `millrace settings` asks of a running collector, by name. */
export function settingsOperations(dependencies: SettingsDependencies, workspaceOf: (name: string) => Promise<number>): ReadonlyMap<string, Handler> {
  return new Map<string, Handler>([
    ['settings', async (params) => showSettings(await workspaceOf(textField(params, 'workspace')), dependencies)],
    ['putSettings', async (params) => putSettings({
      workspace: await workspaceOf(textField(params, 'workspace')), body: Reflect.get(Object(params), 'body'), ifVersion: null,
    }, dependencies)],
  ])
}
