import { Hono, type Context } from 'hono'
import { MillraceError } from '../platform/errors.ts'
import type { Cache } from '../ports/cache.ts'
import { findProfile, identifierParameters, profileById, type IdentifierParameter } from './find-profile.ts'
import { profileCard } from './profile-card.ts'
import { profileGraph } from './profile-graph.ts'
import { receipt } from './receipt.ts'
import { type SegmentDependencies, segmentRoutes } from './segments/segment-routes.ts'
import type { Status } from './status.ts'
import { timelinePage, type TimelineRequest } from './timeline-page.ts'

export interface ReadDependencies extends SegmentDependencies {
  readonly cache: Cache
  readonly status: () => Promise<Status>
  /** The workspace of a secret key; undefined for any other text. */
  readonly workspaceOf: (secretKey: string) => number | undefined
}

type Variables = { Variables: { workspace: number } }

/** The read side of INTERFACE: every route needs a secret key as Bearer, which also says whose data is read. */
export function readRoutes(dependencies: ReadDependencies): Hono<Variables> {
  const { reader, identity } = dependencies
  const app = new Hono<Variables>()
  // Only these paths: the ingest routes beside them have keys of their own.
  for (const path of ['/profiles', '/profiles/*', '/receipts/*', '/status', '/segments', '/segments/*']) app.use(path, async (context, next) => {
    const bearer = /^Bearer (.+)$/.exec(context.req.header('authorization') ?? '')?.[1]
    const workspace = bearer === undefined ? undefined : dependencies.workspaceOf(bearer.trim())
    if (workspace === undefined) throw new MillraceError('unauthorized', 'this route needs a secret key: Authorization: Bearer <secret key>')
    context.set('workspace', workspace)
    await next()
  })
  app.get('/profiles', async (context) => {
    const [parameter, value] = wantedIdentifier(context)
    const profile = await findProfile({ workspace: context.get('workspace'), parameter, value }, reader, identity)
    return json(context, `{"profile":${await profileCard(profile, dependencies)}}`)
  })
  app.get('/profiles/:id', async (context) => {
    const { profile, mergedFrom } = await profileById(context.get('workspace'), context.req.param('id'), reader)
    const merged = mergedFrom === undefined ? '' : `,"mergedFrom":${JSON.stringify(mergedFrom)}`
    return json(context, `{"profile":${await profileCard(profile, dependencies)}${merged}}`)
  })
  app.get('/profiles/:id/events', async (context) => {
    const request = timelineRequest(context)
    const { profile } = await profileById(context.get('workspace'), context.req.param('id'), reader)
    return json(context, JSON.stringify(await timelinePage(profile, request, reader)))
  })
  app.get('/profiles/:id/graph', async (context) => {
    const { profile } = await profileById(context.get('workspace'), context.req.param('id'), reader)
    return json(context, JSON.stringify(await profileGraph(profile, reader)))
  })
  app.get('/receipts/:messageId', async (context) =>
    json(context, JSON.stringify(await receipt(context.get('workspace'), context.req.param('messageId'), reader))))
  app.route('/', segmentRoutes(dependencies))
  app.get('/status', async (context) => json(context, JSON.stringify(await dependencies.status())))
  return app
}

function json(context: Context, body: string): Response {
  return context.body(body, 200, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' })
}

function wantedIdentifier(context: Context): readonly [IdentifierParameter, string] {
  for (const parameter of ['externalId', 'email', 'phone', 'anonymousId'] as const) {
    const value = context.req.query(parameter)
    if (value !== undefined) return [parameter, value]
  }
  throw new MillraceError('bad_request', `name one of ${Object.keys(identifierParameters).join(', ')}`)
}

function timelineRequest(context: Context): TimelineRequest {
  const metric = context.req.query('metric')
  const after = instant(context, 'after')
  const given = context.req.query('before')
  // A page's `next` may come back as `cursor` or in the place of `before`: an instant never looks like one.
  const isCursor = given !== undefined && !/^\d/.test(given)
  const cursor = context.req.query('cursor') ?? (isCursor ? given : undefined)
  const before = isCursor ? undefined : instant(context, 'before')
  const limit = Number(context.req.query('limit') ?? 50)
  if (!Number.isInteger(limit) || limit < 1 || limit > 1_000) throw new MillraceError('bad_request', 'limit must be a whole number from 1 to 1000')
  return {
    limit,
    ...(metric === undefined ? {} : { metric }),
    ...(cursor === undefined ? {} : { cursor }),
    ...(after === undefined ? {} : { after }),
    ...(before === undefined ? {} : { before }),
  }
}

/** An instant as ISO 8601 or epoch milliseconds. */
function instant(context: Context, name: 'after' | 'before'): number | undefined {
  const text = context.req.query(name)
  if (text === undefined) return undefined
  const ms = /^\d{10,16}$/.test(text) ? Number(text) : Date.parse(text)
  if (Number.isNaN(ms)) throw new MillraceError('bad_request', `${name} must be an ISO 8601 instant such as 2026-01-31T00:00:00.000Z`)
  return ms
}
