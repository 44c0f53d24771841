import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startChromium } from '../../scripts/engines/chromium.ts'

/** A person clicks through the shop that `millrace demo` serves, from a clone and without a build, and sees the own profile grow and merge. */
const started = await startChromium()

if ('missing' in started) it.skip(`the web shop in Chromium: ${started.missing}`, () => {})
else story(started)

const purchases = `InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536370,22728,ALARM CLOCK,2,2010-12-01 08:45:00,3.75,12583.0,France
`

function story(browser: Browser): void {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-shop-'))
  const file = join(directory, 'purchases.csv')
  let demo: ChildProcess
  let url = ''
  let page: Page
  const problems: string[] = []

  beforeAll(async () => {
    writeFileSync(file, purchases)
    const program = fileURLToPath(new URL('../src/main.ts', import.meta.url))
    demo = spawn(process.execPath, [program, 'demo', '--file', file, '--data', join(directory, 'data'), '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] })
    let printed = ''
    url = await new Promise((resolve, reject) => {
      demo.stdout?.setEncoding('utf8').on('data', (text: string) => {
        printed += text
        const ready = /^millrace ready (\S+)$/m.exec(printed)?.[1]
        if (ready !== undefined) resolve(ready)
      })
      demo.once('exit', (code) => reject(new Error(`the demo ended with ${code}:\n${printed}`)))
    })
    page = await (await browser.newContext()).newPage()
    page.on('pageerror', (error) => problems.push(error.message))
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text())
    })
    page.on('request', (request) => {
      if (!request.url().startsWith(url)) problems.push(`a request to ${request.url()}`)
    })
  })

  afterAll(async () => {
    await browser.close()
    demo.kill('SIGTERM')
    if (demo.exitCode === null) await once(demo, 'exit')
    rmSync(directory, { recursive: true, force: true })
  })

  const panel = async (): Promise<string> => String(await page.textContent('#about-you'))

  it('a guest looks around and orders: the profile has the e-mail and the order', async () => {
    await page.goto(`${url}/shop`)
    await page.click('text=Regency cakestand 3 tier')
    await page.waitForURL('**/shop/product**')
    await page.click('text=Add to cart')
    await page.click('text=Cart (1)')
    await page.click('text=To the checkout')
    await page.fill('[name=name]', 'Ada <b>Lovelace</b>')
    await page.fill('[name=email]', 'ada@example.com')
    await page.click('text=Order')
    await expect.poll(panel, { timeout: 20_000 }).toMatch(/ada@example\.com.*Product Viewed1 times.*Order Completed1 times|ada@example\.com.*Order Completed1 times.*Product Viewed1 times/)
    expect(await panel()).toContain('Ada <b>Lovelace</b>')
  })

  it('somebody else after a logout is a new profile, until the same person logs in: then both are one', async () => {
    await page.click('#account')
    await page.click('main >> text=Log in')
    await expect.poll(panel, { timeout: 20_000 }).toMatch(/externalIdada/)
    const first = /profile([0-9a-f-]{36})/.exec(await panel())?.[1]
    await page.click('text=Log out')
    await page.goto(`${url}/shop/product?id=22086`)
    await expect.poll(panel, { timeout: 20_000 }).toMatch(/Product Viewed1 times/)
    expect(await panel()).not.toContain('ada')
    await page.click('#account')
    await page.click('main >> text=Log in')
    await expect.poll(panel, { timeout: 20_000 }).toMatch(/Product Viewed2 times/)
    const merged = await panel()
    expect(merged).toContain('ada@example.com')
    expect(/anonymousId([0-9a-f-]{36}), ([0-9a-f-]{36})/.exec(merged)).not.toBeNull()
    expect(first).toBeDefined()
  })

  it('nothing broke, nothing was blocked, nobody else was asked', () => {
    expect(problems).toEqual([])
  })
}
