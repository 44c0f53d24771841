import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { CollectorProcess, testKeys } from '../../collector/test/collector-process.ts'
import { readJson, untilAtRest } from '../../collector/test/read-side.ts'
import { startChromium } from '../../scripts/engines/chromium.ts'
import { buildSdk } from './build-sdk.ts'
import { RecordingProxy } from './recording-proxy.ts'
import { TestSite } from './test-site.ts'

/**
 * The built SDK in a real Chromium, on a site of one origin, against a real collector on another. What arrived is read
 * from the profile; a proxy before the collector writes down what came over the wire.
 */
const started = await startChromium()

if ('missing' in started) it.skip(`the browser SDK in Chromium: ${started.missing}`, () => {})
else suite(started)

function suite(browser: Browser): void {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-browser-'))
  const sdk = join(directory, 'sdk')
  let site: TestSite
  let siteUrl = ''
  let collector: CollectorProcess
  let proxy: RecordingProxy
  let host = ''
  let context: BrowserContext
  let sentBefore = 0

  beforeAll(async () => {
    buildSdk(sdk)
    site = new TestSite(sdk)
    siteUrl = await site.listen()
    collector = new CollectorProcess(join(directory, 'data'), ['--object-delay-ms', '50', '--load-delay-ms', '50', '--id-cookie-origins', siteUrl])
    await collector.start()
  })

  afterAll(async () => {
    await browser.close()
    await collector.stop()
    await site.close()
    rmSync(directory, { recursive: true, force: true })
  })

  beforeEach(async () => {
    proxy = new RecordingProxy()
    host = await proxy.listen(collector.url)
    context = await browser.newContext()
    sentBefore = 0
  })

  afterEach(async () => {
    await context.close()
    await proxy.close()
  })

  function address(path: string, options: object = {}): string {
    return `${siteUrl}${path}?options=${encodeURIComponent(JSON.stringify({ writeKey: testKeys.writeKey, host, ...options }))}`
  }

  async function openShop(options: object = {}, page?: Page): Promise<Page> {
    const shop = page ?? await context.newPage()
    await shop.goto(address('/shop', options))
    await shop.waitForFunction('window.client !== undefined')
    return shop
  }

  /** Kilobyte events named by the scenario and numbered, and then the same tick's last act. */
  async function trackMany(page: Page, { name, count, first = 0, last = '' }: { name: string; count: number; first?: number; last?: string }): Promise<void> {
    sentBefore += count
    const made = page.evaluate(`(() => {
      for (let number = ${first}; number < ${first + count}; number++) {
        const result = client.track(${JSON.stringify(name)}, { number, text: 'x'.repeat(600) })
        if (!result.ok) throw new Error(result.reason)
      }
      ${last}
    })()`)
    // A page that is left may be gone before it can answer.
    await (last.includes('location') ? made.catch(() => undefined) : made)
  }

  const leaveTo = (path: string): string => `location.href = ${JSON.stringify(path)}`

  async function anonymousIdOf(page: Page): Promise<string> {
    return String(await page.evaluate('client.user().anonymousId()'))
  }

  /** How many different events of that name the profile has. */
  async function arrived(anonymousId: string, name: string): Promise<number> {
    const { body } = await readJson(collector.url, `/v1/profiles?anonymousId=${encodeURIComponent(anonymousId)}`, testKeys.secretKey)
    const metric: unknown = Reflect.get(Object(Reflect.get(Object(Reflect.get(Object(body), 'profile')), 'metrics')), name)
    return Number(Reflect.get(Object(metric), 'count') ?? 0)
  }

  async function expectAll(anonymousId: string, name: string): Promise<void> {
    await expect.poll(() => arrived(anonymousId, name), { timeout: 30_000, interval: 100 }).toBe(sentBefore)
    await untilAtRest(() => collector.url, testKeys.secretKey, { accepted: 0, withinMs: 30_000 })
    expect(await arrived(anonymousId, name)).toBe(sentBefore)
  }

  /** Nothing of it is left in the browser. */
  async function expectNothingQueued(page: Page): Promise<void> {
    await expect.poll(() => page.evaluate('client.stats().queued'), { timeout: 30_000 }).toBe(0)
  }

  describe('requests', () => {
    it('are one for seven events, without a preflight, on another origin', async () => {
      const page = await openShop()
      await page.evaluate(`(() => {
        client.identify('seven')
        client.page('Home')
        for (const name of ['A', 'B', 'C', 'D', 'E']) client.track(name)
      })()`)
      await expectNothingQueued(page)
      expect(proxy.recorded.map(({ method, ids }) => [method, ids.length])).toEqual([['POST', 7]])
    })

    it('are few in an outage, and then everything arrives once', async () => {
      const page = await openShop()
      const id = await anonymousIdOf(page)
      proxy.isDown = true
      await trackMany(page, { name: 'Outage', count: 10, last: 'client.flush()' })
      await expect.poll(() => proxy.recorded.length, { timeout: 10_000 }).toBeGreaterThan(1)
      await page.reload()
      await page.waitForFunction('window.client !== undefined')
      await page.waitForTimeout(3_000)
      expect(proxy.recorded.length).toBeLessThan(10)
      proxy.isDown = false
      await expectAll(id, 'Outage')
    })
  })

  describe('a hundred events of a kilobyte, then away in the same tick, then back once', () => {
    it('all arrived, each once', async () => {
      const page = await openShop()
      const id = await anonymousIdOf(page)
      await trackMany(page, { name: 'Left', count: 100, last: leaveTo('/elsewhere') })
      await page.waitForURL('**/elsewhere')
      await openShop({}, page)
      await expectAll(id, 'Left')
      await expectNothingQueued(page)
    })

    it('the same from two tabs', async () => {
      const [one, two] = [await openShop(), await openShop()]
      const id = await anonymousIdOf(one)
      expect(await anonymousIdOf(two)).toBe(id)
      await Promise.all([
        trackMany(one, { name: 'Two tabs', count: 100, last: leaveTo('/elsewhere') }),
        trackMany(two, { name: 'Two tabs', count: 100, first: 100, last: leaveTo('/elsewhere') }),
      ])
      await Promise.all([one, two].map((page) => page.waitForURL('**/elsewhere')))
      await two.close()
      await openShop({}, one)
      await expectAll(id, 'Two tabs')
    })

    it('the same with the network off for a while', async () => {
      const page = await openShop()
      const id = await anonymousIdOf(page)
      await context.setOffline(true)
      await trackMany(page, { name: 'Offline', count: 100 })
      await page.waitForTimeout(2_500)
      expect(proxy.recorded).toEqual([])
      await context.setOffline(false)
      await expectAll(id, 'Offline')
    })

    it('the same with a reload in the middle', async () => {
      const page = await openShop()
      const id = await anonymousIdOf(page)
      await trackMany(page, { name: 'Reload', count: 50, last: 'location.reload()' })
      await page.waitForFunction('window.client !== undefined && client.stats().accepted === 0')
      await trackMany(page, { name: 'Reload', count: 50, first: 50, last: leaveTo('/elsewhere') })
      await page.waitForURL('**/elsewhere')
      await openShop({}, page)
      await expectAll(id, 'Reload')
    })

    it('the same with the storage full', async () => {
      const page = await openShop()
      const id = await anonymousIdOf(page)
      await page.evaluate(`(() => {
        let size = 1_000_000
        for (let number = 0; size >= 1; number++) {
          try { localStorage.setItem('host-' + number, 'x'.repeat(size)) } catch { size = Math.floor(size / 2) }
        }
      })()`)
      await trackMany(page, { name: 'Full', count: 100, last: leaveTo('/elsewhere') })
      await page.waitForURL('**/elsewhere')
      await openShop({}, page)
      await expectAll(id, 'Full')
      await expectNothingQueued(page)
    })

    it('the same from a page that was shut', async () => {
      const page = await openShop()
      const id = await anonymousIdOf(page)
      await trackMany(page, { name: 'Shut', count: 100 })
      await page.close({ runBeforeUnload: true })
      await openShop()
      await expectAll(id, 'Shut')
    })
  })

  describe('where the storage is denied', () => {
    it('what fits the quota of the unload arrives, each once', async () => {
      await context.addInitScript(`for (const name of ['localStorage', 'sessionStorage']) {
        Object.defineProperty(window, name, { get() { throw new DOMException('denied', 'SecurityError') } })
      }
      Object.defineProperty(Document.prototype, 'cookie', { get() { throw new DOMException('denied', 'SecurityError') }, set() { throw new DOMException('denied', 'SecurityError') } })`)
      const page = await openShop()
      const id = await anonymousIdOf(page)
      await trackMany(page, { name: 'Denied', count: 40, last: leaveTo('/elsewhere') })
      await expectAll(id, 'Denied')
      expect([proxy.ids.length, new Set(proxy.ids).size]).toEqual([40, 40])
    })
  })

  describe('a tab', () => {
    it('that hides and comes back sends each event once over the wire', async () => {
      const page = await openShop()
      await trackMany(page, { name: 'Hidden', count: 5, last: `
        Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true })
        document.dispatchEvent(new Event('visibilitychange'))` })
      await expect.poll(() => proxy.ids.length).toBe(5)
      await page.evaluate(`(() => {
        Object.defineProperty(document, 'visibilityState', { value: 'visible', configurable: true })
        document.dispatchEvent(new Event('visibilitychange'))
      })()`)
      await page.waitForTimeout(3_000)
      await page.close({ runBeforeUnload: true })
      expect([proxy.ids.length, new Set(proxy.ids).size]).toEqual([5, 5])
    })

    it('is one of many that send one at a time, though the collector is slow', async () => {
      proxy.delayMs = 500
      const pages = await Promise.all(Array.from({ length: 6 }, () => openShop()))
      const [first] = pages
      if (first === undefined) throw new Error('no page')
      const id = await anonymousIdOf(first)
      for (const [index, page] of pages.entries()) await trackMany(page, { name: 'Many tabs', count: 20, first: index * 20 })
      await expectAll(id, 'Many tabs')
      expect([proxy.ids.length, new Set(proxy.ids).size]).toEqual([120, 120])
    })

    it('that goes back has the ids of now', async () => {
      const page = await openShop()
      await page.goto(`${siteUrl}/elsewhere`)
      await page.waitForURL('**/elsewhere')
      const other = await openShop()
      await other.evaluate(`client.reset()`)
      await page.goBack()
      await page.waitForFunction('window.client !== undefined')
      expect(await anonymousIdOf(page)).toBe(await anonymousIdOf(other))
    })
  })

  describe('the script tag', () => {
    it('makes the calls of before it was there, with their page', async () => {
      site.scriptDelayMs = 500
      const page = await context.newPage()
      await page.goto(address('/snippet'), { waitUntil: 'domcontentloaded' })
      await page.evaluate(`(() => { history.pushState(null, '', '/later'); document.title = 'Later'; millrace.identify('snippet-user') })()`)
      await page.waitForFunction('millrace.createMillrace !== undefined')
      await page.evaluate('millrace.flush()')
      await expect.poll(() => proxy.ids.length).toBe(3)
      const find = (): ReturnType<typeof readJson> => readJson(collector.url, '/v1/profiles?externalId=snippet-user', testKeys.secretKey)
      await expect.poll(async () => (await find()).body, { timeout: 20_000 }).toMatchObject({
        profile: { metrics: { page: { last: [{ properties: { path: '/snippet', title: 'Landing' } }] }, Early: { count: 1 } } },
      })
    })

    it('that is blocked leaves a snippet that answers', async () => {
      const page = await context.newPage()
      const errors: string[] = []
      page.on('pageerror', (error) => errors.push(error.message))
      await page.route('**/millrace.global.js', (route) => route.abort())
      await page.goto(address('/snippet'))
      expect(await page.evaluate(`[millrace.track('A').ok, millrace.user().id(), millrace.stats().queued]`)).toEqual([true, null, 3])
      expect(errors).toEqual([])
    })
  })

  describe('a person', () => {
    it('who has not agreed leaves no trace, and loses nothing by agreeing late', async () => {
      const page = await openShop({ consent: 'pending' })
      await trackMany(page, { name: 'Late consent', count: 3 })
      await page.waitForTimeout(2_000)
      expect(await page.evaluate('[document.cookie, localStorage.length, sessionStorage.length]')).toEqual(['', 0, 0])
      expect(proxy.recorded).toEqual([])
      await page.evaluate(`client.consent('granted')`)
      await expectAll(await anonymousIdOf(page), 'Late consent')
      await page.evaluate(`client.consent('denied')`)
      expect(await page.evaluate('[document.cookie, localStorage.length, client.track("A").reason]')).toEqual(['', 0, 'consent'])
    })

    it('who logs out is somebody else from then on', async () => {
      const page = await openShop()
      await page.evaluate(`client.identify('leaver')`)
      const before = await anonymousIdOf(page)
      await page.evaluate(`(() => { client.reset(); client.track('After logout') })()`)
      const after = await anonymousIdOf(page)
      expect(after).not.toBe(before)
      sentBefore = 1
      await expectAll(after, 'After logout')
      const { body } = await readJson(collector.url, '/v1/profiles?externalId=leaver', testKeys.secretKey)
      expect(body).toMatchObject({ profile: { identifiers: { anonymousId: [before] } } })
    })

    it('whose scripts lose their id gets it back from the collector', async () => {
      const options = { credentials: 'include' }
      const page = await openShop(options)
      await page.evaluate(`(() => { client.track('Kept'); return client.flush() })()`)
      const id = await anonymousIdOf(page)
      await page.evaluate(`(() => { localStorage.clear(); document.cookie = 'millrace=; Max-Age=0; Path=/' })()`)
      expect(await page.evaluate('document.cookie')).toBe('')
      await page.goto(`${siteUrl}/elsewhere`)
      await openShop({ ...options, consent: 'pending' }, page)
      await page.evaluate(`(async () => { await restoreKeptId(client, { host: ${JSON.stringify(host)} }); client.consent('granted') })()`)
      expect(await anonymousIdOf(page)).toBe(id)
    })
  })
}
