import { type EventResult, type EventType, type IngestResponse, limits } from '@millrace/schemas'
import { type AcceptContext, type AcceptedEvent, acceptEvents } from '../ingest/accept-events.ts'
import type { SettingsOf } from '../identity/identity-settings.ts'
import { decodeBody } from '../ingest/decode-body.ts'
import { parseInstant } from '../ingest/event-time.ts'
import { type Envelope, readEnvelope } from '../ingest/read-envelope.ts'
import type { Clock } from '../platform/clock.ts'
import { MillraceError } from '../platform/errors.ts'
import type { Admission } from './admission.ts'
import { failPlace } from '../platform/fail-point.ts'
import { clientAddress } from './client-address.ts'
import type { EdgeMetrics } from './edge-metrics.ts'
import type { EdgeRequest } from './edge-request.ts'
import type { FairTurns } from './fair-turns.ts'
import type { HeldRefusals } from './held-refusals.ts'
import type { IdCookie } from './id-cookie.ts'
import type { InFlight, Lease } from './in-flight.ts'
import type { KeyRing } from './key-ring.ts'
import type { KnownSenders, Sender } from './known-senders.ts'
import { declaredLength } from './read-body.ts'
import type { ReadTurns } from './read-turns.ts'
import type { Appended, RecordGatherer } from './record-gatherer.ts'
import { type Answer, Refused } from './status.ts'

export type IngestRoute = 'batch' | EventType

export interface IngestDependencies {
  readonly log: RecordGatherer
  readonly keys: KeyRing
  readonly senders: KnownSenders
  readonly clock: Clock
  readonly metrics: EdgeMetrics
  readonly inFlight: InFlight
  readonly admission: Admission
  readonly turns: FairTurns
  readonly reads: ReadTurns
  readonly refusals: HeldRefusals
  readonly idCookie: IdCookie
  readonly bodyTimeoutMs: number
  readonly trustedProxies: number
  readonly identityOf: SettingsOf
  /** True once the process is stopping. */
  draining(): boolean
  newMessageId(): string
}

/**
 * A key whose requests would wait longer sends more than its share of what the process can do: refusing costs less than
 * keeping, the more so where what waits is in the way of others.
 */
const waitMsMax = { alone: 250, besideOthers: 40 }

/** Takes one ingest request from its headers to its answer; every refusal comes as early as it can be known. */
export async function ingestRequest(dependencies: IngestDependencies, request: EdgeRequest, route: IngestRoute): Promise<Answer> {
  const { admission, clock, inFlight, metrics, reads, refusals, senders, turns } = dependencies
  const receivedAt = clock.now()
  refuseIfBusy(dependencies)
  const declared = declaredLength(request.header('content-length'), limits.bodyBytesMax)
  const early = senders.of(request)
  const key = early?.id ?? ''
  refusals.seen(key)
  const besideOthers = refusals.severalSend
  if (request.connection !== undefined) reads.came(request.connection, key, besideOthers)
  if (early !== undefined) admission.check(early, receivedAt)
  if (turns.expectedWaitMs(key) > (besideOthers ? waitMsMax.besideOthers : waitMsMax.alone)) throw new Refused('the key has too many requests in work', { code: 'rate_limited', reason: 'key_share', waitSeconds: 1 })
  // A client that does not say how long its body is may send as much as it may.
  const lease = inFlight.open(declared ?? limits.bodyBytesMax, early?.id)
  try {
    const wire = await readBody(dependencies, request, lease)
    const taken = await turns.run(key, wire.length, () => take(dependencies, request, { wire, early, lease, route, receivedAt }))
    const appended = await taken.appended
    failPlace('edge.answer')
    admission.refund(taken.sender, appended.failed?.size ?? 0, receivedAt)
    const answer = answerOf(metrics, taken, appended)
    return taken.cookie === undefined ? answer : { ...answer, headers: { 'Set-Cookie': taken.cookie } }
  } finally {
    lease.close()
  }
}

interface Undecoded {
  readonly wire: Uint8Array
  /** Undefined where the body has to say who sends. */
  readonly early: Sender | undefined
  readonly lease: Lease
  readonly route: IngestRoute
  readonly receivedAt: number
}

/**
 * What is left of a request while its events become durable. It is little on purpose: a request that has waited is old to the
 * garbage collector, which keeps alive, and copies each time, whatever hangs on something old: a body and all its events.
 */
interface Taken {
  readonly sender: Sender
  readonly wantResults: boolean
  readonly events: number
  /** The JSON of every event's result, if all become durable. */
  readonly results: string
  /** Those that are not simply ok. */
  readonly others: readonly EventResult[]
  readonly cookie: string | undefined
  readonly appended: Promise<Appended>
}

/** From the bytes to the records of their events, at one go. */
function take(dependencies: IngestDependencies, request: EdgeRequest, { wire, early, lease, route, receivedAt }: Undecoded): Taken {
  const { admission, idCookie, log, metrics } = dependencies
  const body = decodeBody(wire, request.header('content-encoding'))
  lease.hold(body === wire ? wire.length : wire.length + body.length)
  metrics.read(wire.length, body.length)
  const envelope = readEnvelope(body, route)
  const sender = early ?? senderOfBody(dependencies, { envelope, lease, receivedAt })
  noteSkew(metrics, envelope, receivedAt)
  const events = acceptEvents(envelope, acceptContext(dependencies, request, { sender, route, receivedAt }))
  admission.pay(sender, { events: events.length, bytes: body.length }, receivedAt)
  metrics.accepted(events)
  // The body is done with; what waits for the log are the records.
  lease.hold(events.reduce((sum, { line }) => sum + line.length, 0))
  const results = events.map(resultOf)
  return {
    sender, wantResults: envelope.wantResults, events: events.length, results: JSON.stringify(results),
    others: results.filter(({ result }) => result !== 'ok'),
    cookie: idCookie.setFor(request, envelope.items), appended: log.append(events),
  }
}

/** Reads what a client sends to be polite to it, and keeps nothing. */
export async function dropRequest(dependencies: IngestDependencies, request: EdgeRequest): Promise<Answer> {
  const declared = declaredLength(request.header('content-length'), limits.bodyBytesMax)
  const lease = dependencies.inFlight.open(declared ?? limits.bodyBytesMax)
  try {
    await readBody(dependencies, request, lease)
    return { status: 200, body: '{"success":true}' }
  } finally {
    lease.close()
  }
}

function refuseIfBusy({ draining, log }: IngestDependencies): void {
  if (draining()) throw new MillraceError('closed', 'the collector is stopping', { retryable: true })
  if (!log.hasRoom) throw new Refused('the log does not keep up', { code: 'overloaded', reason: 'log_behind', waitSeconds: 0 })
}

function senderOfBody(
  { keys, admission }: IngestDependencies, read: { envelope: Envelope, lease: Lease, receivedAt: number },
): Sender {
  const { writeKey } = read.envelope
  if (writeKey === undefined) {
    throw new MillraceError('unauthorized', 'a write key is needed: as Basic user, in X-Write-Key, in ?writeKey= or as writeKey in the body')
  }
  const info = keys.find(writeKey)
  if (info === undefined) throw unknownKey()
  const sender = { ...info, trusted: false }
  admission.check(sender, read.receivedAt)
  read.lease.claim(sender.id)
  return sender
}

export function unknownKey(): MillraceError {
  return new MillraceError('unauthorized', 'the write key is unknown or revoked')
}

/** As it came; what has come of it is held while the rest is awaited. */
function readBody({ bodyTimeoutMs }: IngestDependencies, request: EdgeRequest, lease: Lease): Promise<Uint8Array> {
  return request.readBody({ bytesMax: limits.bodyBytesMax, timeoutMs: bodyTimeoutMs, arrived: (bytes) => lease.hold(bytes) })
}

function noteSkew(metrics: EdgeMetrics, { sentAt }: Envelope, receivedAt: number): void {
  const instant = typeof sentAt === 'string' ? parseInstant(sentAt) : Number.NaN
  if (Number.isFinite(instant)) metrics.skewed(receivedAt - instant)
}

function acceptContext(
  { trustedProxies, newMessageId, identityOf }: IngestDependencies, request: EdgeRequest,
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
    identity: identityOf(sender.workspace),
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
function answerOf(metrics: EdgeMetrics, taken: Taken, { failed, storedIn }: Appended): Answer {
  if (failed === null) {
    metrics.answered(taken.events - taken.others.length, taken.others)
    return { status: 200, body: `{"success":true,"stored":"${storedIn}","results":${taken.results}}` }
  }
  const all: readonly EventResult[] = JSON.parse(taken.results)
  const results = all.map((result, index): EventResult => (failed.has(index) ? { messageId: result.messageId, result: 'retry' } : result))
  metrics.answered(0, results)
  const [firstError] = failed.values()
  if (firstError !== undefined && (!taken.wantResults || failed.size === all.length)) throw firstError
  const body: IngestResponse = { success: true, stored: storedIn, results }
  return { status: 200, body: JSON.stringify(body) }
}

function resultOf({ messageId, result, reason }: AcceptedEvent): EventResult {
  return reason === undefined || result === 'duplicate' ? { messageId, result } : { messageId, result, reason }
}
