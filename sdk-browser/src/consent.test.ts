import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FakeBrowser, type FakeTab } from '../test/fake-browser.ts'
import { createMillrace } from './create-millrace.ts'
import type { Millrace, MillraceOptions } from './millrace.ts'

let browser: FakeBrowser
let tab: FakeTab

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 0, 1) })
  browser = new FakeBrowser()
  tab = browser.open('https://shop.example/?gclid=g1')
})

afterEach(() => {
  vi.useRealTimers()
})

function open(options: Partial<MillraceOptions> = {}, page = tab): Millrace {
  return createMillrace({ writeKey: 'key', host: 'https://c.example', ...options }, page)
}

function isUntouched(): boolean {
  return Object.keys(browser.stored).length + browser.cookies.length + browser.sent.length === 0
}

/** A local storage that tells whether it was looked at. */
function watchStorage(): { readonly reads: number } {
  const watched = { reads: 0 }
  Object.defineProperty(browser, 'localStorage', {
    value: new Proxy(browser.stored, {
      get: (target, key) => {
        watched.reads++
        const text: unknown = Reflect.get(target, key)
        return text
      },
      ownKeys: (target) => {
        watched.reads++
        return Reflect.ownKeys(target)
      },
    }),
  })
  return watched
}

describe('while consent is pending', () => {
  it('nothing is read, kept or sent; then everything goes out with its time and one id', async () => {
    const watched = watchStorage()
    const millrace = open({ consent: 'pending' })
    millrace.page('Home')
    millrace.identify('u1')
    vi.setSystemTime(Date.now() + 5_000)
    millrace.track('A')
    tab.dispatch('storage')
    tab.dispatch('online')
    tab.show('hidden')
    tab.show('visible')
    await vi.advanceTimersByTimeAsync(10_000)
    expect(millrace.stats()).toEqual({ accepted: 3, delivered: 0, dropped: {}, queued: 3 })
    expect([isUntouched(), watched.reads]).toEqual([true, 0])
    millrace.consent('granted', { analytics: true, advertising: false })
    millrace.track('B')
    await vi.runAllTimersAsync()
    const anonymousId = millrace.user().anonymousId()
    expect(browser.events).toMatchObject([
      { type: 'page', anonymousId, timestamp: '2026-01-01T00:00:00.000Z', context: { campaign: { gclid: 'g1' } } },
      { type: 'identify', userId: 'u1', anonymousId },
      { event: 'A', userId: 'u1', anonymousId, timestamp: '2026-01-01T00:00:05.000Z' },
      { event: 'B', userId: 'u1', anonymousId, context: { consent: { analytics: true, advertising: false } } },
    ])
    expect(browser.events[0]).not.toHaveProperty('userId')
    expect(open({}, tab.navigate()).user().id()).toBe('u1')
  })

  it('nothing more is kept or sent when it is taken back to that, and what was under way waits', async () => {
    const millrace = open()
    await vi.runAllTimersAsync()
    millrace.track('A')
    const kept = JSON.stringify(browser.stored)
    millrace.consent('pending')
    millrace.track('B')
    tab.show('hidden')
    await vi.runAllTimersAsync()
    expect(browser.events).toEqual([])
    expect(JSON.stringify(browser.stored)).toBe(kept)
    millrace.consent('granted')
    await vi.runAllTimersAsync()
    expect(browser.events).toMatchObject([{ event: 'A' }, { event: 'B' }])
  })

  it('a visitor who came before is known by the old id once it is granted', () => {
    const { anonymousId } = open().user()
    const millrace = open({ consent: 'pending' }, tab.navigate())
    expect(millrace.user().anonymousId()).toBeNull()
    millrace.consent('granted')
    expect(millrace.user().anonymousId()).toBe(anonymousId())
  })

  it('is bounded, and what it held is dropped if it is denied', async () => {
    const told: unknown[] = []
    const millrace = open({ consent: 'pending', onDropped: (dropped) => told.push(dropped) })
    for (let number = 0; number < 1_010; number++) millrace.track('A')
    millrace.consent('denied')
    expect(millrace.track('A')).toEqual({ ok: false, reason: 'consent' })
    await vi.runAllTimersAsync()
    expect(millrace.stats()).toEqual({ accepted: 1_010, delivered: 0, dropped: { queue_full: 10, consent: 1_000 }, queued: 0 })
    expect(told.at(-1)).toEqual({ reason: 'consent', count: 1_000 })
    expect(isUntouched()).toBe(true)
  })

  it('a logout gives up what the old person did', async () => {
    const millrace = open({ consent: 'pending' })
    millrace.track('A')
    millrace.reset()
    millrace.consent('granted')
    millrace.track('B')
    await vi.runAllTimersAsync()
    expect(browser.events.map(({ event }) => event)).toEqual(['B'])
  })
})

describe('consent taken back', () => {
  it('removes what is kept and what waits', async () => {
    const millrace = open()
    millrace.identify('u1')
    millrace.consent('denied')
    await vi.runAllTimersAsync()
    expect(isUntouched()).toBe(true)
    expect(millrace.stats()).toMatchObject({ dropped: { consent: 1 }, queued: 0 })
    expect(millrace.user().anonymousId()).toBeNull()
    millrace.consent('granted')
    expect(millrace.track('A').ok).toBe(true)
  })
})

describe('Global Privacy Control and Do Not Track', () => {
  it.each([{ globalPrivacyControl: true }, { doNotTrack: '1' }])('%o records nobody and removes what is kept, unless told', async (signal) => {
    open().track('A')
    tab.show('hidden')
    browser.sent.length = 0
    const asking = tab.navigate()
    Object.assign(asking.navigator, signal)
    const millrace = open({}, asking)
    expect(millrace.identify('u1')).toEqual({ ok: false, reason: 'opted_out' })
    millrace.consent('granted')
    expect(millrace.track('A')).toEqual({ ok: false, reason: 'opted_out' })
    browser.sent.length = 0
    await vi.runAllTimersAsync()
    expect(isUntouched()).toBe(true)
    expect(open({ respectPrivacySignals: false }, asking).track('A').ok).toBe(true)
  })
})
