import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectControl } from '../src/control-client.ts'
import { CollectorProcess, testKeys } from './collector-process.ts'
import { traces } from './find-traces.ts'
import { readJson, readStatus, untilAtRest } from './read-side.ts'

export interface WholePathEngines {
  /** Flags of `serve` that name the engines; none for the embedded ones. */
  readonly flags: readonly string[]
  cleanup(): Promise<void>
}

interface Answer {
  readonly status: number
  readonly body: { readonly success: boolean; readonly stored?: string; readonly results?: readonly { messageId: string; result: string; reason?: string }[] }
}

/** What a collector must do from outside, on whatever engines; an arrangement of engines joins with one call. */
export function wholePath(name: string, engines: () => Promise<WholePathEngines>): void {
  const data = mkdtempSync(join(tmpdir(), 'millrace-path-'))
  let collector: CollectorProcess
  let made: WholePathEngines
  let accepted = 0

  /** Posts with the write key as Basic user and counts what the log took. */
  async function post(path: string, body: string | Uint8Array, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const response = await fetch(`${collector.url}${path}`, {
      method: 'POST', body,
      headers: { authorization: `Basic ${Buffer.from(`${testKeys.writeKey}:`).toString('base64')}`, 'content-type': 'application/json', ...headers },
    })
    const answer: Answer = { status: response.status, body: JSON.parse(await response.text()) }
    accepted += answer.body.results?.filter(({ result }) => result !== 'retry' && result !== 'rejected').length ?? 0
    return answer
  }

  async function rest(): Promise<void> {
    const status = await untilAtRest(() => collector.url, testKeys.secretKey, { accepted, withinMs: 30_000 })
    expect(status.agree).toBe(true)
  }

  function read(path: string): ReturnType<typeof readJson> {
    return readJson(collector.url, path, testKeys.secretKey)
  }

  async function sql(text: string): Promise<string> {
    const control = await connectControl(data)
    return String(await control?.call('sql', { sql: text, format: 'TSV' })).trim()
  }

  describe(`the whole path: ${name}`, () => {
    beforeAll(async () => {
      made = await engines()
      collector = new CollectorProcess(data, ['--object-delay-ms', '50', '--load-delay-ms', '50', '--region', 'GB', ...made.flags])
      await collector.start()
    })

    afterAll(async () => {
      const code = await collector.stop()
      await made.cleanup()
      rmSync(data, { recursive: true })
      expect(code).toBe(0)
    })

    it('carries one event to every tier and says so in its receipt', async () => {
      const { status, body } = await post('/v1/track', JSON.stringify(track('first', { event: 'Order Completed', properties: { order_id: 'o1', revenue: 19.9, currency: 'GBP' } })))
      expect(status).toBe(200)
      expect(body).toMatchObject({ success: true, stored: 'log', results: [{ messageId: 'first', result: 'ok' }] })
      await rest()
      const receipt = await read('/v1/receipts/first')
      expect(receipt.body).toMatchObject({ messageId: 'first', state: 'loaded' })
      for (const time of ['acceptedAt', 'decidedAt', 'archivedAt', 'loadedAt']) expect(receipt.body).toHaveProperty(time, expect.stringMatching(/^\d{4}-.*Z$/))
      expect(receipt.body).toHaveProperty('object', expect.stringMatching(/\.ndjson\.zst$/))
      expect(await sql("select message_id, metric, toString(value), currency from events where message_id = 'first'")).toBe('first\tOrder Completed\t19.9\tGBP')
      const { body: card } = await read('/v1/profiles?externalId=ada')
      expect(card).toMatchObject({ profile: { identifiers: { externalId: ['ada'] }, metrics: { 'Order Completed': { count: 1, last: [{ messageId: 'first' }] } } } })
    })

    it('makes one profile of a visitor on two devices', async () => {
      const story = [
        track('v1', { userId: undefined, anonymousId: 'phone-browser' }),
        track('v2', { userId: undefined, anonymousId: 'laptop-browser' }),
        { type: 'identify', messageId: 'v3', anonymousId: 'phone-browser', traits: { email: 'Vera@Example.com', phone: '020 7946 0123', name: 'Vera' } },
        { type: 'identify', messageId: 'v4', anonymousId: 'laptop-browser', userId: 'vera', traits: { email: 'vera@example.com' } },
      ]
      await post('/v1/batch', JSON.stringify({ batch: story }))
      await rest()
      const cards = await Promise.all(['anonymousId=phone-browser', 'anonymousId=laptop-browser', 'email=VERA%40example.com', 'phone=%2B442079460123', 'externalId=vera']
        .map((query) => read(`/v1/profiles?${query}`)))
      expect(new Set(cards.map(({ body }) => JSON.stringify(body))).size).toBe(1)
      expect(cards[0]?.body).toMatchObject({
        profile: {
          identifiers: { externalId: ['vera'], email: ['vera@example.com'], phone: ['+442079460123'], anonymousId: expect.arrayContaining(['phone-browser', 'laptop-browser']) },
          properties: { name: 'Vera' }, metrics: { 'Product Viewed': { count: 2 } },
        },
      })
      const id = profileId(cards[0]?.body)
      const profiles = await sql("select distinct profile_id from events where message_id in ('v1','v2','v3','v4')")
      expect(profiles).toBe(id)
      const { body: page } = await read(`/v1/profiles/${id}/events?limit=3`)
      expect(page).toMatchObject({ events: { length: 3 }, next: expect.any(String) })
      const { body: last } = await read(`/v1/profiles/${id}/events?limit=3&cursor=${encodeURIComponent(String(Reflect.get(Object(page), 'next')))}`)
      expect(last).toMatchObject({ events: { length: 1 }, next: null })
      const { status, body: graph } = await read(`/v1/profiles/${id}/graph`)
      expect(status).toBe(200)
      expect(JSON.stringify(graph)).toContain('"v3"')
    })

    it('parts two people by hand, in every tier, and takes it back', async () => {
      await post('/v1/batch', JSON.stringify({ batch: [
        track('s1', { userId: 'sam', anonymousId: 'kiosk' }),
        track('s2', { userId: undefined, anonymousId: 'kiosk' }),
      ] }))
      await rest()
      const { body: card } = await read('/v1/profiles?externalId=sam')
      const id = profileId(card)
      const split = (body: unknown): Promise<Response> => fetch(`${collector.url}/v1/profiles/${id}/split`, {
        method: 'POST', body: JSON.stringify(body), headers: { authorization: `Bearer ${testKeys.secretKey}`, 'content-type': 'application/json' },
      })
      const pair = { a: { kind: 'externalId', value: 'sam' }, b: { kind: 'anonymousId', value: 'kiosk' } }
      const parted = await split(pair)
      expect(parted.status).toBe(200)
      expect(await parted.json()).toMatchObject({ undone: false, moved: [expect.objectContaining({ kind: expect.any(String) })], profiles: [{}, {}] })
      const { body: kiosk } = await read('/v1/profiles?anonymousId=kiosk')
      expect(profileId(kiosk)).not.toBe(profileId((await read('/v1/profiles?externalId=sam')).body))
      await rest()
      expect(await sql("select uniqExact(profile_id) from events where message_id in ('s1','s2')")).toBe('2')
      const { body: graph } = await read(`/v1/profiles/${id}/graph`)
      expect(graph).toMatchObject({ rejected: [{ witness: { rule: 'veto' } }] })
      expect((await split({ ...pair, undo: true })).status).toBe(200)
      await rest()
      expect(await sql("select uniqExact(profile_id) from events where message_id in ('s1','s2')")).toBe('1')
      expect((await read('/v1/profiles?anonymousId=kiosk')).body).toEqual((await read('/v1/profiles?externalId=sam')).body)
      for (const bad of [{}, { a: { kind: 'shoe', value: 'x' } }, { a: { kind: 'email', value: 'nobody@example.com' } }, { ...pair, c: 1 }]) expect((await split(bad)).status).toBe(400)
    })

    it('forgets a person in every tier, and those who come after are new', async () => {
      const marker = `zelda-${Date.now().toString(36)}@example.com`
      await post('/v1/batch', JSON.stringify({ batch: [
        { type: 'identify', messageId: 'z1', userId: 'zelda', anonymousId: 'zelda-browser', traits: { email: marker, city: `city of ${marker}` } },
        track('z2', { userId: undefined, anonymousId: 'zelda-browser', properties: { note: marker } }),
        track('z3', { userId: 'bystander' }),
        { type: 'track', event: 'Broken', userId: 'zelda', messageId: 'z4', properties: { [marker]: 'x'.repeat(40_000) } },
      ] }))
      await rest()
      expect(await sql(`select count() from events where properties like '%${marker}%'`)).toBe('2')
      const { body: before } = await read('/v1/profiles?externalId=zelda')
      const id = profileId(before)
      const erased = await fetch(`${collector.url}/v1/profiles/${id}?later=anew`, { method: 'DELETE', headers: { authorization: `Bearer ${testKeys.secretKey}` } })
      expect(await erased.json()).toMatchObject({ tiers: { identifiers: 3, profiles: 1, archive: { events: 2 }, olap: { rows: 2 } }, logIsClear: true })
      for (const query of ['externalId=zelda', `email=${marker}`, 'anonymousId=zelda-browser']) expect((await read(`/v1/profiles?${query}`)).status).toBe(404)
      expect((await read(`/v1/profiles/${id}`)).status).toBe(404)
      expect(await sql(`select count() from events where properties like '%${marker}%'`)).toBe('0')
      expect(await sql("select count() from events where message_id = 'z3'")).toBe('1')
      await rest()
      expect(await traces(data, marker)).toEqual([])
      // The same message id is still the same event; another one begins somebody new.
      await post('/v1/batch', JSON.stringify({ batch: [track('z2', { userId: undefined, anonymousId: 'zelda-browser' }), track('z5', { userId: 'zelda' })] }))
      await rest()
      expect((await read('/v1/profiles?externalId=zelda')).body).toMatchObject({ profile: { properties: {}, metrics: { 'Product Viewed': { count: 1 } } } })
      const refused = await fetch(`${collector.url}/v1/profiles/${profileId((await read('/v1/profiles?externalId=zelda')).body)}?later=refuse`, { method: 'DELETE', headers: { authorization: `Bearer ${testKeys.secretKey}` } })
      expect(refused.status).toBe(200)
      await post('/v1/track', JSON.stringify(track('z6', { userId: 'zelda', properties: { email: marker } })))
      await rest()
      expect((await read('/v1/receipts/z6')).body).toMatchObject({ state: 'dropped', reason: 'suppressed' })
      expect((await read('/v1/profiles?externalId=zelda')).status).toBe(404)
      await rest()
      expect((await readStatus(collector.url, testKeys.secretKey)).totals.dropped).toMatchObject({ erased: 3 })
    })

    it('stores a repeated batch once', async () => {
      const body = JSON.stringify({ batch: Array.from({ length: 50 }, (_, index) => track(`again-${index}`)) })
      for (let time = 0; time < 3; time += 1) expect((await post('/v1/batch', body)).status).toBe(200)
      expect((await post('/v1/batch', gzipSync(body), { 'content-encoding': 'gzip' })).status).toBe(200)
      await rest()
      expect(await sql("select count(), uniqExact(message_id) from events where message_id like 'again-%'")).toBe('50\t50')
    })

    it('gives each bad event its result and stores the good ones beside it', async () => {
      const big = track('big', { properties: { text: 'x'.repeat(33_000) } })
      let deep: unknown = 1
      for (let level = 0; level < 1_000; level += 1) deep = { deep }
      const bad = [
        big,
        track('deep', { properties: { deep } }),
        track('keys', { properties: Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`k${index}`, index])) }),
        track('nobody', { userId: undefined }),
        { type: 'track', userId: 'ada', messageId: 'nameless' },
        'no object',
      ]
      const good = Array.from({ length: 49 }, (_, index) => track(`good-${index}`))
      const { status, body } = await post('/v1/batch', JSON.stringify({ batch: [...good, ...bad] }))
      expect(status).toBe(200)
      expect(body.results?.slice(0, 49).every(({ result }) => result === 'ok')).toBe(true)
      expect(body.results?.find(({ messageId }) => messageId === 'big')).toMatchObject({ result: 'quarantined', reason: 'event_too_large' })
      expect(body.results?.filter(({ result }) => result === 'ok').length).toBeGreaterThanOrEqual(49)
      await rest()
      expect(await sql("select count() from events where message_id like 'good-%'")).toBe('49')
      expect((await read('/v1/receipts/big')).body).toMatchObject({ state: 'dropped', reason: 'event_too_large' })
    })

    it('refuses what is no request and goes on', async () => {
      const half = JSON.stringify({ batch: [track('half')] }).slice(0, 60)
      const bomb = gzipSync(Buffer.alloc(50_000_000, 32))
      expect((await post('/v1/batch', bomb, { 'content-encoding': 'gzip' })).status).toBe(413)
      expect((await post('/v1/track', half)).status).toBe(400)
      expect((await post('/v1/track', JSON.stringify(track('x')), { authorization: `Basic ${Buffer.from('wrong:').toString('base64')}` })).status).toBe(401)
      expect((await read('/v1/profiles?externalId=nobody-here')).status).toBe(404)
      expect((await readJson(collector.url, '/v1/profiles?externalId=ada', testKeys.writeKey)).status).toBe(401)
      expect((await fetch(`${collector.url}/healthz`)).status).toBe(200)
      expect((await fetch(`${collector.url}/readyz`)).status).toBe(200)
      expect(await (await fetch(`${collector.url}/metrics`)).text()).toContain('# TYPE')
    })

    it('refuses a revoked key', async () => {
      const control = await connectControl(data)
      const created: unknown = await control?.call('createKeys', { workspace: 'second' })
      const key = String(Reflect.get(Object(created), 'writeKey'))
      const authorization = `Basic ${Buffer.from(`${key}:`).toString('base64')}`
      expect((await post('/v1/track', JSON.stringify(track('other')), { authorization })).status).toBe(200)
      await control?.call('revokeKey', { id: key })
      expect((await post('/v1/track', JSON.stringify(track('other-2')), { authorization })).status).toBe(401)
      await rest()
      // Another workspace's event: not in this one's answers.
      expect((await read('/v1/receipts/other')).status).toBe(404)
    })

    it('survives the death of the worker and of the engine', async () => {
      for (const name of ['worker', 'engine']) {
        await post('/v1/track', JSON.stringify(track(`before-${name}`)))
        await collector.kill(name)
        await post('/v1/track', JSON.stringify(track(`after-${name}`)))
        await rest()
      }
      expect(await sql("select count() from events where message_id like '%-worker' or message_id like '%-engine'")).toBe('4')
    })

    it('survives its own death', async () => {
      await post('/v1/track', JSON.stringify(track('before-the-end')))
      await collector.kill('collector')
      await collector.start()
      await rest()
      expect((await read('/v1/receipts/before-the-end')).body).toMatchObject({ state: 'loaded' })
    })

    it('rebuilds the OLAP tier from the archive, row for row', async () => {
      const rows = (): Promise<string> => sql('select * from events order by workspace, message_id, metric, time')
      const before = await rows()
      const control = await connectControl(data)
      await control?.call('rebuildOlap', {})
      expect(await rows()).toBe(before)
      expect((await readStatus(collector.url, testKeys.secretKey)).agree).toBe(true)
      expect(readdirSync(data)).toEqual(expect.arrayContaining(made.flags.length === 0 ? ['log', 'oltp', 'olap', 'objects'] : ['olap']))
    })

    it('makes the profiles anew from the archive, the same people with the same cards', async () => {
      const people = ['externalId=ada', 'externalId=vera', 'email=vera%40example.com', 'externalId=sam', 'anonymousId=kiosk', 'externalId=bystander']
      const cards = async (): Promise<readonly string[]> => Promise.all(people.map(async (query) =>
        JSON.stringify((await read(`/v1/profiles?${query}`)).body).replace(/"version":\d+/, '')))
      const graph = async (): Promise<string> => JSON.stringify((await read(`/v1/profiles/${profileId((await read('/v1/profiles?externalId=vera')).body)}/graph`)).body)
      const before = [await cards(), await graph(), await sql('select message_id, profile_id from events order by message_id')]
      const control = await connectControl(data)
      expect(await control?.call('rebuildProfiles', {})).toMatchObject({ moved: 0 })
      expect([await cards(), await graph(), await sql('select message_id, profile_id from events order by message_id')]).toEqual(before)
      await post('/v1/track', JSON.stringify(track('after-rebuild')))
      await rest()
      expect((await read('/v1/receipts/after-rebuild')).body).toMatchObject({ state: 'loaded' })
    })

    it('lets no second process use its data', async () => {
      await expect(new CollectorProcess(data).start()).rejects.toThrow(/data_in_use/)
    })
  })
}

function track(messageId: string, part: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  return { type: 'track', event: 'Product Viewed', userId: 'ada', messageId, timestamp: '2026-03-01T10:00:00.000Z', properties: { product_id: 'p1' }, ...part }
}

function profileId(card: unknown): string {
  return String(Reflect.get(Object(Reflect.get(Object(card), 'profile')), 'id'))
}
