import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { segmentTemplates } from '@millrace/schemas'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectControl } from '../src/control-client.ts'
import { CollectorProcess, testKeys } from './collector-process.ts'
import { readJson, untilAtRest } from './read-side.ts'
import type { WholePathEngines } from './whole-path.ts'

type Json = Readonly<Record<string, unknown>>

const bought = (part: Json = {}): Json => ({
  type: 'profile-metric', metric: 'Order Completed', measurement: 'count', operator: 'greater-than-or-equal', value: 2, ...part,
})

/** Segments from outside, on whatever engines; joins as {@link wholePath} does. */
export function wholePathSegments(name: string, engines: () => Promise<WholePathEngines>): void {
  const data = mkdtempSync(join(tmpdir(), 'millrace-segments-'))
  let collector: CollectorProcess
  let made: WholePathEngines
  let accepted = 0
  let other = testKeys

  async function send(batch: readonly Json[], writeKey = testKeys.writeKey): Promise<void> {
    const response = await fetch(`${collector.url}/v1/batch`, {
      method: 'POST', body: JSON.stringify({ batch }), headers: { authorization: `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}` },
    })
    expect(response.status).toBe(200)
    accepted += batch.length
    await untilAtRest(() => collector.url, testKeys.secretKey, { accepted, withinMs: 30_000 })
  }

  async function post(path: string, body: unknown, secretKey = testKeys.secretKey): Promise<{ readonly status: number; readonly body: Json }> {
    const response = await fetch(`${collector.url}${path}`, {
      method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body), headers: { authorization: `Bearer ${secretKey}`, 'content-type': 'application/json' },
    })
    return { status: response.status, body: Object(await response.json()) }
  }

  async function preview(definition: unknown, part: Json = {}, secretKey = testKeys.secretKey): Promise<Json> {
    const { status, body } = await post('/v1/segments/preview', { definition, ...part }, secretKey)
    expect(status, JSON.stringify(body)).toBe(200)
    return body
  }

  async function read(path: string, secretKey = testKeys.secretKey): Promise<{ readonly status: number; readonly body: Json }> {
    const { status, body } = await readJson(collector.url, path, secretKey)
    return { status, body: Object(body) }
  }

  async function idOf(externalId: string): Promise<string> {
    return String(field((await read(`/v1/profiles?externalId=${externalId}`)).body, 'profile', 'id'))
  }

  describe(`segments on the whole path: ${name}`, () => {
    beforeAll(async () => {
      made = await engines()
      collector = new CollectorProcess(data, ['--object-delay-ms', '50', '--load-delay-ms', '50', ...made.flags])
      await collector.start()
      const control = await connectControl(data)
      const created = await control?.call('createKeys', { workspace: 'other' })
      other = { writeKey: String(field(created, 'writeKey')), secretKey: String(field(created, 'secretKey')) }
      // Both workspaces use the same identifiers and message ids.
      for (const [keys, times] of [[testKeys, 2], [other, 1]] as const) {
        await send([
          ...Array.from({ length: times }, (_, index) => order('ada', `o${index}`, `2026-03-0${1 + index}T10:00:00.000Z`)),
          { type: 'identify', userId: 'ada', messageId: 'i-ada', timestamp: '2026-03-01T09:00:00.000Z', traits: { country: keys === testKeys ? 'GB' : 'DE', address: { city: 'York' } } },
          order('bob', 'o9', '2026-01-01T00:00:00.000Z'), { type: 'identify', userId: 'bob', messageId: 'i-bob', traits: { country: 'DE' } },
          { type: 'track', event: 'Product Viewed', anonymousId: 'visitor', messageId: 'v1', timestamp: '2026-03-01T10:00:00.000Z' },
        ], keys.writeKey)
      }
    })

    afterAll(async () => {
      await collector.stop()
      await made.cleanup()
      rmSync(data, { recursive: true })
    })

    it('counts the definition of the documentation, with an instant, for each workspace its own', async () => {
      const definition = { and: [
        bought({
          timeframe: { type: 'in-the-last', quantity: 30, unit: 'day' }, filters: [{ property: 'currency', operator: 'equals', value: 'GBP' }],
          anyItem: { of: 'products', filters: [{ property: 'price', operator: 'greater-than', value: 50 }] },
        }),
        { not: { type: 'profile-property', property: 'country', operator: 'equals', value: 'DE' } },
      ] }
      const at = '2026-03-20T00:00:00.000Z'
      expect(await preview(definition, { at })).toMatchObject({ count: 1, at, position: expect.any(String), sample: [await idOf('ada')], behind: 0, lagSeconds: 0 })
      expect(await preview(definition, { at: '2026-03-31T10:00:00.000Z' })).toMatchObject({ count: 0, sample: [] })
      // The older of two orders leaves the window 30 days after it, to the millisecond.
      expect(await preview(definition, { at: '2026-03-31T09:59:59.999Z' })).toMatchObject({ count: 1 })
      expect(await preview(definition, { at }, other.secretKey)).toMatchObject({ count: 0 })
      expect(await preview({ type: 'profile-property', property: 'address.city', operator: 'equals', value: 'York' })).toMatchObject({ count: 1 })
    })

    it('goes by the calendar of its time zone, for events and for dates', async () => {
      const month = (part: Json): Json => bought({ value: 1, timeframe: { type: 'calendar-month', ...part } })
      expect(await preview(month({ month: 3 }))).toMatchObject({ count: 1 })
      expect(await preview(month({ month: 3, year: 2025 }))).toMatchObject({ count: 0 })
      expect(await preview(bought({ value: 1, timeframe: { type: 'this-month' } }), { at: '2026-01-31T23:59:59.999Z' })).toMatchObject({ count: 1 })
      expect(await preview(bought({ value: 1, timeframe: { type: 'this-month' } }), { at: '2026-02-01T00:00:00.000Z' })).toMatchObject({ count: 0 })
      await send([{ type: 'identify', userId: 'bob', messageId: 'i-bob-2', timestamp: '2026-01-02T00:00:00.000Z', traits: { birthday: '1988-02-29' } }])
      const birthday = (timeframe: Json): Json => ({ type: 'profile-property', property: 'birthday', operator: 'within', timeframe })
      for (const [timeframe, at, count] of [
        [{ type: 'anniversary' }, '2026-02-28T23:59:59.999Z', 1], [{ type: 'anniversary' }, '2028-02-28T12:00:00.000Z', 0], [{ type: 'anniversary' }, '2028-02-29T12:00:00.000Z', 1],
        [{ type: 'anniversary-next', quantity: 1, unit: 'week' }, '2026-02-21T00:00:00.000Z', 1], [{ type: 'anniversary-next', quantity: 1, unit: 'week' }, '2026-02-20T23:59:59.999Z', 0],
        [{ type: 'anniversary-last', quantity: 2, unit: 'day' }, '2026-03-01T23:59:59.999Z', 1], [{ type: 'anniversary-last', quantity: 2, unit: 'day' }, '2026-03-02T00:00:00.000Z', 0],
        [{ type: 'anniversary-month' }, '2026-02-01T00:00:00.000Z', 1],
      ] as const) expect([timeframe, at, (await preview(birthday(timeframe), { at }))]).toMatchObject([timeframe, at, { count }])
    })

    it('takes as many values as a definition may have', async () => {
      const value = Array.from({ length: 1_000 }, (_, index) => `${'country '.repeat(5)}${index}`)
      expect(await preview({ type: 'profile-property', property: 'country', operator: 'in', value: [...value.slice(1), 'GB'] })).toMatchObject({ count: 1 })
    })

    it('knows who never did a thing, also who was never heard of again', async () => {
      expect(await preview(bought({ operator: 'equals', value: 0 }))).toMatchObject({ count: 1 })
      expect(await preview({ not: bought({ value: 1 }) })).toMatchObject({ count: 1 })
      const counts = await Promise.all(segmentTemplates().map(async ({ definition }) => (await preview(definition, { at: '2026-03-20T00:00:00.000Z' })).count))
      expect(counts).toEqual([1, 1, 0])
    })

    it('says why somebody is a member, condition by condition', async () => {
      const definition = { or: [bought(), { type: 'profile-property', property: 'country', operator: 'in', value: ['FR', 'DE'] }] }
      const bob = await idOf('bob')
      expect(await preview(definition, { profileId: bob })).toMatchObject({ count: 2, profile: { id: bob, answer: true, leaves: [
        { path: 'definition.or[0]', answer: false, value: 1, needs: 'greater-than-or-equal 2' },
        { path: 'definition.or[1]', answer: true, value: 'DE', needs: 'in ["FR","DE"]' },
      ] } })
      expect((await post('/v1/segments/preview', { definition, profileId: '00000000-0000-8000-8000-000000000000' })).status).toBe(404)
      expect((await post('/v1/segments/preview', { definition, profileId: bob }, other.secretKey)).status).toBe(404)
    })

    it('keeps versions, found by id or name, and lists them', async () => {
      const first = await post('/v1/segments', { name: 'Loyal', definition: bought() })
      expect(first).toMatchObject({ status: 201, body: { segment: { name: 'Loyal', version: 1, definition: { metric: 'Order Completed' } } } })
      const id = String(field(first.body, 'segment', 'id'))
      expect(await post('/v1/segments', { name: 'Loyal', definition: bought({ value: 1 }) })).toMatchObject({ status: 200, body: { segment: { id, version: 2 } } })
      expect(await post('/v1/segments', { id, name: 'Buyers', definition: bought({ value: 1 }) })).toMatchObject({ status: 200, body: { segment: { id, version: 3, name: 'Buyers' } } })
      expect(await read('/v1/segments')).toMatchObject({ status: 200, body: { segments: [{ id, version: 3 }] } })
      expect(await read(`/v1/segments/${id}?version=1`)).toMatchObject({ status: 200, body: { segment: { version: 1, definition: { value: 2 } } } })
      for (const path of [`/v1/segments/${id}`, `/v1/segments/${id}/members`]) expect((await read(path, other.secretKey)).status).toBe(404)
      expect((await post('/v1/segments', { id, name: 'Mine', definition: bought() }, other.secretKey)).status).toBe(404)
      expect((await read(`/v1/segments/${id}/members`, testKeys.writeKey)).status).toBe(401)
    })

    it('pages members at one position and instant while events go on arriving', async () => {
      const bought25 = Array.from({ length: 25 }, (_, index) => order(`p${index}`, `p${index}`, '2026-02-01T00:00:00.000Z'))
      await send([...bought25, { ...order('', 'anon', '2026-02-01T00:00:00.000Z'), userId: undefined, anonymousId: 'anon' }])
      const { body: created } = await post('/v1/segments', { name: 'Pages', definition: bought({ value: 1 }) })
      const path = `/v1/segments/${String(field(created, 'segment', 'id'))}/members`
      const seen: unknown[] = []
      const first = (await read(`${path}?limit=10&at=2026-04-01T00:00:00.000Z`)).body
      for (let page = first; ; page = (await read(`${path}?limit=10&cursor=${textOf(page.next)}`)).body) {
        expect(page).toMatchObject({ count: 28, at: first.at, position: first.position })
        seen.push(...[page.members].flat())
        // Between two pages: somebody new, a merge of two members, another definition.
        if (seen.length === 10) {
          await send([order('late', 'late', '2026-02-01T00:00:00.000Z'), { type: 'identify', userId: 'p0', anonymousId: 'anon', messageId: 'joins' },
            order('p2', 'p2-again', '2026-02-02T00:00:00.000Z')])
          await post('/v1/segments', { name: 'Pages', definition: bought({ value: 99 }) })
        }
        if (page.next === null) break
      }
      expect(seen).toHaveLength(28)
      expect(new Set(seen).size).toBe(28)
      expect(await preview(bought({ value: 1 }), { at: '2026-04-01T00:00:00.000Z' })).toMatchObject({ count: 28 })
      expect((await read(path)).body).toMatchObject({ count: 0, members: [], next: null })
      for (const bad of ['limit=0', 'limit=1001', 'cursor=nonsense', 'at=yesterday', `cursor=${textOf(first.next)}&at=2026-04-02T00:00:00.000Z`]) {
        expect((await read(`${path}?${bad}`)).status, bad).toBe(400)
      }
    })

    it('follows merges and splits', async () => {
      const definition = { and: [bought({ metric: 'Tea Bought' })] }
      const tea = (messageId: string, part: Json): Json => ({ type: 'track', event: 'Tea Bought', messageId, timestamp: '2026-03-01T10:00:00.000Z', ...part })
      await send([tea('t1', { anonymousId: 'tablet' }), tea('t2', { userId: 'tess' })])
      expect(await preview(definition)).toMatchObject({ count: 0 })
      await send([{ type: 'identify', userId: 'tess', anonymousId: 'tablet', messageId: 't3', timestamp: '2026-03-05T00:00:00.000Z' }])
      expect(await preview(definition)).toMatchObject({ count: 1, sample: [await idOf('tess')] })
      // An older login on the same device turns up late: the device was never hers.
      await send([{ type: 'identify', userId: 'tom', anonymousId: 'tablet', messageId: 't4', timestamp: '2026-03-04T00:00:00.000Z' }])
      expect(await preview(definition)).toMatchObject({ count: 0 })
      const before = await preview(bought({ metric: 'Tea Bought', value: 1 }))
      expect(before).toMatchObject({ count: 2 })
      const control = await connectControl(data)
      await control?.call('rebuildOlap', {})
      expect(await preview(bought({ metric: 'Tea Bought', value: 1 }))).toMatchObject({ count: 2, sample: before.sample })
      expect(await preview({ not: bought({ metric: 'Nothing', value: 1 }) })).toMatchObject({ count: 31 })
    })

    it('refuses bad definitions with path and rule, and goes on', async () => {
      let deep: unknown = bought()
      for (let depth = 1; depth < 17; depth += 1) deep = { not: deep }
      const property = (part: Json): Json => ({ type: 'profile-property', property: 'a', ...part })
      const cases: readonly (readonly [unknown, RegExp])[] = [
        [bought({ operator: 'about' }), /definition\.operator \(unknown_operator\)/],
        [bought({ timeframe: { type: 'in-the-last', quantity: -3, unit: 'day' } }), /definition\.timeframe\.quantity \(bad_window\)/],
        [bought({ timeframe: { type: 'anniversary' } }), /definition\.timeframe\.type \(bad_window\)/],
        [bought({ timeframe: { type: 'calendar-month', month: 13 } }), /definition\.timeframe\.month \(bad_window\)/],
        [property({ operator: 'within', timeframe: { type: 'anniversary-next', quantity: 367, unit: 'day' } }), /definition\.timeframe\.quantity \(bad_window\)/],
        [deep, /\(too_deep\)/],
        [{ and: Array.from({ length: 101 }, () => bought()) }, /\((?:too_many_conditions|out_of_bounds)\)/],
        [property({ operator: 'regex', value: '(a+)+(?=b)' }), /definition\.value \(bad_pattern\)/],
        [property({ operator: 'regex', value: '(a)\\1' }), /definition\.value \(bad_pattern\)/],
        [property({ operator: 'regex', value: '((a{1,100}){1,100}){1,100}' }), /definition\.value \(bad_pattern\)/],
        [{ and: [] }, /definition\.and/], [null, /definition \(not_an_object\)/], [bought({ filtres: [] }), /definition\.filtres \(unknown_key\)/],
      ]
      for (const [definition, message] of cases) {
        for (const path of ['/v1/segments', '/v1/segments/preview']) {
          const { status, body } = await post(path, { name: 'Bad', definition })
          expect(status, JSON.stringify(definition)).toBe(400)
          expect(body).toMatchObject({ success: false, error: { code: 'bad_request', message: expect.stringMatching(message), retryable: false } })
        }
      }
      for (const body of ['{', '[]', 'null', { definition: bought() }, { name: ' ', definition: bought() }, { name: 'x', id: 'y', definition: bought() }]) {
        expect((await post('/v1/segments', body)).status).toBe(400)
      }
      expect((await post('/v1/segments', { name: 'x'.repeat(70_000) })).status).toBe(413)
      // Values a query made of text would trip over.
      for (const value of ["' OR 1 = 1 --", '{p0:String}', '\\', '\0', '%_', '{', '$$']) {
        expect(await preview(property({ operator: 'equals', value, property: value })), value).toMatchObject({ count: 0 })
      }
      expect(await preview(property({ operator: 'regex', value: '(a+)+$' }))).toMatchObject({ count: 0 })
    })
  })
}

function order(userId: string, messageId: string, timestamp: string): Json {
  return {
    type: 'track', event: 'Order Completed', userId, messageId, timestamp,
    properties: { revenue: 60, currency: 'GBP', products: [{ product_id: 'tea', price: 9.5 }, { product_id: 'kettle', price: 50.5 }] },
  }
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  throw new Error(`not a text: ${JSON.stringify(value)}`)
}

function field(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce((inner: unknown, key) => Reflect.get(Object(inner), key), value)
}
