import { Hono, type Context } from 'hono'
import { MillraceError } from '../platform/errors.ts'
import type { Cache } from '../ports/cache.ts'
import { bodyText } from './body-text.ts'
import type { DecidedWatch } from './decided-watch.ts'
import { type DecidedEvents, eventFeedPage, type FeedRequest } from './event-feed.ts'
import { parseLater, type EraseReport, type EraseRequest } from './erase-profile.ts'
import { explainIdentity, parsePair } from './explain-identity.ts'
import { findProfile, identifierParameters, profileById, type IdentifierParameter } from './find-profile.ts'
import { jsonHeaders } from './json-answer.ts'
import { orderReport, type OrderReportRequest, type ReportPeriod, reportPeriods } from './order-report.ts'
import { profileCard } from './profile-card.ts'
import { profileExport } from './profile-export.ts'
import { profileGraph } from './profile-graph.ts'
import { parseReason, quarantinePage } from './quarantine-page.ts'
import { receipt } from './receipt.ts'
import { parseSplit, type SplitReport, type SplitRequest } from './split-profile.ts'
import { type SegmentDependencies, segmentRoutes } from './segments/segment-routes.ts'
import type { Status } from './status.ts'
import { timelinePage, type TimelineRequest } from './timeline-page.ts'

export interface ReadDependencies extends SegmentDependencies {
  readonly cache: Cache
  readonly status: () => Promise<Status>
  readonly decided: DecidedEvents
  readonly erase: (request: EraseRequest) => Promise<EraseReport>
  readonly split: (request: SplitRequest) => Promise<SplitReport>
  readonly watch: DecidedWatch
  /** Epoch milliseconds. */
  readonly now: () => number
  /** Nobody waits any longer. */
  readonly stopping: AbortSignal
  /** The workspace of a secret key; undefined for any other text. */
  readonly workspaceOf: (secretKey: string) => number | undefined
}

/** Two identifiers, and what JSON takes to write them. */
const splitBytesMax = 16_384

type Variables = { Variables: { workspace: number } }

/** The read side of INTERFACE: every route needs a secret key as Bearer, which also says whose data is read. */
export function readRoutes(dependencies: ReadDependencies): Hono<Variables> {
  const { reader, identity } = dependencies
  const app = new Hono<Variables>()
  // Only these paths: the ingest routes beside them have keys of their own.
  for (const path of ['/profiles', '/profiles/*', '/receipts/*', '/status', '/quarantine', '/events', '/identity/*', '/reports/*', '/segments', '/segments/*']) app.use(path, async (context, next) => {
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
    return json(context, await reader.together(async () => {
      const { profile } = await profileById(context.get('workspace'), context.req.param('id'), reader)
      return timelinePage(profile, request, reader)
    }))
  })
  app.get('/profiles/:id/graph', async (context) => {
    const { profile } = await profileById(context.get('workspace'), context.req.param('id'), reader)
    return json(context, JSON.stringify(await profileGraph(profile, reader)))
  })
  app.delete('/profiles/:id', async (context) => {
    const request = { workspace: context.get('workspace'), person: { profileId: context.req.param('id') }, later: parseLater(context.req.query('later')) }
    return json(context, JSON.stringify(await dependencies.erase(request)))
  })
  app.post('/profiles/:id/split', async (context) => {
    const workspace = context.get('workspace')
    const request = parseSplit(workspace, parsed(await bodyText(context, splitBytesMax)))
    await requireOwner(request, context.req.param('id'), dependencies)
    return json(context, JSON.stringify(await dependencies.split(request)))
  })
  app.get('/profiles/:id/export', async (context) => {
    const found = await profileById(context.get('workspace'), context.req.param('id'), reader)
    const pieces = profileExport(found, { reader, identity, decided: dependencies.decided, now: dependencies.now() })
    return context.body(ReadableStream.from(encoded(pieces)), 200, {
      ...jsonHeaders, 'content-disposition': `attachment; filename="profile-${found.profile.id}.json"`,
    })
  })
  app.get('/identity/explain', async (context) => {
    const pair = parsePair(new URL(context.req.url).searchParams)
    return json(context, JSON.stringify(await explainIdentity(context.get('workspace'), pair, dependencies)))
  })
  app.get('/receipts/:messageId', async (context) =>
    json(context, JSON.stringify(await receipt(context.get('workspace'), context.req.param('messageId'), reader))))
  app.get('/quarantine', async (context) => json(context, JSON.stringify(await quarantinePage({
    workspace: context.get('workspace'), reason: parseReason(context.req.query('reason')), after: context.req.query('after') ?? null,
    limit: wholeNumber(context, 'limit', { fallback: 50, least: 1, most: 1_000 }),
  }, reader))))
  app.get('/events', async (context) => {
    const signal = AbortSignal.any([dependencies.stopping, context.req.raw.signal])
    return json(context, JSON.stringify(await eventFeedPage(feedRequest(context, context.get('workspace')), dependencies, signal)))
  })
  app.get('/reports/orders', async (context) =>
    json(context, JSON.stringify(await orderReport(reportRequest(context, { workspace: context.get('workspace'), zone: dependencies.zone.name }), dependencies.olap, dependencies.now()))))
  app.route('/', segmentRoutes(dependencies))
  app.get('/status', async (context) => json(context, JSON.stringify(await dependencies.status())))
  return app
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** Who names a profile wants it split, not another one. */
async function requireOwner({ workspace, a }: SplitRequest, id: string, { reader, identity }: ReadDependencies): Promise<void> {
  const { profile } = await profileById(workspace, id, reader)
  const key = identity.keyOf({ workspace, kind: a.kind, text: a.value, ...(a.namespace === undefined ? {} : { namespace: a.namespace }) })
  const owner = key === null ? null : await reader.identifier(workspace, key)
  if (owner?.profileId !== profile.id) throw new MillraceError('bad_request', `a: this profile has no ${a.kind} ${JSON.stringify(a.value)}`)
}

function json(context: Context, body: string): Response {
  return context.body(body, 200, jsonHeaders)
}

async function* encoded(pieces: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) yield Buffer.from(piece)
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
  return {
    limit: wholeNumber(context, 'limit', { fallback: 50, least: 1, most: 1_000 }),
    ...(metric === undefined ? {} : { metric }),
    ...(cursor === undefined ? {} : { cursor }),
    ...(after === undefined ? {} : { after }),
    ...(before === undefined ? {} : { before }),
  }
}

function feedRequest(context: Context, workspace: number): FeedRequest {
  const after = context.req.query('after')
  const dropped = context.req.query('dropped') ?? 'false'
  if (dropped !== 'true' && dropped !== 'false') throw new MillraceError('bad_request', 'dropped must be true or false')
  return {
    workspace,
    ...(after === undefined ? {} : { after }),
    limit: wholeNumber(context, 'limit', { fallback: 100, least: 1, most: 1_000 }),
    dropped: dropped === 'true',
    waitMs: wholeNumber(context, 'waitMs', { fallback: 0, least: 0, most: 30_000 }),
  }
}

function reportRequest(context: Context, { workspace, zone }: Pick<OrderReportRequest, 'workspace' | 'zone'>): OrderReportRequest {
  const by = context.req.query('by') ?? 'month'
  if (!isPeriod(by)) throw new MillraceError('bad_request', `by must be one of ${Object.keys(reportPeriods).join(', ')}`)
  const metric = context.req.query('metric') ?? 'Order Completed'
  const after = instant(context, 'after')
  const before = instant(context, 'before')
  return { workspace, zone, by, metric, ...(after === undefined ? {} : { after }), ...(before === undefined ? {} : { before }) }
}

function isPeriod(text: string): text is ReportPeriod {
  return Object.hasOwn(reportPeriods, text)
}

function wholeNumber(
  context: Context, name: string, { fallback, least, most }: { readonly fallback: number; readonly least: number; readonly most: number },
): number {
  const text = context.req.query(name) ?? String(fallback)
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (number >= least && number <= most) return number
  throw new MillraceError('bad_request', `${name} must be a whole number from ${least} to ${most}`)
}

/** An instant as ISO 8601 or epoch milliseconds. */
function instant(context: Context, name: 'after' | 'before'): number | undefined {
  const text = context.req.query(name)
  if (text === undefined) return undefined
  const ms = /^\d{10,16}$/.test(text) ? Number(text) : Date.parse(text)
  if (Number.isNaN(ms)) throw new MillraceError('bad_request', `${name} must be an ISO 8601 instant such as 2026-01-31T00:00:00.000Z`)
  return ms
}
