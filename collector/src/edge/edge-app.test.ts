import { deflateSync, gzipSync } from 'node:zlib'
import { limits, uuidV7 } from '@millrace/schemas'
import { Registry } from 'prom-client'
import { beforeEach, describe, expect, it } from 'vitest'
import { ManualLog } from '../../test/manual-log.ts'
import { defaultIdentitySettings } from '../identity/identity-settings.ts'
import { type Clock, systemClock } from '../platform/clock.ts'
import { MillraceError } from '../platform/errors.ts'
import { createEdgeApp, type EdgeApp, edgeDefaults, type EdgeSettings } from './edge-app.ts'
import { EdgeMetrics } from './edge-metrics.ts'
import { hashKey, type KeyList, KeyRing } from './key-ring.ts'
import { RecordGatherer } from './record-gatherer.ts'
import { noLimits } from '../ports/key.ts'

const writeKey = 'wk_0123456789abcdef'
const secretKey = 'sk_0123456789abcdef'
const listed: KeyList = [
  { hash: hashKey(writeKey), workspace: 7, kind: 'write', id: 'w', revoked: false, limits: noLimits },
  { hash: hashKey(secretKey), workspace: 7, kind: 'secret', id: 's', revoked: false, limits: noLimits },
  { hash: hashKey('wk_revoked_0123456'), workspace: 7, kind: 'write', id: 'r', revoked: true, limits: noLimits },
]
const keys = new KeyRing(listed)

let log = new ManualLog()
let registry = new Registry()
let draining = false
let reported: unknown[] = []

beforeEach(() => {
  log = new ManualLog()
  draining = false
  reported = []
})

function edge(settings: Partial<EdgeSettings> = {}, clock: Clock = systemClock): EdgeApp {
  registry = new Registry()
  const metrics = new EdgeMetrics(registry)
  return createEdgeApp({
    log: new RecordGatherer({ log, clock, metrics }, { pendingBytesMax: 2_000_000, appendTimeoutMs: 60 }), readiness: () => log.readiness(), keys, clock, metrics,
    settings: { ...edgeDefaults, ...settings }, identityOf: () => defaultIdentitySettings, draining: () => draining,
    newMessageId: () => uuidV7(Date.now()), random: () => 0.5, report: (error) => reported.push(error),
  })
}

function basic(key: string): string {
  return `Basic ${Buffer.from(`${key}:`).toString('base64')}`
}

interface Sent {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
}

async function send(app: EdgeApp, path: string, ...[body, headers = {}]: readonly [body: unknown, headers?: Readonly<Record<string, string>>]): Promise<Sent> {
  const bytes = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)
  const response = await app.request(path, { method: 'POST', body: Buffer.from(bytes), headers: { authorization: basic(writeKey), 'content-type': 'application/json', ...headers } })
  return { status: response.status, headers: response.headers, body: JSON.parse(await response.text()) }
}

const event = { userId: 'u', event: 'Order Completed', messageId: 'm1' }

describe('ingest routes', () => {
  it.each([
    ['/v1/track', event, 'track'], ['/v1/identify', { userId: 'u' }, 'identify'], ['/v1/page', { userId: 'u' }, 'page'], ['/v1/screen', { userId: 'u' }, 'screen'],
    ['/v1/group', { userId: 'u', groupId: 'g' }, 'group'], ['/v1/alias', { userId: 'u', previousId: 'v' }, 'alias'],
    ['/v1/batch', { batch: [{ ...event, type: 'track' }] }, 'track'], ['/e', { batch: [{ ...event, type: 'track' }] }, 'track'],
  ])('%s stores what it is sent', async (path, body, type) => {
    const { status, body: answer } = await send(edge(), path, body)
    expect(status).toBe(200)
    expect(answer).toMatchObject({ success: true, stored: 'log', results: [{ result: 'ok', messageId: expect.any(String) }] })
    expect(log.events()).toMatchObject([{ type, userId: 'u' }])
  })

  it('takes text/plain, gzip and deflate, and refuses what is none', async () => {
    const app = edge()
    const text = JSON.stringify(event)
    expect((await send(app, '/v1/track', text, { 'content-type': 'text/plain' })).status).toBe(200)
    expect((await send(app, '/v1/track', gzipSync(text), { 'content-encoding': 'gzip' })).status).toBe(200)
    expect((await send(app, '/v1/track', deflateSync(text), { 'content-encoding': 'deflate' })).status).toBeLessThan(500)
    for (const bad of ['', '{', '{"userId":', 'hello', 'null', '7']) expect([bad, (await send(app, '/v1/track', bad)).status]).toEqual([bad, 400])
    expect((await send(app, '/v1/track', gzipSync(text).subarray(0, 20), { 'content-encoding': 'gzip' })).status).toBe(400)
  })

  it('answers with the shape of errors where there is nothing', async () => {
    const app = edge()
    expect((await send(app, '/v2/track', event)).body).toMatchObject({ success: false, error: { code: 'not_found', retryable: false } })
    const get = await app.request('/v1/track')
    expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST, OPTIONS'])
  })
})

describe('keys', () => {
  it('are taken from each place, the first present deciding', async () => {
    const app = edge()
    const places: readonly [string, Readonly<Record<string, string>>, object][] = [
      ['/v1/track', { authorization: basic(writeKey) }, {}], ['/v1/track', { authorization: '', 'x-write-key': writeKey }, {}],
      [`/v1/track?writeKey=${writeKey}`, { authorization: '' }, {}], ['/v1/track', { authorization: '' }, { writeKey }],
    ]
    for (const [path, headers, more] of places) expect((await send(app, path, { ...event, ...more }, headers)).status).toBe(200)
    expect((await send(app, `/v1/track?writeKey=${writeKey}`, event, { authorization: basic('wrong-key-0123456789') })).status).toBe(401)
  })

  it.each(['', 'unknown-key-0123456789', 'wk_revoked_0123456', 'x'.repeat(10_000)])('refuses %s', async (key) => {
    const { status, body } = await send(edge(), '/v1/track', event, { authorization: basic(key) })
    expect([status, body]).toMatchObject([401, { success: false, error: { code: 'unauthorized', retryable: false } }])
    expect(log.durable).toEqual([])
  })

  it('never stand in what is stored, nor in metrics', async () => {
    const app = edge()
    await send(app, '/v1/track', { ...event, writeKey }, { authorization: '' })
    expect(log.durable.join('')).not.toContain(writeKey)
    expect(await (await app.request('/metrics')).text()).not.toContain(writeKey)
  })

  it('of the secret kind, as Basic user, make evidence trusted', async () => {
    const app = edge()
    await send(app, '/v1/track', event, { authorization: basic(secretKey) })
    await send(app, '/v1/track', { ...event, messageId: 'm2' })
    expect(log.durable.map((line) => line.split(',')[2])).toEqual(['s', 'p'])
  })
})

describe('durability', () => {
  it('is never promised before the log has the events', async () => {
    log.mode = 'by hand'
    let answered = false
    const sending = send(edge(), '/v1/track', event).then((sent) => {
      answered = true
      return sent
    })
    while (log.waiting.length === 0) await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => setImmediate(resolve))
    expect(answered).toBe(false)
    log.waiting[0]?.resolve()
    expect((await sending).status).toBe(200)
  })

  it('of more than the log keeps up with is waited for by whoever sends it, and by nobody else', async () => {
    // No time passes, so that however slow the machine is no append is too late.
    const app = edge({}, { ...systemClock, elapsed: () => 0 })
    const one = (key: string, messageId: string): Promise<Sent> => send(app, '/v1/track', { type: 'track', event: 'x', userId: 'u', messageId }, { authorization: basic(key) })
    const large = Array.from({ length: 20 }, (_, index) => ({ type: 'track', event: 'x', userId: 'u', messageId: `large ${index}`, properties: { text: 'x'.repeat(15_000) } }))
    expect((await one(secretKey, 'before')).status).toBe(200)
    log.mode = 'by hand'
    const sending = [send(app, '/v1/batch', { batch: large })]
    while (log.waiting.length === 0) await new Promise((resolve) => setImmediate(resolve))
    for (const [key, messageId] of [[writeKey, 'its next'], [writeKey, 'the one after'], [secretKey, 'of another']] as const) {
      sending.push(one(key, messageId))
      for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    }
    log.mode = 'at once'
    for (const { resolve } of log.waiting) resolve()
    expect((await Promise.all(sending)).map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect(log.events().slice(21).map(({ messageId }) => messageId)).toEqual(['its next', 'of another', 'the one after'])
  })

  it.each([
    ['log_full', 503], ['log_failed', 503], ['outcome_unknown', 503], ['unavailable', 503],
  ] as const)('that fails with %s is a %i with Retry-After', async (code, status) => {
    log.mode = new MillraceError(code, 'no', { retryable: true })
    const sent = await send(edge(), '/v1/track', event)
    expect([sent.status, sent.body]).toMatchObject([status, { success: false, error: { retryable: true } }])
    expect(Number(sent.headers.get('retry-after'))).toBeGreaterThan(0)
  })

  it('of some events only comes back as `retry` to whoever reads results, as an error to others', async () => {
    const batch = Array.from({ length: 20 }, (_, index) => ({ type: 'track', event: 'x', userId: `u${index}`, messageId: `m${index}` }))
    const failOne = (): void => {
      log.mode = 'by hand'
      log.waiting.length = 0
    }
    for (const wantResults of [true, false]) {
      failOne()
      const sending = send(edge(), '/v1/batch', { batch, wantResults })
      while (log.waiting.length < 2) await new Promise((resolve) => setImmediate(resolve))
      log.waiting[0]?.resolve()
      log.waiting[1]?.reject(new MillraceError('log_failed', 'no', { retryable: true }))
      const { status, body } = await sending
      expect(status).toBe(wantResults ? 200 : 503)
      const text = JSON.stringify(body)
      if (wantResults) expect([text.includes('"ok"'), text.includes('"retry"')]).toEqual([true, true])
    }
  })

  it('that does not come in time is unknown, and says so', async () => {
    log.mode = 'by hand'
    const { status, body } = await send(edge(), '/v1/track', event)
    expect([status, body]).toMatchObject([503, { error: { code: 'outcome_unknown', retryable: true } }])
  })

  it('says where: in the spool while the broker is away', async () => {
    log.state = { ready: true, storedIn: 'spool' }
    expect((await send(edge(), '/v1/track', event)).body).toMatchObject({ stored: 'spool' })
    expect(await (await edge().request('/readyz')).json()).toMatchObject({ ready: true, stored: 'spool' })
  })
})

describe('bounds', () => {
  it('of a body on the wire and inflated', async () => {
    const app = edge()
    const padded = (bytes: number): string => JSON.stringify({ batch: [{ ...event, type: 'track' }], pad: 'x'.repeat(bytes) })
    expect((await send(app, '/v1/batch', padded(limits.bodyBytesMax - 200))).status).toBe(200)
    expect((await send(app, '/v1/batch', padded(limits.bodyBytesMax))).status).toBe(413)
    expect((await send(app, '/v1/batch', gzipSync(padded(limits.decodedBodyBytesMax)), { 'content-encoding': 'gzip' })).status).toBe(413)
    const many = (count: number): object => ({ batch: Array.from({ length: count }, (_, index) => ({ type: 'track', event: 'x', userId: 'u', messageId: String(index) })) })
    expect((await send(app, '/v1/batch', gzipSync(JSON.stringify(many(limits.bodyEventsMax))), { 'content-encoding': 'gzip' })).status).toBe(200)
    expect((await send(app, '/v1/batch', gzipSync(JSON.stringify(many(limits.bodyEventsMax + 1))), { 'content-encoding': 'gzip' })).status).toBe(413)
  })

  it('of one event quarantine that event alone', async () => {
    const { status, body } = await send(edge(), '/v1/batch', {
      batch: [{ ...event, type: 'track' }, { ...event, type: 'track', messageId: 'big', properties: { text: 'x'.repeat(limits.eventBytesMax) } }, { type: 'track', userId: 'u', messageId: 'nameless' }, 7],
    })
    expect(status).toBe(200)
    expect(body['results']).toMatchObject([
      { messageId: 'm1', result: 'ok' }, { messageId: 'big', result: 'quarantined', reason: 'event_too_large' },
      { messageId: 'nameless', result: 'quarantined', reason: 'missing_event_name' }, { result: 'quarantined', reason: 'not_an_object' },
    ])
  })

  it('of a workspace answer 429 with a Retry-After, of the process 503', async () => {
    const app = edge({ eventsPerSecondMax: 1 })
    expect((await send(app, '/v1/batch', { batch: [1, 2, 3, 4, 5].map((index) => ({ type: 'track', event: 'x', userId: 'u', messageId: `m${index}` })) })).status).toBe(200)
    const refused = await send(app, '/v1/track', event)
    expect([refused.status, refused.body]).toMatchObject([429, { error: { code: 'rate_limited', retryable: true } }])
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    log.pending = 1e12
    expect((await send(edge(), '/v1/track', event)).status).toBe(503)
  })

  it('of a key are its own, told in metrics by reason', async () => {
    const limited = 'wk_limited_01234567'
    keys.replace([...listed, { hash: hashKey(limited), workspace: 7, kind: 'write', id: 'l', revoked: false, limits: { ...noLimits, eventsPerSecond: 1, eventsPerDay: 100 } }])
    const app = edge()
    const three = { batch: [1, 2, 3].map((index) => ({ type: 'track', event: 'x', userId: 'u', messageId: `l${index}` })) }
    expect((await send(app, '/v1/batch', three, { authorization: basic(limited) })).status).toBe(200)
    for (const [headers, more] of [[{ authorization: basic(limited) }, {}], [{ authorization: '' }, { writeKey: limited }]] as const) {
      const refused = await send(app, '/v1/batch', { ...three, ...more }, headers)
      expect([refused.status, refused.body]).toMatchObject([429, { error: { code: 'rate_limited', retryable: true } }])
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(3)
    }
    expect((await send(app, '/v1/track', event)).status).toBe(200)
    const metrics = await (await app.request('/metrics')).text()
    expect(metrics).toContain('millrace_edge_refused_total{reason="key_events_per_second"} 2')
    expect(metrics).toContain('millrace_edge_requests_total{route="batch",status="429"} 2')
    keys.replace(listed)
  })

  it('tells a duplicate within one request, and keeps the first', async () => {
    const twice = { type: 'track', event: 'x', userId: 'u', messageId: 'same' }
    expect((await send(edge(), '/v1/batch', { batch: [twice, twice] })).body['results']).toMatchObject([{ result: 'ok' }, { result: 'duplicate' }])
  })
})

describe('the process', () => {
  it('lives and is ready, until the log is not or it is stopping', async () => {
    const app = edge()
    expect((await app.request('/healthz')).status).toBe(200)
    expect((await app.request('/readyz')).status).toBe(200)
    log.state = { ready: false, reason: 'the disk of the log is full' }
    const unready = await app.request('/readyz')
    expect([unready.status, await unready.text()]).toEqual([503, expect.stringContaining('the disk of the log is full')])
    log.state = { ready: true }
    draining = true
    expect((await app.request('/readyz')).status).toBe(503)
    expect((await send(app, '/v1/track', event)).status).toBe(503)
    expect((await app.request('/healthz')).status).toBe(200)
  })

  it('answers preflights and errors with what a page needs to see them', async () => {
    const app = edge()
    const preflight = await app.request('/v1/batch', { method: 'OPTIONS', headers: { origin: 'https://shop.example', 'access-control-request-headers': 'x-mine' } })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-origin')).toBe('https://shop.example')
    expect(preflight.headers.get('access-control-allow-headers')).toContain('x-mine')
    const refused = await send(app, '/v1/track', event, { origin: 'https://shop.example', authorization: basic('wrong') })
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([401, 'https://shop.example'])
  })

  it('corrects the clock of a client that is an hour ahead', async () => {
    const ahead = Date.now() + 3_600_000
    await send(edge(), '/v1/batch', { sentAt: new Date(ahead).toISOString(), batch: [{ ...event, type: 'track', timestamp: new Date(ahead - 5_000).toISOString() }] })
    const [stored] = log.events()
    const corrected = Date.parse(String(stored?.['timestamp']))
    expect(Math.abs(Date.now() - 5_000 - corrected)).toBeLessThan(3_000)
    expect(stored?.['originalTimestamp']).toBe(new Date(ahead - 5_000).toISOString())
  })

  it('hides a defect of its own behind a 503 and reports it', async () => {
    log.mode = new TypeError('secret detail')
    const { status, body } = await send(edge(), '/v1/track', event)
    expect(status).toBe(503)
    expect(JSON.stringify(body)).not.toContain('at ')
  })
})
