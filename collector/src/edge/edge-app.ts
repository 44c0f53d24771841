import type { IncomingMessage, ServerResponse } from 'node:http'
import { type EventType, eventTypes, limits } from '@millrace/schemas'
import { Hono } from 'hono'
import type { SettingsOf } from '../identity/identity-settings.ts'
import type { Clock } from '../platform/clock.ts'
import { MillraceError } from '../platform/errors.ts'
import type { LogReadiness } from '../ports/log.ts'
import { Admission } from './admission.ts'
import { corsHeaders, preflightHeaders } from './cors.ts'
import type { DayUsage } from './day-usage.ts'
import type { EdgeMetrics } from './edge-metrics.ts'
import { type EdgeBindings, type EdgeContext, edgeRequest, type EdgeRequest, nodeRequest } from './edge-request.ts'
import { FairTurns } from './fair-turns.ts'
import { HeldRefusals } from './held-refusals.ts'
import { IdCookie } from './id-cookie.ts'
import { InFlight } from './in-flight.ts'
import { dropRequest, type IngestDependencies, ingestRequest, type IngestRoute, unknownKey } from './ingest-request.ts'
import type { KeyRing } from './key-ring.ts'
import { KnownSenders } from './known-senders.ts'
import { answerNode, type NodeAnswer, plainPath } from './node-answer.ts'
import { BodyInterrupted } from './read-body.ts'
import { ReadTurns } from './read-turns.ts'
import type { RecordGatherer } from './record-gatherer.ts'
import { type Answer, errorAnswer, Refused } from './status.ts'

export interface EdgeSettings {
  /** Neutral alias of /v1/batch, and prefix of a second set of all ingest paths, that ad blockers leave alone. */
  readonly ingestPath: string
  /** Sites whose visitors' ids are kept in a cookie of the collector, by their exact origins; none: no cookie. */
  readonly idCookieOrigins: readonly string[]
  /** Proxies of ours in front of the process. */
  readonly trustedProxies: number
  readonly eventsPerSecondMax: number
  readonly inFlightBytesMax: number
  readonly bodyTimeoutMs: number
}

export const edgeDefaults: EdgeSettings = Object.freeze({
  ingestPath: '/e',
  idCookieOrigins: [],
  trustedProxies: 0,
  eventsPerSecondMax: 1_000_000,
  inFlightBytesMax: 64 * 1024 * 1024,
  bodyTimeoutMs: limits.bodyTimeoutMs,
})

export interface EdgeDependencies {
  readonly log: RecordGatherer
  /** Of the log writer below the gatherer. */
  readiness(): LogReadiness
  readonly keys: KeyRing
  /** What the keys used of their day before this process; none: nothing. */
  readonly usage?: DayUsage
  readonly clock: Clock
  /** Its registry is what /metrics prints. */
  readonly metrics: EdgeMetrics
  readonly settings: EdgeSettings
  /** The pump's, at most a few seconds old. */
  readonly identityOf: SettingsOf
  /** True once the process is stopping: unready, and no new events. */
  draining(): boolean
  newMessageId(): string
  /** Between 0 and 1, for jitter. */
  random(): number
  /** Told of defects of ours, which the client only sees as a 503. */
  report(error: unknown): void
}

export type EdgeApp = Hono<{ Bindings: EdgeBindings }> & {
  /** Takes a request of Node's for events without a detour over fetch's objects, which is a fifth of what a single event costs; false: not mine. */
  takeNode(incoming: IncomingMessage, outgoing: ServerResponse): boolean
}

/** As Segment's browser SDK shortens them. */
const shortNames: Readonly<Record<string, EventType>> = {
  t: 'track', i: 'identify', p: 'page', s: 'screen', g: 'group', a: 'alias',
}

/**
 * The HTTP edge. It is the root: mount the read side on it with `app.route('/', queryApp)` before the first request,
 * so that its answers to unknown routes and to uncaught errors serve both.
 */
export function createEdgeApp(dependencies: EdgeDependencies): EdgeApp {
  const app = new Hono<{ Bindings: EdgeBindings }>({ strict: false })
  const { metrics, random, report, settings, clock, draining } = dependencies
  const idCookie = new IdCookie(settings.idCookieOrigins)
  const refusals = new HeldRefusals(clock, random)
  const answering: Answering = { metrics, random, report, draining, refusals, idCookie }
  const ingest = ingestDependencies(dependencies, { idCookie, refusals })
  const paths = ingestPaths(settings.ingestPath)
  const respond = (context: EdgeContext, label: string, work: (request: EdgeRequest) => Promise<Answer>): Promise<Response> =>
    answer(answering, { request: edgeRequest(context), label, work }).then(toResponse)

  for (const [path, route] of paths.events) {
    app.post(path, (context) => respond(context, route, (request) => ingestRequest(ingest, request, route)))
  }
  for (const path of paths.drops) {
    app.post(path, (context) => respond(context, 'drop', (request) => dropRequest(ingest, request)))
  }
  const allPaths = new Set([...paths.events.keys(), ...paths.drops])
  for (const path of allPaths) {
    app.options(path, (context) => new Response(null, {
      status: 204,
      headers: preflightHeaders({
        origin: context.req.header('origin'), requested: context.req.header('access-control-request-headers'), idCookie,
      }),
    }))
  }
  if (idCookie.isOn) addIdRoute(app, settings.ingestPath, idCookie)
  addOperatorRoutes(app, dependencies)
  app.notFound((context) => {
    const cors = corsHeaders(context.req.header('origin'), idCookie)
    if (!allPaths.has(withoutSlash(context.req.path))) {
      return toResponse(withCors(errorAnswer(new MillraceError('not_found', 'there is nothing here'), random), cors))
    }
    const refused = errorAnswer(new MillraceError('method_not_allowed', 'events are sent with POST'), random)
    return toResponse(withCors({ ...refused, headers: { Allow: 'POST, OPTIONS' } }, cors))
  })
  app.onError((error, context) => {
    if (!(error instanceof MillraceError)) report(error)
    return toResponse(withCors(errorAnswer(error, random), corsHeaders(context.req.header('origin'), idCookie)))
  })
  const takeNode: EdgeApp['takeNode'] = (incoming, outgoing) => {
    const route = incoming.method === 'POST' ? paths.events.get(plainPath(incoming) ?? '') : undefined
    if (route === undefined) return false
    answer(answering, { request: nodeRequest(incoming), label: route, work: (request) => ingestRequest(ingest, request, route) })
      .then((answered) => answered === null ? outgoing.destroy() : answerNode(incoming, outgoing, answered))
      .catch(() => outgoing.destroy())
    return true
  }
  return Object.assign(app, { takeNode })
}

function ingestDependencies(dependencies: EdgeDependencies, shared: Pick<IngestDependencies, 'idCookie' | 'refusals'>): IngestDependencies {
  const { log, keys, usage, clock, metrics, settings, identityOf } = dependencies
  const inFlight = new InFlight({
    requestsMax: limits.openRequestsMax,
    bytesMax: settings.inFlightBytesMax,
    keyBytesMax: limits.keyInFlightBytesMax,
  })
  const turns = new FairTurns({ hasRoom: () => log.keepsUp || !shared.refusals.severalSend })
  log.onRoom(() => turns.goOn())
  metrics.watchInFlight(() => inFlight.bytes)
  return {
    ...shared, log, keys, senders: new KnownSenders(keys, unknownKey), clock, metrics, inFlight, identityOf,
    admission: new Admission(settings.eventsPerSecondMax, usage),
    turns,
    reads: new ReadTurns(),
    bodyTimeoutMs: settings.bodyTimeoutMs,
    trustedProxies: settings.trustedProxies,
    draining: () => dependencies.draining(),
    newMessageId: () => dependencies.newMessageId(),
  }
}

interface IngestPaths {
  readonly events: ReadonlyMap<string, IngestRoute>
  /** Read, dropped and answered with 200: an SDK's metrics of itself. */
  readonly drops: readonly string[]
}

function ingestPaths(ingestPath: string): IngestPaths {
  const alias = withoutSlash(ingestPath)
  const events = new Map<string, IngestRoute>([[alias, 'batch']])
  const drops: string[] = []
  for (const base of ['/v1', `${alias}/v1`, alias]) {
    for (const path of ['batch', 'b', 'import']) events.set(`${base}/${path}`, 'batch')
    for (const type of eventTypes) events.set(`${base}/${type}`, type)
    for (const [short, type] of Object.entries(shortNames)) events.set(`${base}/${short}`, type)
    drops.push(`${base}/m`)
  }
  for (const base of ['', alias]) events.set(`${base}/beacon/v1/batch`, 'batch')
  return { events, drops }
}

function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

/** What the cookie holds, for a page of the site that lost its own id; nobody else may ask. */
function addIdRoute(app: Hono<{ Bindings: EdgeBindings }>, ingestPath: string, idCookie: IdCookie): void {
  app.get(`${withoutSlash(ingestPath)}/id`, (context) => {
    const origin = context.req.header('origin')
    if (!idCookie.allows(origin)) throw new MillraceError('not_found', 'this site is not one whose ids are kept here')
    const body = JSON.stringify({ success: true, anonymousId: idCookie.read(context.req.header('cookie')) })
    return toResponse(withCors({ status: 200, body, headers: { 'Cache-Control': 'no-store' } }, corsHeaders(origin, idCookie)))
  })
}

function addOperatorRoutes(app: Hono<{ Bindings: EdgeBindings }>, dependencies: EdgeDependencies): void {
  const { random, report } = dependencies
  const { registry } = dependencies.metrics
  app.get('/healthz', () => toResponse(withCors({ status: 200, body: '{"success":true}' }, {})))
  app.get('/readyz', () => {
    const { ready, reason, storedIn } = dependencies.readiness()
    if (!dependencies.draining() && ready) return toResponse(withCors({ status: 200, body: JSON.stringify({ success: true, ready: true, stored: storedIn ?? 'log' }) }, {}))
    const why = dependencies.draining() ? 'the collector is stopping' : (reason ?? 'an append would not be durable')
    return toResponse(withCors(errorAnswer(new MillraceError('unavailable', why, { retryable: true }), random), {}))
  })
  app.get('/metrics', async (context) => {
    try {
      return context.body(await registry.metrics(), 200, { 'Content-Type': registry.contentType, 'X-Content-Type-Options': 'nosniff' })
    } catch (error) {
      report(error)
      return toResponse(withCors(errorAnswer(error, random), {}))
    }
  })
}

interface Work {
  readonly request: EdgeRequest
  /** Of the metric; from a closed list. */
  readonly label: string
  work(request: EdgeRequest): Promise<Answer>
}

interface Answering extends Pick<EdgeDependencies, 'metrics' | 'random' | 'report' | 'draining'> {
  readonly idCookie: IdCookie
  readonly refusals: HeldRefusals
}

/** Null where nobody reads it: the connection is gone. */
async function answer(
  { metrics, random, report, draining, refusals, idCookie }: Answering, { request, label, work }: Work,
): Promise<NodeAnswer | null> {
  const startedAt = performance.now()
  let status: number | 'closed' = 'closed'
  let refused: NodeAnswer
  try {
    const done = await work(request)
    status = done.status
    return withCors(done, corsHeaders(request.header('origin'), idCookie))
  } catch (error) {
    if (error instanceof BodyInterrupted) return null
    if (error instanceof Refused) metrics.refused(error.reason)
    else if (!(error instanceof MillraceError)) report(error)
    const failed = errorAnswer(error, random)
    status = failed.status
    refused = withCors(failed, corsHeaders(request.header('origin'), idCookie))
    if (!(error instanceof Refused && error.reason === 'key_share') || draining()) return refused
  } finally {
    metrics.requested(label, status, performance.now() - startedAt)
  }
  await refusals.hold(request)
  return refused
}

/** No browser may take for a page what echoes a name that somebody sent. */
const jsonHeaders = Object.freeze({ 'Content-Type': 'application/json', 'X-Content-Type-Options': 'nosniff' })

function withCors({ status, body, headers }: Answer, cors: Readonly<Record<string, string>>): NodeAnswer {
  return { status, body, headers: { ...jsonHeaders, ...cors, ...headers } }
}

/** Headers as a plain object: the Node adapter writes those as they are. */
function toResponse(answered: NodeAnswer | null): Response {
  return answered === null ? new Response(null, { status: 400 }) : new Response(answered.body, answered)
}
