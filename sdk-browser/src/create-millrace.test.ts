import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { answerWith, eventsOf, FakePage, messageIds } from '../test/fake-page.ts'
import { type BrowserMillrace, createMillrace, type MillraceOptions } from './create-millrace.ts'

let page: FakePage

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 0, 1) })
  page = new FakePage()
})

afterEach(() => {
  vi.useRealTimers()
})

function open(options: Partial<MillraceOptions> = {}): BrowserMillrace {
  return createMillrace({ writeKey: 'key', host: 'https://c.example/', ...options }, { page, random: () => 1 })
}

function firstEvents(): readonly Readonly<Record<string, unknown>>[] {
  return eventsOf(page.sent[0]?.body ?? '{}')
}

describe('calls', () => {
  it('go out together after the interval, with the key in the body', async () => {
    const millrace = open()
    const one = millrace.track('Product Viewed', { sku: 'A' })
    millrace.page('Cart')
    await vi.advanceTimersByTimeAsync(1_499)
    expect(page.sent).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(page.sent).toMatchObject([{ by: 'post', url: 'https://c.example/v1/batch' }])
    expect(JSON.parse(page.sent[0]?.body ?? '')).toMatchObject({
      writeKey: 'key', sentAt: '2026-01-01T00:00:01.500Z', wantResults: true, context: { library: { name: '@millrace/browser' } },
      batch: [
        {
          type: 'track', event: 'Product Viewed', properties: { sku: 'A' }, timestamp: '2026-01-01T00:00:00.000Z',
          messageId: one.ok ? one.messageId : '', context: { page: { path: '/cart', title: 'Cart' } },
        },
        { type: 'page', name: 'Cart', properties: { path: '/cart' } },
      ],
    })
    expect(millrace.stats()).toMatchObject({ accepted: 2, delivered: 2, queued: 0 })
  })

  it('go out at once when there are enough', async () => {
    const millrace = open({ flushAt: 2 })
    millrace.track('A')
    millrace.track('B')
    await vi.advanceTimersByTimeAsync(0)
    expect(firstEvents()).toHaveLength(2)
  })

  it('are what they were when they were made', async () => {
    const millrace = open()
    const properties = { sku: 'A' }
    millrace.track('Product Viewed', properties)
    properties.sku = 'B'
    await vi.runAllTimersAsync()
    expect(firstEvents()).toMatchObject([{ properties: { sku: 'A' } }])
  })

  it('answer a reason where they cannot be sent, and never throw', () => {
    const millrace = open()
    const circle: Record<string, unknown> = {}
    circle['self'] = circle
    expect(millrace.track(' ')).toEqual({ ok: false, reason: 'invalid' })
    expect(millrace.track('A', circle)).toEqual({ ok: false, reason: 'invalid' })
    expect(millrace.track('A', {}, { timestamp: 'yesterday' })).toEqual({ ok: false, reason: 'invalid' })
    // Three bytes each in UTF-8.
    expect(millrace.track('A', { text: '€'.repeat(11_000) })).toEqual({ ok: false, reason: 'too_large' })
    expect(millrace.stats().accepted).toBe(0)
  })

  it('do nothing on a server', async () => {
    const millrace = createMillrace({ writeKey: 'key', host: 'https://c.example' })
    expect(millrace.track('A')).toEqual({ ok: false, reason: 'disabled' })
    expect(millrace.page()).toEqual({ ok: false, reason: 'disabled' })
    await millrace.flush()
  })

  it('leave nothing behind where privacy is asked for, unless told', () => {
    page.asksForPrivacy = true
    expect(open().identify('u1')).toEqual({ ok: false, reason: 'opted_out' })
    expect(page.cookie).toBe('')
    expect(open({ respectPrivacySignals: false }).track('A')).toMatchObject({ ok: true })
  })
})

describe('ids', () => {
  it('last over page loads, in a cookie or its copy', async () => {
    open().identify('u1', { plan: 'gold' })
    page.clearCookies()
    open().track('A')
    await vi.runAllTimersAsync()
    const [first, second] = page.sent.flatMap(({ body }) => eventsOf(body))
    expect(first).toMatchObject({ type: 'identify', userId: 'u1', traits: { plan: 'gold' } })
    expect(second).toMatchObject({ type: 'track', userId: 'u1', anonymousId: first?.['anonymousId'] })
    expect(first?.['anonymousId']).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('are forgotten by reset', async () => {
    const millrace = open()
    millrace.identify('u1')
    millrace.reset()
    open().track('A')
    await vi.runAllTimersAsync()
    const [first, second] = page.sent.flatMap(({ body }) => eventsOf(body))
    expect(second?.['userId']).toBeUndefined()
    expect(second?.['anonymousId']).not.toBe(first?.['anonymousId'])
  })

  it('last as long as the page where nothing may be kept', async () => {
    Object.defineProperty(page, 'cookie', { get: () => { throw new Error('forbidden') }, set: () => { throw new Error('forbidden') } })
    page.storage = null
    const millrace = open()
    millrace.track('A')
    millrace.track('B')
    await vi.runAllTimersAsync()
    const [first, second] = firstEvents()
    expect(first?.['anonymousId']).toBe(second?.['anonymousId'])
  })
})

describe('delivery', () => {
  it('goes on after failures with the same ids, later each time', async () => {
    page.answers.push(null, { status: 503, retryAfter: null, body: '' }, { status: 200, retryAfter: null, body: 'welcome' })
    const millrace = open({ flushAt: 1 })
    millrace.track('A')
    const flushed = millrace.flush()
    await vi.advanceTimersByTimeAsync(999)
    expect(page.sent).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1 + 2_000 + 4_000)
    await flushed
    expect(page.sent).toHaveLength(4)
    expect(new Set(page.sent.flatMap(({ body }) => messageIds(body))).size).toBe(1)
    expect(millrace.stats()).toMatchObject({ accepted: 1, delivered: 1, queued: 0 })
  })

  it('waits as long as it is told to', async () => {
    page.answers.push({ status: 429, retryAfter: '60', body: '' })
    const millrace = open({ flushAt: 1 })
    millrace.track('A')
    await vi.advanceTimersByTimeAsync(59_999)
    expect(page.sent).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(millrace.stats().delivered).toBe(1)
  })

  it('sends again only what the collector could not store', async () => {
    page.answers.push(answerWith([{ result: 'ok' }, { result: 'retry' }]))
    const millrace = open()
    millrace.track('A')
    millrace.track('B')
    await vi.runAllTimersAsync()
    expect(eventsOf(page.sent[1]?.body ?? '')).toMatchObject([{ event: 'B' }])
    expect(millrace.stats()).toMatchObject({ delivered: 2, queued: 0 })
  })

  it('halves what is too large and counts what is refused', async () => {
    page.answers.push({ status: 413, retryAfter: null, body: '' }, { status: 401, retryAfter: null, body: '' })
    const millrace = open()
    millrace.track('A')
    millrace.track('B')
    await vi.runAllTimersAsync()
    expect(page.sent.map(({ body }) => eventsOf(body).length)).toEqual([2, 1, 1])
    expect(millrace.stats()).toMatchObject({ delivered: 1, dropped: { rejected: 1 }, queued: 0 })
  })

  it('keeps bodies small, and the newest when too much waits', async () => {
    page.answers.push(new Promise(() => undefined))
    const millrace = open({ flushAt: 1 })
    for (let number = 0; number < 1_200; number++) {
      millrace.track('A', { number, text: 'x'.repeat(500) })
      await vi.advanceTimersByTimeAsync(0)
    }
    const { accepted, delivered, dropped, queued } = millrace.stats()
    expect(accepted).toBe(1_200)
    expect(dropped.queue_full).toBeGreaterThan(500)
    expect(accepted).toBe(delivered + dropped.queue_full + queued)
    page.hide()
    expect(Buffer.byteLength(page.sent.at(-1)?.body ?? '')).toBeLessThan(60_000)
  })

  it('gives an event up after an hour', async () => {
    page.answers.push(null, { status: 503, retryAfter: null, body: '' })
    const millrace = open({ flushAt: 1 })
    millrace.track('A')
    await vi.advanceTimersByTimeAsync(1_500)
    vi.setSystemTime(Date.now() + 3_600_001)
    await vi.runAllTimersAsync()
    expect(millrace.stats()).toMatchObject({ dropped: { expired: 1 }, queued: 0 })
  })
})

describe('when the page hides', () => {
  it('sends what waits as a beacon', () => {
    const millrace = open()
    millrace.track('A')
    page.hide()
    page.hide()
    expect(page.sent.map(({ by }) => by)).toEqual(['beacon'])
    expect(millrace.stats()).toMatchObject({ delivered: 1, queued: 0 })
  })

  it('keeps what the browser would not take', async () => {
    page.takesBeacons = false
    const millrace = open()
    millrace.track('A')
    page.hide()
    expect(millrace.stats().queued).toBe(1)
    await vi.runAllTimersAsync()
    expect(page.sent.map(({ by }) => by)).toEqual(['post'])
  })
})
