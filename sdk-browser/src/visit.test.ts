import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { flushed } from '../test/flushed.ts'
import { FakeBrowser, type FakeTab } from '../test/fake-browser.ts'
import { createMillrace } from './create-millrace.ts'

let browser: FakeBrowser

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 0, 1) })
  browser = new FakeBrowser()
})

afterEach(() => {
  vi.useRealTimers()
})

/** The context of one event that is made on that page now. */
async function contextOn(tab: FakeTab): Promise<Readonly<Record<string, unknown>>> {
  const millrace = createMillrace({ writeKey: 'key', host: 'https://c.example' }, tab)
  millrace.track('A')
  await flushed(millrace)
  return Object.fromEntries(Object.entries(Object(browser.events.at(-1)?.['context'])))
}

const minute = 60_000

describe('a session', () => {
  it('is shared by tabs and lasts while the pauses are under half an hour', async () => {
    const { sessionId } = await contextOn(browser.open())
    vi.setSystemTime(Date.now() + 29 * minute)
    expect(await contextOn(browser.open())).toMatchObject({ sessionId })
    vi.setSystemTime(Date.now() + 29 * minute)
    expect(await contextOn(browser.open())).toMatchObject({ sessionId })
    vi.setSystemTime(Date.now() + 31 * minute)
    expect((await contextOn(browser.open()))['sessionId']).not.toBe(sessionId)
  })

  it('goes on in a tab that was idle while another was not', async () => {
    const millrace = createMillrace({ writeKey: 'key', host: 'https://c.example' }, browser.open())
    millrace.track('A')
    vi.setSystemTime(Date.now() + 20 * minute)
    const { sessionId } = await contextOn(browser.open())
    vi.setSystemTime(Date.now() + 20 * minute)
    millrace.track('B')
    await flushed(millrace)
    expect(browser.events.at(-1)).toMatchObject({ event: 'B', context: { sessionId } })
  })

  it('ends after a day at the latest, and with reset', async () => {
    const tab = browser.open()
    const { sessionId } = await contextOn(tab)
    for (let step = 0; step < 72; step++) {
      vi.setSystemTime(Date.now() + 20 * minute)
      expect((await contextOn(tab))['sessionId'] === sessionId).toBe(step < 71)
    }
    const millrace = createMillrace({ writeKey: 'key', host: 'https://c.example' }, tab)
    const before = (await contextOn(tab))['sessionId']
    millrace.reset()
    expect((await contextOn(tab))['sessionId']).not.toBe(before)
  })
})

describe('how the person came', () => {
  it('is told once in a session: the first time ever, and the last', async () => {
    const tab = browser.open('https://shop.example/sale?utm_source=news&utm_campaign=may&gclid=g1&q=secret')
    tab.referrer = 'https://search.example/'
    const campaign = { source: 'news', name: 'may', gclid: 'g1' }
    const firstTouch = { ...campaign, url: tab.location.href, referrer: 'https://search.example/' }
    expect(await contextOn(tab)).toMatchObject({ campaign, firstTouch })
    const next = await contextOn(tab.navigate('https://shop.example/cart'))
    expect(next).not.toHaveProperty('campaign')
    expect(next).not.toHaveProperty('firstTouch')
    vi.setSystemTime(Date.now() + 31 * minute)
    expect(await contextOn(browser.open('https://shop.example/'))).toMatchObject({ campaign, firstTouch })
  })

  it('is told again when another campaign brings the person back, and not for a reload', async () => {
    const first = await contextOn(browser.open('https://shop.example/'))
    expect(first).toMatchObject({ firstTouch: { url: 'https://shop.example/' } })
    expect(first).not.toHaveProperty('campaign')
    const tab = browser.open('https://shop.example/?fbclid=f1')
    expect(await contextOn(tab)).toMatchObject({ campaign: { fbclid: 'f1' }, firstTouch: { url: 'https://shop.example/' }, sessionId: first['sessionId'] })
    expect(await contextOn(tab.navigate())).not.toHaveProperty('campaign')
  })

  it.each(['gclid', 'gbraid', 'wbraid', 'dclid', 'fbclid', 'msclkid', 'ttclid', 'twclid', 'ScCid', 'li_fat_id', 'irclickid', 'epik', '_kx', 'yclid'])(
    'knows %s', async (name) => {
      expect(await contextOn(browser.open(`https://shop.example/?${name}=v1`))).toMatchObject({ campaign: { [name]: 'v1' } })
    })

  it('takes nothing else of the address, and no more than 500 characters', async () => {
    const context = await contextOn(browser.open(`https://shop.example/?email=a@b.c&utm_term=${'x'.repeat(900)}&utm_=1&id=2`))
    expect(context['campaign']).toEqual({ term: 'x'.repeat(500) })
  })
})
