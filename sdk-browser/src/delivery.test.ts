import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { eventsOf, FakeBrowser, type FakeTab } from '../test/fake-browser.ts'
import { createMillrace } from './create-millrace.ts'
import type { Millrace, MillraceOptions } from './millrace.ts'

let browser: FakeBrowser
let tab: FakeTab

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 0, 1) })
  vi.spyOn(Math, 'random').mockReturnValue(1)
  browser = new FakeBrowser()
  tab = browser.open()
})

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

function open(options: Partial<MillraceOptions> = {}, page = tab): Millrace {
  return createMillrace({ writeKey: 'key', host: 'https://c.example', ...options }, page)
}

/** Of a kilobyte each. */
function trackMany(millrace: Millrace, count: number, first = 0): void {
  for (let number = first; number < first + count; number++) expect(millrace.track('A', { number, text: 'x'.repeat(700) }).ok).toBe(true)
}

function numbers(): readonly unknown[] {
  return browser.events.map(({ properties }): unknown => Reflect.get(Object(properties), 'number'))
}

function oneToCount(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index)
}

const never = new Promise<never>(() => undefined)

describe('a failure', () => {
  it('is tried again with the same ids, later each time', async () => {
    browser.answers.push({ status: 503 }, { status: 408 }, { status: 200, body: { welcome: 'to the café' } }, { status: 200, body: 'null' })
    const millrace = open({ flushAt: 1 })
    millrace.track('A')
    await vi.advanceTimersByTimeAsync(999)
    expect(browser.sent).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1 + 2_000 + 4_000 + 8_000)
    expect(browser.sent).toHaveLength(5)
    expect(new Set(browser.events.map(({ messageId }) => messageId)).size).toBe(1)
    expect(millrace.stats()).toEqual({ accepted: 1, delivered: 1, dropped: {}, queued: 0 })
  })

  it.each([['60', 60_000], [new Date(Date.UTC(2026, 0, 1, 0, 1)).toUTCString(), 60_000], ['86400', 300_000]])('waits as long as it is told to: %s', async (retryAfter, ms) => {
    browser.answers.push({ status: 429, retryAfter })
    const millrace = open({ flushAt: 1 })
    millrace.track('A')
    await vi.advanceTimersByTimeAsync(ms - 1)
    expect(browser.sent).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(millrace.stats().delivered).toBe(1)
  })

  it('survives a reload', async () => {
    browser.answers.push({ status: 429, retryAfter: '5' })
    open().track('A')
    await vi.advanceTimersByTimeAsync(1_000)
    const next = open({}, tab.navigate())
    await vi.advanceTimersByTimeAsync(4_999)
    expect(browser.sent).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(next.stats()).toMatchObject({ delivered: 1, queued: 0 })
  })

  it('costs few requests in an outage, over all tabs, and then everything arrives once', async () => {
    const pages = [tab, browser.open(), browser.open()].map((page) => open({ flushAt: 1 }, page))
    for (let number = 0; number < 60; number++) browser.answers.push({ status: 503 })
    for (let number = 0; number < 10; number++) {
      for (const page of pages) page.track('A', { number })
      await vi.advanceTimersByTimeAsync(800)
    }
    expect(browser.sent.length).toBeLessThan(6)
    browser.answers.length = browser.sent.length = 0
    await vi.advanceTimersByTimeAsync(300_000)
    expect(browser.events).toHaveLength(30)
    expect(new Set(browser.events.map(({ messageId }) => messageId)).size).toBe(30)
  })

  it('without any answer, three times, is a block: quiet until the next page, or until the network is back', async () => {
    browser.answers.push(null, null, null, null, null)
    const millrace = open({ flushAt: 1 })
    millrace.track('A')
    await vi.advanceTimersByTimeAsync(600_000)
    millrace.track('B')
    tab.show('hidden')
    tab.show('visible')
    await vi.advanceTimersByTimeAsync(600_000)
    expect(browser.sent).toHaveLength(3)
    tab.dispatch('online')
    await vi.advanceTimersByTimeAsync(600_000)
    expect(browser.sent).toHaveLength(4)
    millrace.page()
    await vi.advanceTimersByTimeAsync(600_000)
    expect(browser.sent).toHaveLength(5)
    const next = open({}, tab.navigate())
    await vi.advanceTimersByTimeAsync(600_000)
    expect(next.stats()).toMatchObject({ delivered: 3, queued: 0 })
  })

  it('is no word in the console, keeps nobody who awaits ready() waiting, and asks nothing of any other host', async () => {
    const said = (['log', 'info', 'debug', 'warn', 'error'] as const).map((method) => vi.spyOn(console, method))
    browser.answers.push(...Array.from({ length: 20 }, () => null))
    const millrace = open({ flushAt: 1 })
    for (let number = 0; number < 50; number++) {
      millrace.track('A')
      await vi.advanceTimersByTimeAsync(10_000)
      await millrace.ready()
    }
    expect(said.flatMap((method) => method.mock.calls)).toEqual([])
    expect(new Set(browser.sent.map(({ url }) => new URL(url).host))).toEqual(new Set(['c.example']))
  })

  it('for want of quota is tried without it', async () => {
    browser.answers.push(null)
    open().track('A')
    await vi.advanceTimersByTimeAsync(10_000)
    expect(browser.sent.map(({ request }) => request.keepalive)).toEqual([true, false])
  })

  it('of single events is tried again for those alone', async () => {
    browser.answers.push({ status: 200, body: { results: [{ result: 'ok' }, { result: 'retry' }, { result: 'quarantined' }] } })
    const millrace = open()
    for (const name of ['A', 'B', 'C']) millrace.track(name)
    await vi.runAllTimersAsync()
    expect(eventsOf(browser.sent[1]?.request.body ?? '')).toMatchObject([{ event: 'B' }])
    expect(millrace.stats()).toMatchObject({ delivered: 3, queued: 0 })
  })

  it.each([400, 401, 403, 404])('of the request itself is final: %i', async (status) => {
    browser.answers.push({ status })
    const told: unknown[] = []
    const millrace = open({ onDropped: (dropped) => told.push(dropped) })
    millrace.track('A')
    await vi.runAllTimersAsync()
    expect(browser.sent).toHaveLength(1)
    expect(millrace.stats()).toMatchObject({ dropped: { rejected: 1 }, queued: 0 })
    expect(told).toEqual([{ reason: 'rejected', count: 1 }])
  })

  it('for size halves the batch, and gives up an event that is too large alone', async () => {
    browser.answers.push({ status: 413 }, { status: 413 }, { status: 413 })
    const millrace = open()
    for (const name of ['A', 'B', 'C', 'D']) millrace.track(name)
    await vi.runAllTimersAsync()
    expect(browser.sent.map(({ request }) => eventsOf(request.body).map(({ event }) => event).join(''))).toEqual(['ABCD', 'AB', 'A', 'BC', 'D'])
    expect(millrace.stats()).toMatchObject({ delivered: 3, dropped: { too_large: 1 }, queued: 0 })
  })
})

describe('the queue', () => {
  it('is bounded in events, the oldest dropped first and counted', async () => {
    browser.answers.push(never)
    const millrace = open({ flushAt: 10_000 })
    for (let number = 0; number < 1_200; number++) millrace.track('A', { number })
    await vi.advanceTimersByTimeAsync(1_000)
    const { accepted, dropped, queued } = millrace.stats()
    expect(accepted).toBe((dropped.queue_full ?? 0) + queued)
    expect(queued).toBeLessThanOrEqual(1_000)
    expect(numbers()[0]).toBe(dropped.queue_full)
  })

  it('is bounded in bytes, and never fills the storage', async () => {
    browser.answers.push({ status: 503, retryAfter: '300' })
    const millrace = open()
    for (let number = 0; number < 60; number++) millrace.track('A', { number, text: 'x'.repeat(20_000) })
    await vi.advanceTimersByTimeAsync(2_000)
    expect(JSON.stringify(browser.stored).length).toBeLessThan(300_000)
    expect(millrace.stats().queued).toBe(60 - (millrace.stats().dropped.queue_full ?? 0))
  })

  it('is written in one piece for all events of a moment', async () => {
    browser.answers.push(never)
    const millrace = open()
    millrace.track('A')
    const writes = browser.storageWrites
    trackMany(millrace, 50)
    tab.show('hidden')
    expect(Object.keys(browser.stored).filter((key) => key.startsWith('millrace:'))).toHaveLength(1)
    expect(browser.storageWrites - writes).toBeLessThan(4)
  })

  it('keeps of a piece what was not confirmed', async () => {
    browser.answers.push({ status: 200, body: { results: [{ result: 'ok' }, { result: 'retry' }, { result: 'ok' }] } }, never)
    const millrace = open()
    for (const name of ['A', 'B', 'C']) millrace.track(name)
    await vi.advanceTimersByTimeAsync(1_500)
    const [chunk = ''] = Object.entries(browser.stored).flatMap(([key, text]) => key.startsWith('millrace:') ? [text] : [])
    expect(JSON.parse(chunk)).toMatchObject({ event: 'B' })
    expect(millrace.stats()).toMatchObject({ delivered: 2, queued: 1 })
  })

  it('sends what was called while the last request ended', async () => {
    browser.answerMs = 500
    const millrace = open({ flushAt: 1 })
    millrace.track('A')
    await vi.advanceTimersByTimeAsync(600)
    millrace.track('B')
    await vi.advanceTimersByTimeAsync(5_000)
    expect(millrace.stats()).toMatchObject({ delivered: 2, queued: 0 })
  })

  it('gives an event up after six days', async () => {
    browser.answers.push({ status: 503, retryAfter: '300' })
    open().track('A')
    await vi.advanceTimersByTimeAsync(1_000)
    vi.setSystemTime(Date.now() + 6 * 86_400_000 + 1)
    // The same browser on a day when nothing of the old page runs any more.
    const reopened = new FakeBrowser()
    Object.assign(reopened.stored, browser.stored)
    const later = open({}, reopened.open())
    await vi.runAllTimersAsync()
    expect(later.stats()).toMatchObject({ delivered: 0, dropped: { expired: 1 }, queued: 0 })
  })

  it('lies in this tab where the local storage is full, and survives its reload', async () => {
    browser.answers.push(never)
    Object.defineProperty(tab, 'sessionStorage', { value: tab.sessionStored })
    const millrace = open()
    trackMany(millrace, 5)
    browser.storageCharactersMax = JSON.stringify(browser.stored).length
    const next = tab.navigate()
    expect(Object.values(tab.sessionStored).flatMap((chunk) => chunk.split('\n'))).toHaveLength(5)
    browser.sent.length = 0
    open({}, next)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(numbers()).toEqual(oneToCount(5))
  })

  it('lies in memory where nothing may be kept', async () => {
    browser.forbidsStorage = true
    browser.answers.push({ status: 503 })
    const millrace = open()
    trackMany(millrace, 100)
    await vi.advanceTimersByTimeAsync(20_000)
    expect(millrace.stats()).toMatchObject({ delivered: 100, queued: 0 })
  })

  it('of one key does not meet that of another', async () => {
    open({ writeKey: 'one' }).track('A')
    open({ writeKey: 'other' }).track('B')
    await vi.runAllTimersAsync()
    expect(browser.sent.map(({ request }) => eventsOf(request.body).length)).toEqual([1, 1])
  })
})

describe('when the page hides', () => {
  it('what waits is sent, once: hide, return, wait', async () => {
    const millrace = open()
    trackMany(millrace, 3)
    tab.show('hidden')
    expect(browser.sent.map(({ request }) => request.keepalive)).toEqual([true])
    tab.show('visible')
    await vi.runAllTimersAsync()
    tab.close()
    expect(numbers()).toEqual(oneToCount(3))
    expect(millrace.stats()).toMatchObject({ delivered: 3, queued: 0 })
  })

  it('only what the browser takes is sent, in bytes of UTF-8, and the rest on the next page', async () => {
    const millrace = open()
    for (let number = 0; number < 100; number++) millrace.track('A', { number, text: '€'.repeat(300) })
    const next = tab.navigate()
    const [first] = browser.sent
    expect(browser.sent).toHaveLength(1)
    expect(Buffer.byteLength(first?.request.body ?? '')).toBeGreaterThan(50_000)
    expect(Buffer.byteLength(first?.request.body ?? '')).toBeLessThan(65_536)
    open({}, next)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(new Set(numbers())).toEqual(new Set(oneToCount(100)))
    expect(Object.keys(browser.stored).filter((key) => key.startsWith('millrace:'))).toEqual([])
  })

  it('what it can no longer send is sent by another tab that is open', async () => {
    open({}, browser.open())
    browser.answers.push(null)
    trackMany(open(), 100)
    tab.close()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(new Set(numbers())).toEqual(new Set(oneToCount(100)))
  })

  it('an event of a listener that comes after ours is not lost', async () => {
    const millrace = open()
    tab.dispatch('pagehide')
    millrace.track('A', { number: 0 })
    tab.close()
    open({}, browser.open())
    await vi.advanceTimersByTimeAsync(10_000)
    expect(numbers()).toContain(0)
  })

  it('nothing is sent during an outage: it is kept', async () => {
    browser.answers.push({ status: 503, retryAfter: '60' })
    trackMany(open({ flushAt: 1 }), 1)
    await vi.advanceTimersByTimeAsync(0)
    tab.show('hidden')
    expect(browser.sent).toHaveLength(1)
  })
})

describe('many tabs', () => {
  it.each([true, false])('send one at a time, each event once (locks: %s)', async (hasLocks) => {
    browser.hasLocks = hasLocks
    browser.answerMs = 3_000
    const pages = oneToCount(20).map(() => open({ flushAt: 1 }, browser.open()))
    for (const [index, page] of pages.entries()) trackMany(page, 5, index * 5)
    await vi.advanceTimersByTimeAsync(120_000)
    expect(browser.underWayMost).toBe(1)
    expect([...numbers()].toSorted((a, b) => Number(a) - Number(b))).toEqual(oneToCount(100))
  })

  it('take over what a tab that is gone left behind', async () => {
    browser.answers.push(never)
    trackMany(open(), 3)
    await vi.advanceTimersByTimeAsync(1_000)
    tab.isOpen = false
    browser.sent.length = 0
    const other = new FakeBrowser()
    Object.assign(other.stored, browser.stored)
    open({}, other.open())
    await vi.advanceTimersByTimeAsync(5_000)
    expect(other.events).toHaveLength(3)
  })
})
