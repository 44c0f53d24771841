import { Hono, type Context } from 'hono'
import type { Clock } from '../platform/clock.ts'
import { MillraceError } from '../platform/errors.ts'
import { deliveryStates } from '../ports/delivery-state.ts'
import { bodyText } from '../query/body-text.ts'
import { jsonHeaders } from '../query/json-answer.ts'
import { requireSecretKey, type WorkspaceVariables } from '../query/secret-key.ts'
import { type AutomationSources, automationView, deliveryPage, type DeliveryPageRequest } from './automation-view.ts'
import { abandonedCart } from './cart-settings.ts'

export interface AutomationRouteDependencies {
  readonly reader: AutomationSources
  readonly clock: Clock
  /** The workspace of a secret key; undefined for any other text. */
  readonly workspaceOf: (secretKey: string) => number | undefined
  /** Runs one of automation-administration.ts where the OLTP is written. */
  readonly change: (method: 'putAutomation' | 'replayDeliveries', params: Readonly<Record<string, unknown>>) => Promise<unknown>
}

const bodyBytesMax = 65_536

/** Automations of INTERFACE: every route needs a secret key as Bearer, which also says whose they are. */
export function automationRoutes({ reader, clock, workspaceOf, change }: AutomationRouteDependencies): Hono<WorkspaceVariables> {
  const app = new Hono<WorkspaceVariables>()
  for (const path of ['/automations', '/automations/*']) app.use(path, requireSecretKey(workspaceOf))
  app.get('/automations', async (context) => json(context, { automations: [await automationView(reader, context.get('workspace'), clock.now())] }))
  app.get('/automations/:name', async (context) => {
    requireName(context)
    return json(context, { automation: await automationView(reader, context.get('workspace'), clock.now()) })
  })
  app.put('/automations/:name', async (context) => {
    const automation = requireName(context)
    const workspace = context.get('workspace')
    const changed = await change('putAutomation', { workspace, automation, body: await bodyOf(context) })
    const secret: unknown = Reflect.get(Object(changed), 'secret')
    const view = await automationView(reader, workspace, clock.now())
    // A secret that was made here is shown this once.
    const webhook = view.webhook !== null && typeof secret === 'string' ? { ...view.webhook, secret } : view.webhook
    return json(context, { automation: { ...view, webhook } })
  })
  app.get('/automations/:name/deliveries', async (context) => {
    requireName(context)
    return json(context, await deliveryPage(reader.automations, context.get('workspace'), pageRequest(context)))
  })
  app.get('/automations/:name/deliveries/:id', async (context) => {
    requireName(context)
    const page = await deliveryPage(reader.automations, context.get('workspace'), { webhookId: context.req.param('id'), limit: 1 })
    const [delivery]: readonly unknown[] = Object(Reflect.get(Object(page), 'deliveries'))
    if (delivery === undefined) throw new MillraceError('not_found', 'there is no delivery with this webhook id')
    return json(context, { delivery })
  })
  app.post('/automations/:name/deliveries/replay', async (context) => {
    const automation = requireName(context)
    return json(context, { replayed: await change('replayDeliveries', { workspace: context.get('workspace'), automation }) })
  })
  app.post('/automations/:name/deliveries/:id/replay', async (context) => {
    const automation = requireName(context)
    const replayed = await change('replayDeliveries', { workspace: context.get('workspace'), automation, webhookId: context.req.param('id') })
    if (replayed === 0) throw new MillraceError('not_found', 'no parked delivery has this webhook id')
    return json(context, { replayed })
  })
  return app
}

function requireName(context: Context): string {
  const name = context.req.param('name')
  if (name !== abandonedCart) throw new MillraceError('not_found', `there is no automation ${JSON.stringify(name)}; there is ${abandonedCart}`)
  return name
}

async function bodyOf(context: Context): Promise<unknown> {
  const text = await bodyText(context, bodyBytesMax)
  try {
    const body: unknown = JSON.parse(text)
    return body
  } catch (error) {
    throw new MillraceError('bad_body', 'the body is no JSON', { cause: error })
  }
}

function pageRequest(context: Context): DeliveryPageRequest {
  const text = context.req.query('state')
  const state = deliveryStates.find((known) => known === text)
  if (text !== undefined && state === undefined) throw new MillraceError('bad_request', `state: must be one of ${deliveryStates.join(', ')}`)
  const limit = Number(context.req.query('limit') ?? 50)
  if (!Number.isInteger(limit) || limit < 1 || limit > 200) throw new MillraceError('bad_request', 'limit: must be a whole number from 1 to 200')
  const given = context.req.query('cursor')
  const [, createdAt, webhookId] = /^(\d{1,16})-(.{1,64})$/.exec(given ?? '') ?? []
  if (given !== undefined && (createdAt === undefined || webhookId === undefined)) throw new MillraceError('bad_request', 'cursor: not one that this route gave')
  return {
    limit,
    ...(state === undefined ? {} : { state }),
    ...(createdAt === undefined || webhookId === undefined ? {} : { cursor: { createdAt: Number(createdAt), webhookId } }),
  }
}

function json(context: Context, body: unknown): Response {
  return context.body(JSON.stringify(body), 200, jsonHeaders)
}
