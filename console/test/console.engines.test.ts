import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startChromium } from '../../scripts/engines/chromium.ts'
import { DemoProcess } from './demo-process.ts'
import { addToCart, lookAtProduct, openShop, order } from './shop-visit.ts'

/** The console in a real Chromium beside the demo's shop, both served by `millrace demo`. */
const started = await startChromium()

if ('missing' in started) it.skip(`the console in Chromium: ${started.missing}`, () => {})
else describe('the console in Chromium', () => suite(started))

const purchases = `InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536370,22728,ALARM CLOCK,2,2010-12-01 08:45:00,3.75,12583.0,France
536370,22727,TEA CUP,4,2010-12-01 08:45:00,1.25,12583.0,France
536371,22086,PAPER CHAIN,10,2011-02-03 09:00:00,2.55,13748.0,United Kingdom
`
const evil = '<img src=x onerror="document.title=1">'

function suite(browser: Browser): void {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-console-'))
  let demo: DemoProcess
  let context: BrowserContext
  let page: Page
  /** What no page may have: errors on its console, breaches of its policy, requests that name a key or go elsewhere. */
  let faults: string[] = []

  beforeAll(async () => {
    const file = join(directory, 'purchases.csv')
    writeFileSync(file, purchases)
    demo = new DemoProcess(file, join(directory, 'data'))
    await demo.ready()
  })

  afterAll(async () => {
    await browser.close()
    await demo.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  beforeEach(async () => {
    faults = []
    context = await browser.newContext({ viewport: { width: 1_280, height: 900 }, colorScheme: 'light' })
    page = await context.newPage()
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') faults.push(`${message.type()}: ${message.text()}`)
    })
    page.on('pageerror', (error) => faults.push(`thrown: ${error.message}`))
    page.on('request', (request) => {
      const sent = request.url().split('#')[0] ?? ''
      if (!sent.startsWith(demo.url) && !sent.startsWith('data:')) faults.push(`asked elsewhere: ${sent}`)
      if (sent.includes(demo.secretKey)) faults.push(`the key is in an address: ${sent}`)
    })
  })

  afterEach(async () => {
    await context.close()
    expect(faults).toEqual([])
  })

  async function openConsole(): Promise<void> {
    await page.goto(demo.consoleLink)
    await page.locator('.indicator.live').waitFor()
  }

  const view = (name: string): Promise<void> => page.getByRole('navigation').getByRole('link', { name }).click()
  const row = (text: string) => page.getByRole('row').filter({ hasText: text })

  async function send(event: Readonly<Record<string, unknown>>): Promise<void> {
    const response = await fetch(`${demo.url}/v1/batch`, {
      method: 'POST', body: JSON.stringify({ batch: [event] }), headers: { authorization: `Basic ${Buffer.from(`${demo.writeKey}:`).toString('base64')}` },
    })
    expect(response.status).toBe(200)
  }

  it('asks for the key once, keeps it in the tab alone, and forgets it at the end', async () => {
    await page.goto(`${demo.url}/console`)
    await page.locator('#secret-key:focus').waitFor()
    await page.keyboard.type(demo.secretKey)
    await page.keyboard.press('Enter')
    await page.locator('.indicator.live').waitFor()
    expect(page.url()).not.toContain(demo.secretKey)
    expect(await page.evaluate('[sessionStorage.length, localStorage.length, document.cookie]')).toEqual([1, 0, ''])
    await page.reload()
    await page.locator('.indicator.live').waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByLabel('Secret key').waitFor()
    expect(await page.evaluate('sessionStorage.length')).toBe(0)
  })

  it('says so where the key is wrong', async () => {
    await page.goto(`${demo.url}/console`)
    await page.getByLabel('Secret key').fill('sk_not_the_one_0123456789')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('not a secret key of this collector').waitFor()
    expect(await page.getByLabel('Secret key').getAttribute('aria-invalid')).toBe('true')
    // The browser itself tells of every answer of 401.
    expect(faults.splice(0)).toEqual([expect.stringContaining('401')])
  })

  it('takes the key of the link that the demo prints, and leaves nothing of it in the address or the history', async () => {
    await openConsole()
    expect(page.url()).toBe(`${demo.url}/console#/live`)
    await view('Status')
    await page.goBack()
    expect(page.url()).toBe(`${demo.url}/console#/live`)
    await page.getByText('accounted for').waitFor({ state: 'hidden' })
  })

  it('tells the whole story of a visit: browse, cart, order, and the person behind it', async () => {
    await openConsole()
    const shop = await context.newPage()
    await openShop(shop, demo.url)
    await lookAtProduct(shop)
    await row('Product Viewed').getByText('stored').waitFor()
    await addToCart(shop)
    await row('Product Added').getByText('stored').waitFor()
    await order(shop, 'visitor@example.com')
    await row('Order Completed').getByText('stored').waitFor()
    await row('Order Completed').getByRole('link').click()
    await page.getByRole('heading', { name: 'Vera Visitor' }).waitFor()
    const section = (name: string) => page.getByRole('region', { name })
    expect(await section('Last orders').locator('tbody tr').count()).toBe(1)
    expect(await section('Identifiers').innerText()).toContain('visitor@example.com')
    await section('Why these are one person').getByRole('row').filter({ hasText: 'identify' }).waitFor()
    await section('Timeline').getByText('Product Viewed').first().waitFor()
    // The page of a person goes on with what he does.
    await lookAtProduct(shop)
    await expect.poll(() => section('Timeline').getByText('Product Viewed').count()).toBe(2)
    await page.getByLabel('Find by').selectOption('email')
    await page.getByLabel('Value').fill('nobody@example.com')
    // An answer of 404 is what a search for nobody gets; the browser tells of it.
    await page.keyboard.press('Enter')
    await page.getByText('There is no profile with this e-mail.').waitFor()
    expect(faults.splice(0)).toEqual([expect.stringContaining('404')])
  })

  it('shows a dropped event with its reason', async () => {
    await openConsole()
    await send({ type: 'track', event: 'From nobody', messageId: 'console-nobody' })
    await page.locator('.badge.dropped').waitFor()
    expect(await page.locator('tr[data-message-id=console-nobody] .reason').innerText()).not.toBe('')
    await page.getByLabel('Result').selectOption('stored')
    await page.locator('.badge.dropped').waitFor({ state: 'detached' })
  })

  it('shows markup as text everywhere', async () => {
    await openConsole()
    await send({ type: 'identify', messageId: 'evil-1', userId: evil, traits: { name: evil, [evil]: { deep: [evil] } } })
    await send({ type: 'track', messageId: 'evil-2', userId: evil, event: 'Order Completed', properties: { order_id: evil, value: 3, currency: evil, products: [{ name: evil, product_id: evil, price: 3, quantity: 1 }] } })
    await send({ type: 'track', messageId: 'evil-3', userId: evil, event: evil, properties: { [evil]: evil } })
    await page.locator('tr[data-message-id=evil-3] summary').click()
    await page.locator('tr[data-message-id=evil-3] pre').getByText('onerror').waitFor()
    await page.locator('tr[data-message-id=evil-3]').getByRole('link').click()
    await page.getByRole('heading', { name: evil, level: 2 }).waitFor()
    await expect.poll(() => page.getByRole('region', { name: 'Timeline' }).getByRole('listitem').count()).toBe(3)
    await page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
    await view('Reports')
    await page.getByRole('heading', { name: 'Reports' }).waitFor()
    await page.locator('canvas').first().waitFor()
    expect(await page.locator('img').count()).toBe(0)
    expect(await page.title()).toBe('Reports · Millrace console')
  })

  it('draws revenue by month and orders per day, with the same numbers as a table', async () => {
    await openConsole()
    await view('Reports')
    await page.locator('canvas').nth(1).waitFor()
    const months = page.getByRole('region', { name: 'Revenue by month' })
    const name = await page.getByLabel('Period').locator('option').first().innerText()
    expect(name).toBe('2010-12 to 2011-02 (2 orders)')
    await page.getByLabel('Period').selectOption('0')
    await months.getByText('As a table').click()
    await expect.poll(() => months.locator('details tbody tr').allInnerTexts()).toEqual(['2010-12\t1\t1\t£12.50', '2011-01\t0\t0\t£0.00', '2011-02\t1\t1\t£25.50'])
    expect(await months.getByRole('img').getAttribute('aria-label')).toContain('Revenue by month from 2010-12 to 2011-02')
    expect(await page.evaluate("[...document.querySelectorAll('canvas')].every((canvas) => canvas.width > 300 && canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((part) => part > 0))")).toBe(true)
  })

  it('tries a segment, says why somebody is in it, saves it, and lists its members', async () => {
    await openConsole()
    await view('Segments')
    await page.getByLabel('Begin with').selectOption('top-spenders')
    await page.getByLabel('Begin with').selectOption('bought-lately')
    await page.getByRole('button', { name: 'Count' }).click()
    // One of the demo's own story; the purchases of the file are of 2010.
    const member = page.locator('.members a')
    await member.first().waitFor()
    await page.getByLabel('Why is this profile in it?').fill(await member.first().getAttribute('title') ?? '')
    await page.getByRole('button', { name: 'Count' }).click()
    await page.getByText('This profile is in it.').waitFor()
    await row('greater-than-or-equal 1').getByText('yes').waitFor()
    await page.getByLabel('Name').fill(evil)
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('link', { name: evil }).click()
    await page.getByText('members at').waitFor()
    await member.first().click()
    await page.getByRole('region', { name: 'Last orders' }).waitFor()
    await view('Segments')
    await page.getByRole('textbox', { name: 'Definition' }).fill('{')
    await page.getByRole('button', { name: 'Count' }).click()
    await page.getByText('The definition is no JSON').waitFor()
  })

  it('shows the reconciliation', async () => {
    await openConsole()
    await view('Status')
    await page.getByText('Every event is accounted for, once, in all three tiers.').waitFor({ timeout: 30_000 })
    expect(await page.getByRole('region', { name: 'Lag of each partition' }).locator('tbody tr').count()).toBe(4)
  })

  it('is walked through by keyboard, each view named by its heading', async () => {
    await openConsole()
    const focused = (): Promise<string> => page.evaluate('document.activeElement.textContent')
    const heading = (): Promise<string> => page.evaluate("document.activeElement.tagName === 'H1' ? document.activeElement.textContent : ''")
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('Skip to the content')
    await page.keyboard.press('Enter')
    expect(await focused()).toBe('Live events')
    for (const name of ['Profiles', 'Segments', 'Reports', 'Status']) {
      await page.getByRole('link', { name: 'Skip to the content' }).focus()
      for (let steps = 0; steps < 8 && await focused() !== name; steps += 1) await page.keyboard.press('Tab')
      expect(await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")).toBe('solid')
      await page.keyboard.press('Enter')
      await expect.poll(heading).toBe(name)
      expect(await page.locator('nav [aria-current=page]').innerText()).toBe(name)
      // Nothing that a screen reader meets without a name.
      expect(await page.evaluate("[...document.querySelectorAll('button, a, input, select, textarea')].filter((part) => (part.labels?.length ?? 0) === 0 && part.textContent.trim() === '').length")).toBe(0)
    }
  })

  it('is dark where the system is', async () => {
    await openConsole()
    const ground = (): Promise<string> => page.evaluate('getComputedStyle(document.body).backgroundColor')
    const light = await ground()
    await page.emulateMedia({ colorScheme: 'dark' })
    expect(await ground()).not.toBe(light)
  })
}
