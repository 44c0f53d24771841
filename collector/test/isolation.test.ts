import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Collector, createCollector, parseConfig } from '../src/index.ts'
import { untilAtRest } from './read-side.ts'
import { connectControl, type ControlClient } from '../src/control-client.ts'

/** Two workspaces in which everything has the same names: only the secret tells whose is whose. */
interface Side {
  readonly name: string
  readonly writeKey: string
  readonly secretKey: string
  /** In each text that this side sent. */
  readonly secret: string
}

const data = mkdtempSync(join(tmpdir(), 'millrace-isolation-'))
let collector: Collector
let control: ControlClient
let sides: readonly [Side, Side]

async function ask(key: string, ...[method, path, body]: readonly [method: string, path: string, body?: unknown]): Promise<{ status: number; text: string }> {
  const response = await fetch(`${collector.url}${path}`, { method, headers: { authorization: `Bearer ${key}` }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  return { status: response.status, text: await response.text() }
}

async function idOf(side: Side): Promise<string> {
  const { text } = await ask(side.secretKey, 'GET', '/v1/profiles?externalId=shared')
  return /"id":"([0-9a-f-]{36})"/.exec(text)?.[1] ?? ''
}

async function segmentOf(side: Side): Promise<string> {
  const { text } = await ask(side.secretKey, 'GET', '/v1/segments')
  return /"id":"([0-9a-f-]{36})"/.exec(text)?.[1] ?? ''
}

interface Case {
  readonly path: string
  readonly body?: unknown
  /** Its own data must be in the answer; else the answer says as much about both. */
  readonly shows: boolean
  /** Of an answer to whom the named thing does not belong. */
  readonly foreign?: number
}

/** For each route how to ask it as `own`, naming what is `other`'s where the route names something. */
const cases: Readonly<Record<string, (ids: { profile: string; segment: string }) => Case>> = {
  'GET /v1/profiles': () => ({ path: '/v1/profiles?email=shared%40example.com', shows: true }),
  'GET /v1/profiles/:id': ({ profile }) => ({ path: `/v1/profiles/${profile}`, shows: true, foreign: 404 }),
  'GET /v1/profiles/:id/events': ({ profile }) => ({ path: `/v1/profiles/${profile}/events`, shows: true, foreign: 404 }),
  'GET /v1/profiles/:id/graph': ({ profile }) => ({ path: `/v1/profiles/${profile}/graph`, shows: false, foreign: 404 }),
  'GET /v1/profiles/:id/export': ({ profile }) => ({ path: `/v1/profiles/${profile}/export`, shows: true, foreign: 404 }),
  'DELETE /v1/profiles/:id': () => ({ path: '/v1/profiles/0190a0b1-0000-7000-8000-000000000000', shows: false }),
  'POST /v1/profiles/:id/split': ({ profile }) => ({ path: `/v1/profiles/${profile}/split`, body: { a: { kind: 'email', value: 'nobody@example.com' } }, shows: false, foreign: 404 }),
  'GET /v1/identity/explain': () => ({ path: '/v1/identity/explain?externalId=shared&email=shared%40example.com', shows: false }),
  'GET /v1/receipts/:messageId': () => ({ path: '/v1/receipts/shared-1', shows: false }),
  'GET /v1/quarantine': () => ({ path: '/v1/quarantine', shows: false }),
  'GET /v1/events': () => ({ path: '/v1/events?dropped=true', shows: true }),
  'GET /v1/reports/orders': () => ({ path: '/v1/reports/orders', shows: false }),
  'POST /v1/segments': () => ({ path: '/v1/segments', body: { name: 'Broken' }, shows: false }),
  'GET /v1/segments': () => ({ path: '/v1/segments', shows: true }),
  'POST /v1/segments/preview': ({ profile }) => ({ path: '/v1/segments/preview', body: { definition: everybody, profileId: profile }, shows: false, foreign: 404 }),
  'GET /v1/segments/:id': ({ segment }) => ({ path: `/v1/segments/${segment}`, shows: true, foreign: 404 }),
  'GET /v1/segments/:id/members': ({ segment }) => ({ path: `/v1/segments/${segment}/members`, shows: true, foreign: 404 }),
  'GET /v1/status': () => ({ path: '/v1/status', shows: false }),
  'GET /v1/settings': () => ({ path: '/v1/settings', shows: true }),
  'PUT /v1/settings': () => ({ path: '/v1/settings', body: { identity: { limits: { phone: 0 } } }, shows: false }),
  'GET /v1/settings/versions': () => ({ path: '/v1/settings/versions', shows: true }),
  'GET /v1/settings/versions/:version': () => ({ path: '/v1/settings/versions/1', shows: true }),
  'GET /v1/automations': () => ({ path: '/v1/automations', shows: true }),
  'GET /v1/automations/:name': () => ({ path: '/v1/automations/abandoned-cart', shows: true }),
  'PUT /v1/automations/:name': () => ({ path: '/v1/automations/abandoned-cart', body: { delaySeconds: 'soon' }, shows: false }),
  'GET /v1/automations/:name/deliveries': () => ({ path: '/v1/automations/abandoned-cart/deliveries', shows: false }),
  'GET /v1/automations/:name/deliveries/:id': () => ({ path: '/v1/automations/abandoned-cart/deliveries/x', shows: false }),
  'POST /v1/automations/:name/deliveries/replay': () => ({ path: '/v1/automations/abandoned-cart/deliveries/replay', shows: false }),
  'POST /v1/automations/:name/deliveries/:id/replay': () => ({ path: '/v1/automations/abandoned-cart/deliveries/x/replay', shows: false }),
}

const everybody = { type: 'profile-metric', metric: 'Order Completed', measurement: 'count', operator: 'greater-than-or-equal', value: 1, timeframe: { type: 'all-time' } }

/** Neither of these reads: they take events, or say nothing of anybody. */
const open = /^(?:(?:POST|OPTIONS) (?:\/v1|\/e|\/e\/v1)(?:\/(?:batch|b|import|track|t|identify|i|page|p|screen|s|group|g|alias|a|m))?|(?:POST|OPTIONS) (?:\/e)?\/beacon\/v1\/batch|GET \/(?:healthz|readyz|metrics|console|console\/:name))$/

function routesThatRead(): readonly string[] {
  return collector.routes.filter((route) => !open.test(route))
}

beforeAll(async () => {
  collector = await createCollector(parseConfig({ flags: new Map([['data', data], ['port', '0'], ['object-delay-ms', '50'], ['load-delay-ms', '50'], ['log-level', 'error']]), env: {} }))
  const connected = await connectControl(data)
  if (connected === null) throw new Error('the collector cannot be reached')
  control = connected
  const [first, second] = [await collector.createKeys('first'), await collector.createKeys('second')]
  sides = [{ ...first, name: 'first', secret: 'alpha-only' }, { ...second, name: 'second', secret: 'omega-only' }]
  for (const { writeKey, secretKey, secret } of sides) {
    const batch = [
      { type: 'identify', userId: 'shared', anonymousId: 'shared-browser', messageId: 'shared-1', traits: { email: 'shared@example.com', phone: '+442079460123', note: secret } },
      { type: 'track', event: 'Order Completed', userId: 'shared', messageId: 'shared-2', properties: { order_id: 'o-1', value: secret === 'alpha-only' ? 11 : 77, currency: 'GBP', note: secret } },
      { type: 'track', userId: 'shared', messageId: 'shared-3', properties: { note: secret } },
    ]
    const sent = await fetch(`${collector.url}/v1/batch`, { method: 'POST', headers: { authorization: `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}` }, body: JSON.stringify({ batch }) })
    expect(sent.status).toBe(200)
    expect((await ask(secretKey, 'POST', '/v1/segments', { name: `Loyal ${secret}`, definition: everybody })).status).toBe(201)
    expect((await ask(secretKey, 'PUT', '/v1/settings', { identity: { blocked: [{ value: secret }] } })).status).toBe(200)
    expect((await ask(secretKey, 'PUT', '/v1/automations/abandoned-cart', { cartMetrics: [`Added ${secret}`] })).status).toBe(200)
  }
  await untilAtRest(() => collector.url, sides[0].secretKey, { accepted: 6, withinMs: 30_000 })
}, 60_000)

afterAll(async () => {
  await collector.close()
  rmSync(data, { recursive: true })
}, 60_000)

describe('two workspaces that share every name', () => {
  it('has a case for every route that the collector serves, by its own list', () => {
    expect(routesThatRead().length).toBeGreaterThan(20)
    expect(routesThatRead().toSorted()).toEqual(Object.keys(cases).toSorted())
  })

  it('never see each other, by any route', async () => {
    for (const [own, other] of [sides, sides.toReversed()]) {
      if (own === undefined || other === undefined) throw new Error('there are two')
      const mine = { profile: await idOf(own), segment: await segmentOf(own) }
      const theirs = { profile: await idOf(other), segment: await segmentOf(other) }
      expect([mine.profile, mine.segment]).not.toEqual([theirs.profile, theirs.segment])
      for (const [route, makeCase] of Object.entries(cases)) {
        const method = route.split(' ')[0] ?? ''
        const about = makeCase(mine)
        const answer = await ask(own.secretKey, method, about.path, about.body)
        expect([route, answer.text.includes(other.secret), answer.text.includes(theirs.profile)]).toEqual([route, false, false])
        if (about.shows) expect([route, answer.status, /alpha-only|omega-only/.test(answer.text) || answer.text.includes(mine.profile)]).toEqual([route, 200, true])
        const across = makeCase(theirs)
        const foreign = await ask(own.secretKey, method, across.path, across.body)
        expect([route, foreign.text.includes(other.secret)]).toEqual([route, false])
        if (across.foreign !== undefined) expect([route, foreign.status]).toEqual([route, across.foreign])
      }
    }
  })

  it('add up to what each has: one order of its own value, one member, one profile', async () => {
    for (const [{ secretKey, name }, value] of [[sides[0], '11'], [sides[1], '77']] as const) {
      const report = await ask(secretKey, 'GET', '/v1/reports/orders')
      expect(report.text).toMatch(new RegExp(`"revenue":"${value}(?:\\.0+)?"`))
      expect((await ask(secretKey, 'POST', '/v1/segments/preview', { definition: everybody })).text).toContain('"count":1')
      const sql = (text: string): Promise<unknown> => control.call('sql', { sql: text, format: 'TSV', workspace: name })
      expect(String(await sql('select count(), sum(value), uniq(workspace) from events')).trim()).toBe(`2\t${value}\t1`)
    }
  })

  it('are not reached by a write key, nor by a key that is none, on any route', async () => {
    for (const route of routesThatRead()) {
      const [method = '', path = ''] = route.split(' ')
      const target = path.replaceAll(/:\w+/g, 'abandoned-cart')
      for (const key of [sides[0].writeKey, sides[1].writeKey, '', 'ms_wrong', sides[0].secretKey.slice(0, -1)]) {
        const answer = await ask(key, method, target)
        expect([route, answer.status, answer.text.includes('"code":"unauthorized"')]).toEqual([route, 401, true])
      }
      const basic = await fetch(`${collector.url}${target}`, { method, headers: { authorization: `Basic ${Buffer.from(`${sides[0].secretKey}:`).toString('base64')}` } })
      expect([route, basic.status]).toEqual([route, 401])
    }
  })

  it('lose and part nobody by what the other does', async () => {
    const [first, second] = sides
    const before = await ask(second.secretKey, 'GET', `/v1/profiles/${await idOf(second)}`)
    const split = { a: { kind: 'email', value: 'shared@example.com' }, b: { kind: 'externalId', value: 'shared' } }
    expect((await ask(first.secretKey, 'POST', `/v1/profiles/${await idOf(second)}/split`, split)).status).toBe(404)
    expect((await ask(first.secretKey, 'POST', `/v1/profiles/${await idOf(first)}/split`, split)).status).toBe(200)
    await ask(first.secretKey, 'DELETE', `/v1/profiles/${await idOf(second)}`)
    for (const parameter of ['externalId=shared', 'email=shared%40example.com']) {
      const id = /"id":"([0-9a-f-]{36})"/.exec((await ask(first.secretKey, 'GET', `/v1/profiles?${parameter}`)).text)?.[1]
      if (id !== undefined) expect((await ask(first.secretKey, 'DELETE', `/v1/profiles/${id}?later=refuse`)).status).toBe(200)
    }
    expect((await ask(first.secretKey, 'GET', '/v1/profiles?externalId=shared')).status).toBe(404)
    expect((await ask(second.secretKey, 'GET', `/v1/profiles/${await idOf(second)}`)).text).toBe(before.text)
    expect(String(await control.call('sql', { sql: 'select count() from events', format: 'TSV', workspace: 'second' })).trim()).toBe('2')
    expect(String(await control.call('sql', { sql: "select countIf(properties like '%omega%'), countIf(properties like '%alpha%') from events", format: 'TSV' })).trim()).toBe('2\t0')
  }, 60_000)
})

describe('keys', () => {
  it('are nowhere on disk as themselves', () => {
    const keys = readFileSync(join(data, 'keys.json'), 'utf8')
    expect(keys).toContain('"hash"')
    for (const { writeKey, secretKey } of sides) expect([keys.includes(writeKey), keys.includes(secretKey)]).toEqual([false, false])
  })

  it('are limited and revoked by a command, at once where it is the same process', async () => {
    const { writeKey, secretKey } = await collector.createKeys('short-lived')
    expect((await ask(secretKey, 'GET', '/v1/segments')).status).toBe(200)
    const send = async (): Promise<number> => (await fetch(`${collector.url}/v1/track`, { method: 'POST', headers: { 'x-write-key': writeKey }, body: '{"userId":"u","event":"x"}' })).status
    expect(await send()).toBe(200)
    await control.call('limitKey', { id: writeKey, limits: { eventsPerDay: 1 } })
    expect([await send(), await send()]).toEqual([200, 429])
    await control.call('limitKey', { id: writeKey, limits: { eventsPerDay: null } })
    expect(await send()).toBe(200)
    for (const id of [writeKey, secretKey]) expect(await control.call('revokeKey', { id })).toBe(true)
    expect([await send(), (await ask(secretKey, 'GET', '/v1/segments')).status]).toEqual([401, 401])
  })
})
