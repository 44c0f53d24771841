import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { judgeEvent, limits } from '@millrace/schemas'
import { flushed } from '../test/flushed.ts'
import { FakeBrowser, type FakeTab } from '../test/fake-browser.ts'
import { createMillrace } from './create-millrace.ts'
import type { Millrace, MillraceOptions } from './millrace.ts'

let browser: FakeBrowser
let tab: FakeTab

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 0, 1) })
  browser = new FakeBrowser()
  tab = browser.open()
})

afterEach(() => {
  vi.useRealTimers()
})

function open(options: Partial<MillraceOptions> = {}, page = tab): Millrace {
  return createMillrace({ writeKey: 'key', host: 'https://c.example/', ...options }, page)
}

describe('calls', () => {
  it('go out together after the interval, with the key in the body', async () => {
    const millrace = open()
    const one = millrace.track('Product Viewed', { sku: 'A' })
    millrace.page('Cart')
    await vi.advanceTimersByTimeAsync(999)
    expect(browser.sent).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(browser.sent).toMatchObject([{ url: 'https://c.example/e', request: { method: 'POST', keepalive: true, credentials: 'omit' } }])
    expect(browser.sent[0]?.request).not.toHaveProperty('headers')
    expect(JSON.parse(browser.sent[0]?.request.body ?? '')).toMatchObject({
      writeKey: 'key', sentAt: '2026-01-01T00:00:01.000Z', wantResults: true,
      context: { library: { name: '@millrace/browser' }, locale: 'en-GB' },
      batch: [
        {
          type: 'track', event: 'Product Viewed', properties: { sku: 'A' }, timestamp: '2026-01-01T00:00:00.000Z',
          messageId: one.ok ? one.messageId : '', context: { page: { path: '/cart', search: '?step=1', title: 'Cart' } },
        },
        { type: 'page', name: 'Cart', properties: { path: '/cart' } },
      ],
    })
    expect(millrace.stats()).toEqual({ accepted: 2, delivered: 2, dropped: {}, queued: 0 })
  })

  it('are seven in one request, in the order they were made', async () => {
    const millrace = open()
    millrace.identify('u1')
    millrace.page()
    for (const name of ['A', 'B', 'C', 'D', 'E']) millrace.track(name)
    await vi.runAllTimersAsync()
    expect(browser.sent).toHaveLength(1)
    expect(browser.events.map(({ type, event }) => event ?? type)).toEqual(['identify', 'page', 'A', 'B', 'C', 'D', 'E'])
  })

  it('go out at once when there are enough, or when told', async () => {
    const millrace = open({ flushAt: 2 })
    millrace.track('A')
    millrace.track('B')
    await vi.advanceTimersByTimeAsync(0)
    expect(browser.events).toHaveLength(2)
    millrace.track('C')
    await flushed(millrace)
    expect(browser.events).toHaveLength(3)
  })

  it('are what they were when they were made', async () => {
    const millrace = open()
    const properties = { sku: 'A' }
    millrace.identify('u1')
    millrace.track('Product Viewed', properties)
    properties.sku = 'B'
    tab.title = 'Thanks'
    millrace.identify('u2')
    await vi.runAllTimersAsync()
    expect(browser.events[1]).toMatchObject({ userId: 'u1', properties: { sku: 'A' }, context: { page: { title: 'Cart' } } })
  })

  it('take the arguments of every shape', async () => {
    const millrace = open()
    millrace.identify({ plan: 'gold' })
    millrace.identify(7, { plan: 'silver' }, { context: { ip: '1.2.3.4' } })
    millrace.page('Checkout', 'Payment', { step: 2 }, { messageId: 'm4' })
    millrace.page({ step: 3 })
    millrace.screen('Home')
    millrace.group(9, { name: 'Acme' })
    millrace.alias('u8')
    millrace.alias('u8', 'u7')
    await vi.runAllTimersAsync()
    const anonymousId = millrace.user().anonymousId()
    expect(browser.events).toMatchObject([
      { type: 'identify', traits: { plan: 'gold' } },
      { type: 'identify', userId: '7', traits: { plan: 'silver' }, context: { ip: '1.2.3.4' } },
      { type: 'page', category: 'Checkout', name: 'Payment', properties: { step: 2 }, messageId: 'm4' },
      { type: 'page', properties: { step: 3 } },
      { type: 'screen', name: 'Home' },
      { type: 'group', groupId: '9', traits: { name: 'Acme' } },
      { type: 'alias', userId: 'u8', previousId: anonymousId },
      { type: 'alias', userId: 'u8', previousId: 'u7' },
    ])
    expect(browser.events[0]).not.toHaveProperty('userId')
    expect(millrace.user().traits()).toEqual({ plan: 'silver' })
  })

  it('answer a reason where they cannot be sent, and never throw (circle, BigInt, getter, element, time)', () => {
    const millrace = open()
    const circle: Record<string, unknown> = {}
    circle['self'] = circle
    const invalid = { ok: false, reason: 'invalid' }
    expect(millrace.track('A', circle)).toEqual(invalid)
    expect(millrace.track('A', { big: 1n })).toEqual(invalid)
    expect(Reflect.apply(millrace.track, millrace, [])).toEqual(invalid)
    expect(Reflect.apply(millrace.track, millrace, ['A', null, null])).toMatchObject({ ok: true })
    expect(millrace.track('A', { get price() { throw new Error('not yet') } })).toEqual(invalid)
    expect(millrace.track('A', { button: { nodeType: 1, nodeName: 'BUTTON' } })).toEqual(invalid)
    expect(millrace.track('A', {}, { timestamp: 'yesterday' })).toEqual(invalid)
    // Three bytes each in UTF-8.
    expect(millrace.track('A', { text: '€'.repeat(11_000) })).toEqual({ ok: false, reason: 'too_large' })
    expect(millrace.stats().accepted).toBe(1)
  })

  it.each(['', ' ', 'x'.repeat(200), 'x'.repeat(201)])('take the names that a collector takes (%#)', (name) => {
    expect(open().track(name).ok).toBe(judgeEvent('track', name) === null)
  })

  it('may be as large as a collector takes, less what it adds', () => {
    expect(open().track('A', { text: 'x'.repeat(limits.eventBytesMax - 1_300) }).ok).toBe(true)
  })

  it('carry what was set for all of them', async () => {
    const millrace = open()
    millrace.setContext({ shop: 'uk' })
    millrace.setContext({ test: 'b' })
    millrace.track('A')
    await vi.runAllTimersAsync()
    expect(browser.events[0]).toMatchObject({ context: { shop: 'uk', test: 'b' } })
  })

  it('write nothing to cookie or storage while they are made', () => {
    const millrace = open()
    millrace.track('A')
    const writes = browser.storageWrites + browser.cookieWrites
    for (let number = 0; number < 100; number++) millrace.track('A', { number })
    expect(browser.storageWrites + browser.cookieWrites).toBe(writes)
  })
})

describe('on a server', () => {
  it('every call is refused and nothing breaks', async () => {
    const millrace = createMillrace({ writeKey: 'key', host: 'https://c.example', pageViews: true })
    expect(millrace.track('A')).toEqual({ ok: false, reason: 'disabled' })
    expect(millrace.page()).toEqual({ ok: false, reason: 'disabled' })
    expect(millrace.identify('u1')).toEqual({ ok: false, reason: 'disabled' })
    millrace.reset()
    millrace.consent('granted')
    await millrace.ready()
    await millrace.flush()
    expect(millrace.stats()).toEqual({ accepted: 0, delivered: 0, dropped: {}, queued: 0 })
  })
})

describe('page views', () => {
  it('are told at the start and when the address changes without a page load', async () => {
    open({ pageViews: true })
    tab.history.pushState(null, '', '/cart?step=2')
    tab.title = 'Address'
    await vi.advanceTimersByTimeAsync(0)
    tab.history.replaceState(null, '', '/cart?step=2#top')
    tab.history.pushState(null, '', '/done')
    await vi.runAllTimersAsync()
    expect(browser.events.map(({ properties }) => properties)).toMatchObject([
      { path: '/cart', search: '?step=1', title: 'Cart' }, { search: '?step=2', title: 'Address' }, { path: '/done' },
    ])
  })
})

describe('bots', () => {
  it('are flagged, and dropped only where told', async () => {
    tab.navigator.webdriver = true
    open().track('A')
    await vi.runAllTimersAsync()
    expect(JSON.parse(browser.sent[0]?.request.body ?? '')).toMatchObject({ context: { bot: true } })
    expect(open({ dropBots: true }).track('A')).toEqual({ ok: false, reason: 'bot' })
    tab.navigator.webdriver = false
    expect(open({ dropBots: true }).track('A').ok).toBe(true)
    tab.navigator.userAgent = 'Mozilla/5.0 (compatible; Googlebot/2.1)'
    expect(open({ dropBots: true }).track('A').ok).toBe(false)
  })
})
