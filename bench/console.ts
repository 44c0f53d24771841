/**
 * A click in the demo's shop until the event, and the person's changed profile, stand on the console's page: real Chromium,
 * the built page, `millrace demo`, all on one machine. Run by hand: `node bench/console.ts [clicks]`; of the clicks,
 * half a second apart, it prints the middle, the 95th percentile and the longest time.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Browser, Page } from 'playwright-core'
import { DemoProcess } from '../console/test/demo-process.ts'
import { addToCart, openShop } from '../console/test/shop-visit.ts'
import { startChromium } from '../scripts/engines/chromium.ts'

const clicks = Number(process.argv[2] ?? 100)
const clicksMax = 150
const arriveMsMax = 10_000

/** Notes the time at which the page first shows each further count; `count` is an expression of the page. */
function watch(count: string): string {
  return `(() => {
    const count = () => ${count}
    window.arrivals = { first: count(), times: [] }
    new MutationObserver(() => {
      while (window.arrivals.times.length < count() - window.arrivals.first) window.arrivals.times.push(Date.now())
    }).observe(document.body, { childList: true, characterData: true, subtree: true })
  })()`
}

async function arrivals(page: Page): Promise<readonly number[]> {
  const found: unknown = await page.evaluate('window.arrivals.times')
  return Array.isArray(found) ? found.map(Number) : []
}

function tell(name: string, times: readonly number[]): void {
  const sorted = times.toSorted((one, other) => one - other)
  const part = (of: number): number => sorted[Math.min(sorted.length - 1, Math.ceil(of * sorted.length) - 1)] ?? Number.NaN
  process.stdout.write(`${name.padEnd(34)} ${times.length} clicks  p50 ${part(0.5)} ms  p95 ${part(0.95)} ms  longest ${part(1)} ms\n`)
}

async function measure(browser: Browser, demo: DemoProcess): Promise<void> {
  const context = await browser.newContext()
  const [live, shop] = [await context.newPage(), await context.newPage()]
  await live.goto(demo.consoleLink)
  await live.locator('.indicator.live').waitFor()
  await openShop(shop, demo.url)
  await addToCart(shop)
  const link = live.getByRole('row').filter({ hasText: 'Product Added' }).getByRole('link')
  const address = await link.getAttribute('href')
  const profile = await context.newPage()
  await profile.goto(demo.consoleLink)
  await profile.locator('.indicator.live').waitFor()
  await profile.goto(`${demo.url}/console${address ?? ''}`)
  await profile.locator('article.profile').waitFor()
  await live.evaluate(watch("document.querySelectorAll('tr[data-message-id]').length"))
  await profile.evaluate(watch("Number(document.querySelector('.facts div:nth-child(2) dd')?.textContent ?? 0)"))
  // In the page, since the driver waits before it clicks; in front, as beside the console on a screen.
  await shop.bringToFront()
  await shop.evaluate("window.arrivals = { times: [] }; addEventListener('click', () => window.arrivals.times.push(Date.now()), true)")
  for (let click = 0; click < clicks; click += 1) {
    await addToCart(shop)
    await sleep(500)
  }
  const clicked = await arrivals(shop)
  const deadline = Date.now() + arriveMsMax
  for (const [name, page] of [['click to the event on the page', live], ['click to the profile on the page', profile]] as const) {
    let times = await arrivals(page)
    while (times.length < clicks && Date.now() < deadline) {
      await sleep(100)
      times = await arrivals(page)
    }
    if (times.length !== clicks) process.stdout.write(`${name}: ${times.length} of ${clicks} arrived\n`)
    tell(name, times.slice(0, clicks).map((time, index) => time - (clicked[index] ?? Number.NaN)))
  }
}

async function main(): Promise<void> {
  if (!Number.isInteger(clicks) || clicks < 1 || clicks > clicksMax) throw new Error(`clicks must be a whole number from 1 to ${clicksMax}`)
  const browser = await startChromium()
  if ('missing' in browser) return void process.stdout.write(`${browser.missing}\n`)
  const directory = mkdtempSync(join(tmpdir(), 'millrace-console-bench-'))
  const file = join(directory, 'purchases.csv')
  writeFileSync(file, 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n536370,22728,ALARM CLOCK,2,2010-12-01 08:45:00,3.75,12583.0,France\n')
  const demo = new DemoProcess(file, join(directory, 'data'))
  try {
    await demo.ready()
    await measure(browser, demo)
  } finally {
    await browser.close()
    await demo.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

await main()
