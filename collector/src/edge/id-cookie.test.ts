import { uuidV7 } from '@millrace/schemas'
import { Registry } from 'prom-client'
import { expect, it } from 'vitest'
import { ManualLog } from '../../test/manual-log.ts'
import { defaultIdentitySettings } from '../identity/identity-settings.ts'
import { systemClock } from '../platform/clock.ts'
import { createEdgeApp, type EdgeApp, edgeDefaults } from './edge-app.ts'
import { EdgeMetrics } from './edge-metrics.ts'
import { hashKey, KeyRing } from './key-ring.ts'
import { RecordGatherer } from './record-gatherer.ts'
import { noLimits } from '../ports/key.ts'

const writeKey = 'wk_0123456789abcdef'
const shop = 'https://www.shop.example'

function edge(idCookieOrigins: readonly string[]): EdgeApp {
  const log = new ManualLog()
  const metrics = new EdgeMetrics(new Registry())
  return createEdgeApp({
    log: new RecordGatherer({ log, clock: systemClock, metrics }, { pendingBytesMax: 2_000_000, appendTimeoutMs: 60 }), readiness: () => log.readiness(),
    keys: new KeyRing([{ hash: hashKey(writeKey), workspace: 7, kind: 'write', id: 'w', revoked: false, limits: noLimits }]), clock: systemClock, metrics,
    settings: { ...edgeDefaults, idCookieOrigins }, identityOf: () => defaultIdentitySettings, draining: () => false,
    newMessageId: () => uuidV7(Date.now()), random: () => 0.5, report: () => undefined,
  })
}

async function post(app: EdgeApp, origin: string, anonymousId: unknown): Promise<Response> {
  const batch = [{ type: 'track', event: 'A', anonymousId: 'earlier' }, { type: 'track', event: 'A', userId: 'u1', anonymousId }]
  return app.request('/e', { method: 'POST', body: JSON.stringify({ writeKey, batch }), headers: { origin, 'content-type': 'text/plain' } })
}

it('a page of the site gets the id of its last event in a cookie that scripts cannot see, and may ask for it', async () => {
  const app = edge([shop])
  const answer = await post(app, shop, 'a;1')
  expect(answer.status).toBe(200)
  expect(answer.headers.get('set-cookie')).toBe('millrace_id=a%3B1; Path=/; Max-Age=34560000; HttpOnly; SameSite=Lax; Secure')
  expect(answer.headers.get('access-control-allow-origin')).toBe(shop)
  expect(answer.headers.get('access-control-allow-credentials')).toBe('true')
  const asked = await app.request('/e/id', { headers: { origin: shop, cookie: 'other=1; millrace_id=a%3B1' } })
  expect(await asked.json()).toEqual({ success: true, anonymousId: 'a;1' })
  expect([asked.headers.get('access-control-allow-origin'), asked.headers.get('cache-control')]).toEqual([shop, 'no-store'])
  expect(await (await app.request('/e/id', { headers: { origin: shop } })).json()).toEqual({ success: true, anonymousId: null })
})

it.each(['https://www.shop.example.evil', 'https://shop.example', 'http://www.shop.example', 'null'])('%s is not the site: it may send, without cookies', async (origin) => {
  const app = edge([shop])
  const answer = await post(app, origin, 'a1')
  expect([answer.status, answer.headers.get('set-cookie'), answer.headers.get('access-control-allow-credentials')]).toEqual([200, null, null])
  const preflight = await app.request('/v1/batch', { method: 'OPTIONS', headers: { origin } })
  expect([preflight.headers.get('access-control-allow-origin'), preflight.headers.get('access-control-allow-credentials')]).toEqual([origin, null])
  const asked = await app.request('/e/id', { headers: { origin, cookie: 'millrace_id=a1' } })
  expect([asked.status, await asked.text()]).toEqual([404, expect.not.stringContaining('a1')])
})

it.each([7, '', '\ud800', 'x'.repeat(321), undefined])('an id that is none (%#) sets nothing', async (anonymousId) => {
  expect((await post(edge([shop]), shop, anonymousId)).headers.get('set-cookie')).toBeNull()
})

it('is off unless origins are named', async () => {
  const app = edge([])
  const answer = await post(app, shop, 'a1')
  expect([answer.headers.get('set-cookie'), answer.headers.get('access-control-allow-credentials')]).toEqual([null, 'true'])
  expect((await app.request('/e/id', { headers: { origin: shop } })).status).toBe(404)
})
