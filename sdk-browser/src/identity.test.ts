import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
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
  return createMillrace({ writeKey: 'key', host: 'https://c.example', ...options }, page)
}

const uuidV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

describe('ids', () => {
  it('are fixed before the first call returns, and come from the secure source', async () => {
    const millrace = open()
    const anonymousId = millrace.user().anonymousId()
    const one = millrace.track('A')
    const two = millrace.track('B')
    await vi.runAllTimersAsync()
    expect(anonymousId).toMatch(uuidV7)
    expect(browser.events.map((event) => event['anonymousId'])).toEqual([anonymousId, anonymousId])
    const ids = [anonymousId, one.ok && one.messageId, two.ok && two.messageId].map(String)
    for (const id of ids) expect(id).toMatch(uuidV7)
    // The person's id says nothing of the events', which share what is random and differ in a counter.
    const [person = '', first = '', second = ''] = ids
    expect(new Set([person, first].flatMap((id) => [id.slice(14, 18), id.slice(20, 23), id.slice(24, 31)])).size).toBe(6)
    expect(second.slice(14, 31)).toBe(first.slice(14, 31))
    expect(Number(second.slice(31))).toBeGreaterThan(Number(first.slice(31)))
  })

  it('are as many as a page can ask for', async () => {
    const millrace = open()
    const ids = Array.from({ length: 20_000 }, () => millrace.track('A')).map((result) => result.ok && result.messageId)
    expect(new Set(ids).size).toBe(20_000)
    expect(open({}, tab.navigate()).track('A')).not.toMatchObject({ messageId: expect.stringContaining(String(ids[0]).slice(14, 31)) })
  })

  it('last over page loads, in the cookie or in its copy', async () => {
    const first = open()
    first.identify('u1')
    browser.cookies.splice(0)
    const second = open({}, tab.navigate())
    expect([second.user().id(), second.user().anonymousId()]).toEqual(['u1', first.user().anonymousId()])
    for (const key of Object.keys(browser.stored)) delete browser.stored[key]
    second.identify('u1')
    for (const key of Object.keys(browser.stored)) delete browser.stored[key]
    const third = open({}, browser.open())
    expect([third.user().id(), third.user().anonymousId()]).toEqual(['u1', first.user().anonymousId()])
  })

  it('stand on the widest domain that browsers allow', () => {
    open({}, browser.open('https://www.shop.co.uk/'))
    expect(browser.cookies).toMatchObject([{ name: 'millrace', domain: 'shop.co.uk' }])
  })

  it('are those of the cookie where a subdomain has others in its storage', () => {
    const shop = open({}, browser.open('https://www.shop.co.uk/'))
    // Another origin has a storage of its own.
    browser.stored['millrace'] = 'stale-id:stale-user'
    const blog = open({}, browser.open('https://blog.shop.co.uk/'))
    expect(blog.user().anonymousId()).toBe(shop.user().anonymousId())
    expect(blog.user().id()).toBeNull()
  })

  it('change with those of another tab, and of another subdomain once the page is looked at', () => {
    const other = browser.open()
    const [here, there] = [open(), open({}, other)]
    there.identify('u1')
    tab.dispatch('storage')
    expect(here.user().id()).toBe('u1')
    there.reset()
    expect(here.user().id()).toBe('u1')
    tab.show('visible')
    expect([here.user().id(), here.user().anonymousId()]).toEqual([null, there.user().anonymousId()])
    there.identify('u2')
    tab.dispatch('pageshow')
    expect(here.user().id()).toBe('u2')
  })

  it('are forgotten by reset, which no queued event notices', async () => {
    const millrace = open()
    millrace.identify('u1', { plan: 'gold' })
    millrace.reset()
    millrace.track('A')
    await vi.runAllTimersAsync()
    const [before, after] = browser.events
    expect(before).toMatchObject({ userId: 'u1' })
    expect(after).not.toHaveProperty('userId')
    expect(after?.['anonymousId']).not.toBe(before?.['anonymousId'])
    expect(millrace.user().traits()).toEqual({})
    expect(open({}, tab.navigate()).user().anonymousId()).toBe(after?.['anonymousId'])
  })

  it('keep personal data out of cookies', () => {
    open().identify('ada@example.com')
    expect(browser.cookies[0]?.value).not.toContain('ada')
    expect(open({}, tab.navigate()).user().id()).toBe('ada@example.com')
  })

  it('of odd characters survive the cookie', () => {
    const millrace = open()
    millrace.setAnonymousId('a;b:c=ü')
    millrace.identify('x:y; z')
    const next = open({}, tab.navigate())
    expect([next.user().anonymousId(), next.user().id()]).toEqual(['a;b:c=ü', 'x:y; z'])
  })

  it('last as long as the page where nothing may be kept', async () => {
    browser.forbidsStorage = browser.forbidsCookies = true
    const millrace = open()
    millrace.identify('u1')
    millrace.track('B')
    tab.dispatch('storage')
    await vi.runAllTimersAsync()
    const [first, second] = browser.events
    expect(first?.['anonymousId']).toMatch(uuidV7)
    expect(second).toMatchObject({ userId: 'u1', anonymousId: first?.['anonymousId'] })
  })

  it('survive a cookie and a storage that somebody else wrote', () => {
    browser.stored['millrace'] = '%'
    browser.stored['millrace_visit'] = '{'
    expect(open().track('A').ok).toBe(true)
    browser.cookies.splice(0, 1, { name: 'millrace', value: '%%%', domain: 'shop.example' })
    expect(open({}, tab.navigate()).track('A').ok).toBe(true)
  })
})

describe('cookieless', () => {
  it('keeps nothing at all, and still delivers', async () => {
    open().identify('known')
    const page = tab.navigate('https://shop.example/?gclid=1')
    const [before, cookies] = [{ ...browser.stored }, browser.cookies.length]
    const millrace = open({ cookieless: true }, page)
    millrace.identify('u1')
    millrace.track('A')
    await vi.runAllTimersAsync()
    expect(millrace.stats()).toMatchObject({ delivered: 2, queued: 0 })
    expect(browser.stored).toEqual(before)
    expect(page.sessionStored).toEqual({})
    expect(browser.cookies).toHaveLength(cookies)
    expect(open({ cookieless: true }, page.navigate()).user().anonymousId()).not.toBe(millrace.user().anonymousId())
  })
})
