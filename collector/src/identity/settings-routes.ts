import { type Context, Hono } from 'hono'
import { MillraceError } from '../platform/errors.ts'
import { bodyText } from '../query/body-text.ts'
import { jsonHeaders } from '../query/json-answer.ts'
import { requireSecretKey, type WorkspaceVariables } from '../query/secret-key.ts'
import { listSettings, putSettings, type SettingsAnswer, type SettingsDependencies, settingsVersion, showSettings } from './workspace-settings.ts'

export interface SettingsRouteDependencies extends SettingsDependencies {
  /** The workspace of a secret key; undefined for any other text. */
  readonly workspaceOf: (secretKey: string) => number | undefined
}

/** A thousand blocked values and what JSON takes to write them. */
const bodyBytesMax = 524_288

/** Settings of a workspace: every route needs a secret key as Bearer, which also says whose they are. */
export function settingsRoutes(dependencies: SettingsRouteDependencies): Hono<WorkspaceVariables> {
  const app = new Hono<WorkspaceVariables>()
  for (const path of ['/settings', '/settings/*']) app.use(path, requireSecretKey(dependencies.workspaceOf))
  app.get('/settings', async (context) => answer(context, await showSettings(context.get('workspace'), dependencies)))
  app.put('/settings', async (context) => answer(context, await putSettings({
    workspace: context.get('workspace'), body: parsed(await bodyText(context, bodyBytesMax)), ifVersion: ifVersionOf(context.req.header('if-match')),
  }, dependencies)))
  app.get('/settings/versions', async (context) => json(context, await listSettings({
    workspace: context.get('workspace'), before: numberIn(context.req.query('before'), 'before'), limit: Math.min(numberIn(context.req.query('limit'), 'limit') ?? 20, 100),
  }, dependencies)))
  app.get('/settings/versions/:version', async (context) =>
    json(context, { settings: await settingsVersion(context.get('workspace'), numberIn(context.req.param('version'), 'version') ?? 0, dependencies) }))
  return app
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new MillraceError('bad_body', 'the body is no JSON', { cause: error })
  }
}

/** `"3"` as ETag gave it; `*` and nothing ask for no certain version. */
function ifVersionOf(header: string | undefined): number | null {
  if (header === undefined || header.trim() === '*') return null
  const version = /^(?:W\/)?"?(\d{1,9})"?$/.exec(header.trim())?.[1]
  if (version === undefined) throw new MillraceError('bad_request', 'If-Match must be the version that the change was made from, as the ETag of /v1/settings says it')
  return Number(version)
}

function numberIn(text: string | undefined, name: string): number | null {
  if (text === undefined) return null
  if (!/^\d{1,9}$/.test(text) || (name === 'limit' && Number(text) < 1)) throw new MillraceError('bad_request', `${name} must be a whole number`)
  return Number(text)
}

function answer(context: Context, body: SettingsAnswer): Response {
  return context.body(JSON.stringify(body), 200, { ...jsonHeaders, etag: `"${body.settings.version}"` })
}

function json(context: Context, body: unknown): Response {
  return context.body(JSON.stringify(body), 200, jsonHeaders)
}
