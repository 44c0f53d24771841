import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CollectorProcess, testKeys } from './collector-process.ts'
import { readJson, untilAtRest } from './read-side.ts'

const data = mkdtempSync(join(tmpdir(), 'millrace-feed-'))
const collector = new CollectorProcess(data, ['--object-delay-ms', '300', '--load-delay-ms', '100', '--object-bytes-max', '65536'])
let accepted = 0

beforeAll(() => collector.start(), 60_000)

afterAll(async () => {
  await collector.stop()
  rmSync(data, { recursive: true })
}, 60_000)

interface Page {
  readonly events: readonly { readonly messageId: string; readonly result: string; readonly reason?: string; readonly profileId: string; readonly currentProfileId: string }[]
  readonly next: string
  readonly more: boolean
}

function isPage(body: unknown): body is Page {
  return typeof body === 'object' && body !== null && 'events' in body && 'next' in body && 'more' in body
}

async function page(query: string): Promise<Page> {
  const { status, body } = await readJson(collector.url, `/v1/events?${query}`, testKeys.secretKey)
  if (status !== 200 || !isPage(body)) throw new Error(`the feed answered ${status}: ${JSON.stringify(body)}`)
  return body
}

async function send(batch: readonly unknown[]): Promise<void> {
  for (;;) {
    const response = await fetch(`${collector.url}/v1/batch`, {
      method: 'POST', body: JSON.stringify({ batch }), headers: { authorization: `Basic ${Buffer.from(`${testKeys.writeKey}:`).toString('base64')}` },
    }).catch(() => null)
    await response?.arrayBuffer()
    if (response?.status === 200) break
  }
  accepted += batch.length
}

function viewed(messageId: string, part: Readonly<Record<string, unknown>> = {}): unknown {
  return { type: 'track', event: 'Product Viewed', messageId, userId: `u${messageId.length * 7 % 5}-${messageId.slice(-1)}`, properties: { text: 'x'.repeat(400) }, ...part }
}

/** Pages until nothing is left; `limit` is odd so that pages end inside batches. */
async function readOn(after: string, extra = ''): Promise<{ readonly ids: readonly string[]; readonly next: string }> {
  const ids: string[] = []
  let next = after
  for (;;) {
    const read = await page(`limit=37&after=${next}${extra}`)
    ids.push(...read.events.map(({ messageId }) => messageId))
    next = read.next
    if (!read.more && read.events.length === 0) return { ids, next }
  }
}

describe('GET /v1/events', () => {
  it('gives every event once while events come and the pump is killed, and the same again from the archive', async () => {
    const ids: string[] = []
    let next = ''
    for (let round = 0; round < 12; round += 1) {
      await send(Array.from({ length: 40 }, (_, index) => viewed(`r${round}-${index}`)))
      if (round % 4 === 1) await collector.kill('worker')
      if (round === 6) {
        await collector.kill('collector')
        await collector.start()
      }
      const read = await page(`limit=37&after=${next}`)
      ids.push(...read.events.map(({ messageId }) => messageId))
      next = read.next
    }
    await untilAtRest(() => collector.url, testKeys.secretKey, { accepted, withinMs: 30_000 })
    const rest = await readOn(next)
    ids.push(...rest.ids)
    const wanted = Array.from({ length: 12 * 40 }, (_, index) => `r${Math.floor(index / 40)}-${index % 40}`)
    expect(ids.toSorted()).toEqual(wanted.toSorted())
    expect((await readOn('')).ids).toEqual(ids)
  }, 60_000)

  it('shows an event within a second to whoever waits, with the reason of a dropped one', async () => {
    const { next } = await page('after=latest')
    const waiting = page(`after=${next}&waitMs=20000&dropped=true`)
    await send([viewed('nobody', { userId: undefined })])
    expect((await waiting).events).toMatchObject([{ messageId: 'nobody', result: 'dropped', reason: 'missing_identifier', profileId: null }])
  })

  it('names the profile as it was decided and as it is now', async () => {
    const { next } = await page('after=latest')
    await send([viewed('m1', { userId: undefined, anonymousId: 'laptop' }), viewed('m2', { userId: 'zoe' })])
    await untilAtRest(() => collector.url, testKeys.secretKey, { accepted, withinMs: 30_000 })
    await send([{ type: 'identify', messageId: 'm3', userId: 'zoe', anonymousId: 'laptop', traits: {} }])
    await untilAtRest(() => collector.url, testKeys.secretKey, { accepted, withinMs: 30_000 })
    const { events } = await page(`after=${next}`)
    expect(events.map(({ messageId }) => messageId).toSorted()).toEqual(['m1', 'm2', 'm3'])
    expect(new Set(events.map(({ currentProfileId }) => currentProfileId)).size).toBe(1)
    expect(new Set(events.map(({ profileId }) => profileId)).size).toBe(2)
  })

  it('needs a secret key, and refuses what it does not understand', async () => {
    expect((await readJson(collector.url, '/v1/events', testKeys.writeKey)).status).toBe(401)
    for (const query of ['after=nonsense', 'limit=0', 'limit=1001', 'waitMs=30001', 'dropped=maybe']) {
      expect(await readJson(collector.url, `/v1/events?${query}`, testKeys.secretKey)).toMatchObject({ status: 400, body: { error: { code: 'bad_request' } } })
    }
  })
})

describe('GET /v1/profiles/{id}/export', () => {
  it('holds everything known about one person, and answers a merged id with the one that is left', async () => {
    const history = Array.from({ length: 450 }, (_, index) => ({
      type: 'track', event: index % 3 === 0 ? 'Order Completed' : 'Product Viewed', messageId: `e${index}`, userId: 'una',
      timestamp: new Date(Date.UTC(2026, 0, 1) + Math.floor(index / 4) * 1_000).toISOString(), properties: { index },
    }))
    await send(history)
    await send([{ type: 'track', event: 'Product Viewed', messageId: 'una-phone', anonymousId: 'una-phone' }])
    await untilAtRest(() => collector.url, testKeys.secretKey, { accepted, withinMs: 30_000 })
    const phone = await profileId('anonymousId=una-phone')
    await send([{ type: 'identify', messageId: 'una-id', userId: 'una', anonymousId: 'una-phone', context: { ip: '192.0.2.7' }, timestamp: '2026-02-01T00:00:00.000Z', traits: { email: 'una@example.com', city: 'Ulm' } }])
    await untilAtRest(() => collector.url, testKeys.secretKey, { accepted, withinMs: 30_000 })
    const { status, body } = await readJson(collector.url, `/v1/profiles/${phone}/export`, testKeys.secretKey)
    expect(status).toBe(200)
    const una = await profileId('externalId=una')
    expect(body).toMatchObject({
      profile: { id: una }, ...(una === phone ? {} : { mergedFrom: phone }),
      identifiers: expect.arrayContaining([expect.objectContaining({ kind: 'email', value: 'una@example.com' })]),
      edges: expect.arrayContaining([expect.objectContaining({ cause: { messageId: 'una-id', metric: 'identify' } })]),
      properties: { city: { value: 'Ulm', time: '2026-02-01T00:00:00.000Z', messageId: 'una-id' } },
      metrics: { 'Order Completed': { count: 150 } }, consent: {}, eventCount: 452,
    })
    const events: unknown = Reflect.get(Object(body), 'events')
    if (!Array.isArray(events)) throw new Error('no events')
    expect(new Set(events.map((event) => String(Reflect.get(Object(event), 'messageId')))).size).toBe(452)
    expect(events.find((event) => Reflect.get(Object(event), 'messageId') === 'una-id')).toMatchObject({ context: { ip: '192.0.2.7' }, receipt: { state: 'loaded' } })
    expect(events.at(-1)).toMatchObject({ properties: {}, receipt: { state: 'loaded', object: expect.stringContaining('raw/v1/') } })
    expect((await readJson(collector.url, '/v1/profiles/00000000-0000-0000-0000-000000000000/export', testKeys.secretKey)).status).toBe(404)
  })
})

describe('GET /v1/reports/orders', () => {
  it('counts what was sent as orders, for whoever has the key', async () => {
    const order = (messageId: string, timestamp: string, properties: object): unknown => ({ type: 'track', event: 'Placed Order', messageId, userId: 'rita', timestamp, properties })
    await send([
      order('r1', '2025-01-31T23:59:59.999Z', { revenue: '0.10', currency: 'EUR' }), order('r2', '2025-02-01T00:00:00.000Z', { total: 0.2, currency: 'EUR' }),
      order('r3', '2025-02-01T12:00:00.000Z', { value: 19.99, currency: 'EUR' }), order('r3', '2025-02-01T12:00:00.000Z', { value: 19.99, currency: 'EUR' }),
    ])
    await untilAtRest(() => collector.url, testKeys.secretKey, { accepted, withinMs: 30_000 })
    const ask = (query: string, key = testKeys.secretKey) => readJson(collector.url, `/v1/reports/orders?metric=Placed%20Order&${query}`, key)
    expect(await ask('by=month')).toMatchObject({
      status: 200, body: {
        by: 'month', complete: true, totals: [{ currency: 'EUR', orders: 3, customers: 1, revenue: '20.29' }],
        rows: [{ period: '2025-01', orders: 1, revenue: '0.1' }, { period: '2025-02', orders: 2, revenue: '20.19' }],
      },
    })
    expect(await ask('by=day&after=2025-02-01T00:00:00Z')).toMatchObject({ body: { rows: [{ period: '2025-02-01', orders: 2 }] } })
    for (const query of ['by=year', 'by=day&after=soon', 'by=toString']) expect(await ask(query)).toMatchObject({ status: 400, body: { error: { code: 'bad_request' } } })
    expect((await ask('by=month', testKeys.writeKey)).status).toBe(401)
  })
})

async function profileId(query: string): Promise<string> {
  const { body } = await readJson(collector.url, `/v1/profiles?${query}`, testKeys.secretKey)
  return String(Reflect.get(Object(Reflect.get(Object(body), 'profile')), 'id'))
}
