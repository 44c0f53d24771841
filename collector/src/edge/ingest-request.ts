import { type EventResult, type EventType, type IngestResponse, limits } from '@millrace/schemas'
import { type AcceptContext, type AcceptedEvent, acceptEvents } from '../ingest/accept-events.ts'
import type { IdentitySettings } from '../identity/identity-settings.ts'
import { decodeBody } from '../ingest/decode-body.ts'
import { parseInstant } from '../ingest/event-time.ts'
import { type Envelope, readEnvelope } from '../ingest/read-envelope.ts'
import type { Clock } from '../platform/clock.ts'
import { MillraceError } from '../platform/errors.ts'
import { failPlace } from '../platform/fail-point.ts'
import { clientAddress } from './client-address.ts'
import type { EdgeMetrics } from './edge-metrics.ts'
import type { EdgeRequest } from './edge-request.ts'
import { findWriteKey } from './find-write-key.ts'
import type { IdCookie } from './id-cookie.ts'
import type { InFlight, Lease } from './in-flight.ts'
import type { KeyInfo, KeyRing } from './key-ring.ts'
import { declaredLength } from './read-body.ts'
import type { Appended, RecordGatherer } from './record-gatherer.ts'
import { type Answer, RateLimited } from './status.ts'
import type { TokenBuckets } from './token-bucket.ts'

export type IngestRoute = 'batch' | EventType

export interface IngestDependencies {
  readonly log: RecordGatherer
  readonly keys: KeyRing
  readonly clock: Clock
  readonly metrics: EdgeMetrics
  readonly inFlight: InFlight
  readonly buckets: TokenBuckets
  readonly idCookie: IdCookie
  readonly bodyTimeoutMs: number
  readonly trustedProxies: number
  readonly identity: IdentitySettings
  /** True once the process is stopping. */
  draining(): boolean
  newMessageId(): string
}

interface Sender extends KeyInfo {
  readonly trusted: boolean
}

/** Takes one ingest request from its headers to its answer; every refusal comes as early as it can be known. */
export async function ingestRequest(dependencies: IngestDependencies, request: EdgeRequest, route: IngestRoute): Promise<Answer> {
  const receivedAt = dependencies.clock.now()
  refuseIfBusy(dependencies)
  const declared = declaredLength(request.header('content-length'), limits.bodyBytesMax)
  const early = senderOf(dependencies.keys, request)
  if (early !== undefined) refuseIfOverQuota(dependencies, early, receivedAt)
  // A client that does not say how long its body is may send as much as it may.
  const lease = dependencies.inFlight.open(declared ?? limits.bodyBytesMax)
  try {
    if (early !== undefined) lease.claim(early.workspace)
    const body = await readBody(dependencies, request, lease)
    const envelope = readEnvelope(body, route)
    const sender = early ?? senderOfBody(dependencies, { envelope, lease, receivedAt })
    noteSkew(dependencies.metrics, envelope, receivedAt)
    const events = acceptEvents(envelope, acceptContext(dependencies, request, { sender, route, receivedAt }))
    dependencies.buckets.pay(sender.workspace, events.length, receivedAt)
    dependencies.metrics.accepted(events)
    const appended = await dependencies.log.append(events)
    failPlace('edge.answer')
    const answer = answerOf(dependencies.metrics, events, { appended, wantResults: envelope.wantResults })
    const cookie = dependencies.idCookie.setFor(request, envelope.items)
    return cookie === undefined ? answer : { ...answer, headers: { 'Set-Cookie': cookie } }
  } finally {
    lease.close()
  }
}

/** Reads what a client sends to be polite to it, and keeps nothing. */
export async function dropRequest({ bodyTimeoutMs, inFlight }: IngestDependencies, request: EdgeRequest): Promise<Answer> {
  const declared = declaredLength(request.header('content-length'), limits.bodyBytesMax)
  const lease = inFlight.open(declared ?? limits.bodyBytesMax)
  try {
    await request.readBody({ bytesMax: limits.bodyBytesMax, timeoutMs: bodyTimeoutMs })
    return { status: 200, body: '{"success":true}' }
  } finally {
    lease.close()
  }
}

function refuseIfBusy({ draining, log }: IngestDependencies): void {
  if (draining()) throw new MillraceError('closed', 'the collector is stopping', { retryable: true })
  if (!log.hasRoom) throw new MillraceError('overloaded', 'the log does not keep up', { retryable: true })
}

function senderOf(keys: KeyRing, request: EdgeRequest): Sender | undefined {
  const presented = findWriteKey({
    authorization: request.header('authorization'),
    writeKeyHeader: request.header('x-write-key'),
    writeKeyQuery: request.query('writeKey'),
  })
  if (presented === undefined) return undefined
  const info = known(keys.find(presented.key))
  return { ...info, trusted: presented.asBasicUser && info.kind === 'secret' }
}

function senderOfBody(
  { keys, buckets }: IngestDependencies, read: { envelope: Envelope, lease: Lease, receivedAt: number },
): Sender {
  const { writeKey } = read.envelope
  if (writeKey === undefined) {
    throw new MillraceError('unauthorized', 'a write key is needed: as Basic user, in X-Write-Key, in ?writeKey= or as writeKey in the body')
  }
  const sender = { ...known(keys.find(writeKey)), trusted: false }
  refuseIfOverQuota({ buckets }, sender, read.receivedAt)
  read.lease.claim(sender.workspace)
  return sender
}

function known(info: KeyInfo | undefined): KeyInfo {
  if (info === undefined) throw new MillraceError('unauthorized', 'the write key is unknown or revoked')
  return info
}

function refuseIfOverQuota({ buckets }: Pick<IngestDependencies, 'buckets'>, sender: Sender, now: number): void {
  const wait = buckets.waitSeconds(sender.workspace, now)
  if (wait > 0) throw new RateLimited('the workspace sends more events a second than it may', wait)
}

async function readBody({ metrics, bodyTimeoutMs }: IngestDependencies, request: EdgeRequest, lease: Lease): Promise<Uint8Array> {
  const wire = await request.readBody({ bytesMax: limits.bodyBytesMax, timeoutMs: bodyTimeoutMs })
  const body = decodeBody(wire, request.header('content-encoding'))
  if (body !== wire) lease.grow(body.length)
  metrics.read(wire.length, body.length)
  return body
}

function noteSkew(metrics: EdgeMetrics, { sentAt }: Envelope, receivedAt: number): void {
  const instant = typeof sentAt === 'string' ? parseInstant(sentAt) : Number.NaN
  if (Number.isFinite(instant)) metrics.skewed(receivedAt - instant)
}

function acceptContext(
  { trustedProxies, newMessageId, identity }: IngestDependencies, request: EdgeRequest,
  about: { sender: Sender, route: IngestRoute, receivedAt: number },
): AcceptContext {
  const { sender, route, receivedAt } = about
  const ip = clientAddress({ remoteAddress: request.remoteAddress, forwardedFor: request.header('x-forwarded-for'), trustedProxies })
  const sentAtHeader = request.header('sentat')
  const userAgent = request.header('user-agent')
  const idempotencyKey = request.header('idempotency-key')
  return {
    workspace: sender.workspace,
    trust: sender.trusted ? 'secret' : 'public',
    receivedAt,
    route,
    identity,
    newMessageId,
    ...(ip === undefined ? {} : { ip }),
    ...(userAgent === undefined ? {} : { userAgent }),
    ...(sentAtHeader === undefined ? {} : { sentAtHeader }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  }
}

/**
 * A client that does not read results would take a 200 for all of its events, so for it one event that is not
 * durable fails the request; those that are come back as duplicates and vanish. So does a request of which nothing is durable.
 */
function answerOf(
  metrics: EdgeMetrics, events: readonly AcceptedEvent[], outcome: { appended: Appended, wantResults: boolean },
): Answer {
  const { failed, storedIn } = outcome.appended
  const results = events.map((event, index) => failed?.has(index) === true ? retryResult(event) : resultOf(event))
  metrics.answered(results)
  const [firstError] = failed?.values() ?? []
  if (firstError !== undefined && (!outcome.wantResults || failed?.size === events.length)) throw firstError
  const body: IngestResponse = { success: true, stored: storedIn, results }
  return { status: 200, body: JSON.stringify(body) }
}

function resultOf({ messageId, result, reason }: AcceptedEvent): EventResult {
  return reason === undefined || result === 'duplicate' ? { messageId, result } : { messageId, result, reason }
}

function retryResult({ messageId }: AcceptedEvent): EventResult {
  return { messageId, result: 'retry' }
}
