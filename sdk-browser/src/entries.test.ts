import { afterEach, beforeEach, describe, expect, expectTypeOf, it, vi } from 'vitest'
import { flushed } from '../test/flushed.ts'
import { FakeBrowser } from '../test/fake-browser.ts'
import { createMillrace } from './create-millrace.ts'
import { deviceContext } from './device-context.ts'
import { ecommerce } from './ecommerce.ts'
import { restoreKeptId } from './kept-id.ts'
import type { CallResult, Millrace } from './millrace.ts'
import { AnalyticsBrowser } from './segment.ts'

let browser: FakeBrowser

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 0, 1) })
  browser = new FakeBrowser()
})

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
  vi.resetModules()
})

const settings = { writeKey: 'key', host: 'https://c.example' }

describe('ecommerce', () => {
  it('tracks by the names of Segment', async () => {
    const millrace = createMillrace(settings, browser.open())
    const shop = ecommerce(millrace)
    shop.productViewed({ product_id: 'p1', price: 4.95, currency: 'GBP' })
    shop.orderCompleted({ order_id: 'o1', currency: 'GBP', products: [{ product_id: 'p1', quantity: 2 }] })
    await flushed(millrace)
    expect(browser.events).toMatchObject([
      { event: 'Product Viewed', properties: { product_id: 'p1', price: 4.95 } },
      { event: 'Order Completed', properties: { order_id: 'o1', products: [{ quantity: 2 }] } },
    ])
    expect(Object.keys(shop).every((name) => /^[a-z]+[A-Za-z]+$/.test(name))).toBe(true)
  })

  it('takes no wrong field', () => {
    const shop = ecommerce(createMillrace(settings, browser.open()))
    // @ts-expect-error A product is known by its id.
    shop.productViewed({ name: 'Lamp' })
    // @ts-expect-error A price is a number.
    shop.productAdded({ product_id: 'p1', price: '4.95' })
    // @ts-expect-error Only fields that are known.
    shop.cartViewed({ products: [], basket: 'b1' })
  })
})

describe('deviceContext', () => {
  it('tells what there is to tell', () => {
    expect(deviceContext({ screen: { width: 100, height: 200 }, devicePixelRatio: 2, navigator: { userAgentData: { mobile: true } } }))
      .toEqual({ timezone: expect.any(String), screen: { width: 100, height: 200, density: 2 }, userAgentData: { mobile: true } })
    expect(Object.keys(deviceContext({}))).toEqual(['timezone'])
  })
})

describe('restoreKeptId', () => {
  const answering = (body: unknown) => async (): Promise<Response> => Response.json(body)

  it('gives a browser that lost its id the one that the collector kept, before the first event', async () => {
    const millrace = createMillrace({ ...settings, consent: 'pending' }, browser.open())
    millrace.track('A')
    expect(await restoreKeptId(millrace, { host: 'https://c.example', fetch: answering({ anonymousId: 'kept' }) })).toBe(true)
    millrace.consent('granted')
    await flushed(millrace)
    expect(browser.events).toMatchObject([{ event: 'A', anonymousId: 'kept' }])
    expect(browser.cookies[0]?.value).toBe('kept:')
  })

  it('leaves an id that the browser still has', async () => {
    const { anonymousId } = createMillrace(settings, browser.open()).user()
    const millrace = createMillrace({ ...settings, consent: 'pending' }, browser.open())
    await restoreKeptId(millrace, { host: 'https://c.example', fetch: answering({ anonymousId: 'other' }) })
    millrace.consent('granted')
    expect(millrace.user().anonymousId()).toBe(anonymousId())
  })

  it('takes no answer for none', async () => {
    const millrace = createMillrace(settings, browser.open())
    expect(await restoreKeptId(millrace, { host: 'https://c.example', fetch: answering({ anonymousId: null }) })).toBe(false)
    expect(await restoreKeptId(millrace, { host: 'https://c.example', fetch: () => Promise.reject(new TypeError('blocked')) })).toBe(false)
  })
})

describe('AnalyticsBrowser', () => {
  it('takes calls as code for Segment makes them, callbacks too', async () => {
    vi.stubGlobal('window', browser.open())
    const analytics = AnalyticsBrowser.load({ writeKey: 'key', host: 'https://c.example' }, { flushAt: 2 })
    const called = vi.fn()
    analytics.track('A', { sku: 'a' }, called)
    analytics.page(called)
    await vi.runAllTimersAsync()
    expect(called).toHaveBeenCalledTimes(2)
    expect(browser.events).toMatchObject([{ event: 'A', properties: { sku: 'a' } }, { type: 'page' }])
  })
})

describe('the script', () => {
  async function load(tab: ReturnType<FakeBrowser['open']>): Promise<void> {
    vi.stubGlobal('window', tab)
    vi.stubGlobal('document', Object.assign(Object.create(null), { head: { append: () => undefined }, createElement: (): object => ({}), title: tab.title, referrer: tab.referrer }))
    vi.stubGlobal('location', tab.location)
    await import('./stub.ts')
  }

  function stubOf(tab: object): Millrace & { load: (source: string, options: object) => void } {
    const stub: ReturnType<typeof stubOf> = Reflect.get(tab, 'millrace')
    return stub
  }

  it('makes the calls that the snippet kept, as of their time and page', async () => {
    const tab = browser.open('https://shop.example/landing?gclid=g1')
    await load(tab)
    const stub = stubOf(tab)
    const { track } = stub
    stub.load('/millrace.js', settings)
    stub.identify({ plan: 'gold' })
    stub.identify('u1', { plan: 'gold' })
    stub.page('Landing')
    track('A', { sku: 'a' }, { context: { test: 'b' } })
    expect(stub.user().id()).toBeNull()
    vi.setSystemTime(Date.now() + 5_000)
    tab.history.pushState(null, '', '/later')
    await import('./global.ts')
    track('B')
    await flushed(stub)
    const then = { timestamp: '2026-01-01T00:00:00.000Z', context: { page: { path: '/landing', title: 'Cart' } } }
    expect(browser.events).toMatchObject([
      { type: 'identify', traits: { plan: 'gold' }, ...then },
      { type: 'identify', userId: 'u1', ...then },
      { type: 'page', name: 'Landing', properties: { path: '/landing' }, ...then },
      { event: 'A', userId: 'u1', properties: { sku: 'a' }, timestamp: then.timestamp, context: { ...then.context, test: 'b' } },
      { event: 'B', timestamp: '2026-01-01T00:00:05.000Z' },
    ])
    expect(stub.user().id()).toBe('u1')
  })

  it('that is blocked leaves a snippet that answers and never throws', async () => {
    const tab = browser.open()
    await load(tab)
    const stub = stubOf(tab)
    stub.load('/blocked.js', settings)
    expect(stub.track('A')).toMatchObject({ ok: true })
    expect([stub.user().id(), stub.user().anonymousId(), stub.user().traits()]).toEqual([null, null, {}])
    expect(stub.stats()).toEqual({ accepted: 0, delivered: 0, dropped: {}, queued: 1 })
    stub.reset()
    stub.consent('denied')
    await stub.ready()
    await flushed(stub)
  })

  it('without a snippet brings the constructor alone', async () => {
    const tab = browser.open()
    vi.stubGlobal('window', tab)
    await import('./global.ts')
    expect(Object.keys(stubOf(tab))).toEqual(['createMillrace'])
  })

  it('has every call in its snippet', async () => {
    const tab = browser.open()
    await load(tab)
    expect(Object.keys(stubOf(tab))).toEqual(expect.arrayContaining(Object.keys(createMillrace(settings, tab))))
  })
})

describe('types', () => {
  it('hold events to their properties, of ordinary interfaces too', () => {
    interface Viewed { sku: string, price?: number }
    interface Shop { 'Product Viewed': Viewed, 'Cart Viewed': object }
    const millrace = createMillrace<Shop>(settings, browser.open())
    millrace.track('Cart Viewed')
    millrace.track('Product Viewed', { sku: 'a' }, { messageId: 'm1' })
    // @ts-expect-error The properties are missing.
    millrace.track('Product Viewed')
    // @ts-expect-error A price is a number.
    millrace.track('Product Viewed', { sku: 'a', price: '1' })
    // @ts-expect-error No such event.
    millrace.track('Product Vewed', { sku: 'a' })
    expectTypeOf(millrace.track('Cart Viewed')).toEqualTypeOf<CallResult>()
    const loose = createMillrace(settings, browser.open())
    const viewed: Viewed = { sku: 'a' }
    loose.track('Anything', viewed)
    // @ts-expect-error A name is text.
    loose.track(7)
    // @ts-expect-error Without a host there is nobody to send to.
    expect(() => createMillrace({ writeKey: 'key' })).toThrow()
  })
})
