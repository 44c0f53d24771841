import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type HttpBindings, serve } from '@hono/node-server'
import express from 'express'
import { Hono } from 'hono'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createMillrace } from '../../sdk-browser/src/create-millrace.ts'
import { FakeBrowser } from '../../sdk-browser/test/fake-browser.ts'
import { Sink } from '../test/sink.ts'
import { millraceContext as expressContext } from './express.ts'
import { millraceContext as honoContext } from './hono.ts'
import { Millrace } from './millrace.ts'

let sink: Sink
let client: Millrace

beforeEach(async () => {
  sink = await Sink.start()
  client = new Millrace({ writeKey: 'wk', host: sink.host })
})

afterEach(async () => {
  await client.close({ timeoutMs: 0 })
  await sink.stop()
})

/** The cookie as the browser SDK itself writes it. */
function browserCookie(): { readonly cookie: string, readonly anonymousId: string } {
  const tab = new FakeBrowser().open()
  createMillrace({ writeKey: 'wk', host: 'https://events.example.com' }, tab)
  const { cookie } = tab.document
  const anonymousId = /millrace=([^:;]+)/.exec(cookie)?.[1] ?? ''
  expect(anonymousId).toMatch(/^[0-9a-f-]{36}$/)
  return { cookie: `theme=dark; ${cookie}`, anonymousId }
}

async function sent(): Promise<readonly unknown[]> {
  await client.flush()
  return sink.requests.flatMap(({ body }) => body['batch'])
}

function urlOf(server: Server): string {
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
}

describe('Express', () => {
  it('carries the request into calls, also behind a body parser and an await', async () => {
    const app = express()
    app.use(expressContext(client))
    app.use(express.json())
    app.post('/orders/:id', async (request, response) => {
      await new Promise((resolve) => setImmediate(resolve))
      client.track({ userId: 'c-1', event: 'Order Completed', properties: request.body })
      response.end()
    })
    const server = createServer(app).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { cookie, anonymousId } = browserCookie()
    const shop = urlOf(server)
    await fetch(`${shop}/orders/7?token=secret`, {
      method: 'POST', body: '{"order_id":"o-7"}',
      headers: { cookie, 'content-type': 'application/json', 'user-agent': 'Browser/1', 'accept-language': 'de-DE,de;q=0.9', referer: 'https://shop.example/cart' },
    })
    server.close()
    expect(await sent()).toMatchObject([{
      userId: 'c-1', anonymousId, properties: { order_id: 'o-7' },
      context: { ip: '127.0.0.1', userAgent: 'Browser/1', locale: 'de-DE', page: { path: '/orders/7', url: `${shop}/orders/7`, referrer: 'https://shop.example/cart' } },
    }])
    expect(JSON.stringify(await sent())).not.toContain('secret')
  })
})

describe('Hono', () => {
  it('carries the request into calls; concurrent requests do not mix', async () => {
    const app = new Hono()
    app.use(honoContext(client))
    app.get('/products/:id', async (context) => {
      await new Promise((resolve) => setTimeout(resolve, context.req.param('id') === 'a' ? 10 : 1))
      client.track({ event: 'Product Viewed', properties: { product_id: context.req.param('id') } })
      return context.text('ok')
    })
    await Promise.all(['a', 'b', 'c'].map(async (id) => app.request(`/products/${id}`, { headers: { cookie: `millrace=anonymous-${id}` } })))
    const events = await sent()
    expect(events).toHaveLength(3)
    for (const id of ['a', 'b', 'c']) {
      expect(events).toContainEqual(expect.objectContaining({ anonymousId: `anonymous-${id}`, properties: { product_id: id } }))
    }
  })

  it('takes the address of the connection, or that which a trusted proxy says', async () => {
    const app = new Hono<{ Bindings: HttpBindings }>()
    app.use('/plain', honoContext(client))
    app.use('/behind', honoContext(client, { trustedProxies: 1, cookie: 'visitor' }))
    app.get('*', (context) => {
      client.page({ userId: 'u', name: context.req.path })
      return context.text('ok')
    })
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
    await once(server, 'listening')
    const address = server.address()
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
    const headers = { 'x-forwarded-for': '1.1.1.1, 203.0.113.9', cookie: 'visitor=v%20%C3%A9' }
    await fetch(`${url}/plain`, { headers })
    await fetch(`${url}/behind`, { headers })
    server.close()
    expect(await sent()).toMatchObject([
      { name: '/plain', context: { ip: '127.0.0.1' } }, { name: '/behind', anonymousId: 'v é', context: { ip: '203.0.113.9' } },
    ])
  })

  it('has the platform wait for the events of an invocation', async () => {
    const app = new Hono()
    app.use(honoContext(client))
    app.get('/', (context) => {
      client.track({ userId: 'u', event: 'Order Completed' })
      return context.text('ok')
    })
    const waits: Promise<unknown>[] = []
    await app.request('/', {}, {}, { waitUntil: (promise) => void waits.push(promise), passThroughOnException: () => {}, props: {} })
    expect(waits).toHaveLength(1)
    await Promise.all(waits)
    expect(sink.ids).toHaveLength(1)
  })
})

describe('runWithContext', () => {
  it('gives what a call leaves out, and nothing inside an empty context', async () => {
    client.runWithContext({ userId: 'c-1', anonymousId: 'a-1', context: { ip: '203.0.113.9', locale: 'de' } }, () => {
      client.track({ event: 'one' })
      Reflect.apply(client.track, client, [{ event: 'two', userId: undefined, anonymousId: null }])
      client.track({ event: 'three', userId: 'c-2', context: { locale: 'fr' } })
      client.runWithContext({}, () => client.track({ event: 'four', userId: 'c-3' }))
      expect(client.runWithContext({}, () => client.track({ event: 'nobody' }))).toMatchObject({ ok: false, reason: 'invalid' })
    })
    const events = await sent()
    expect(events).toMatchObject([
      { event: 'one', userId: 'c-1', anonymousId: 'a-1', context: { ip: '203.0.113.9', locale: 'de' } }, { event: 'two', userId: 'c-1', anonymousId: 'a-1' },
      { event: 'three', userId: 'c-2', anonymousId: 'a-1', context: { ip: '203.0.113.9', locale: 'fr' } }, { event: 'four', userId: 'c-3' },
    ])
    expect(events[3]).not.toHaveProperty('anonymousId')
    expect(events[3]).not.toHaveProperty('context')
  })

  it('cuts what a visitor sends', async () => {
    const app = new Hono()
    app.use(honoContext(client))
    app.get('/', (context) => context.json(client.track({ userId: 'u', event: 'e' })))
    await app.request('/', { headers: { 'user-agent': 'x'.repeat(100_000), referer: 'y'.repeat(100_000), cookie: 'millrace=%E0%A4%A' } })
    expect(await sent()).toMatchObject([{ context: { userAgent: 'x'.repeat(512) } }])
  })
})
