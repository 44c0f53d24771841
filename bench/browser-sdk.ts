/**
 * Browser SDKs side by side in a real Chromium: size, `track()` at a quarter of the processor, the longest task, and
 * events lost on navigation. The others are installed from npm into a temporary directory. Usage: browser-sdk [NAME...]
 *
 * A quarter of the processor is told in two ways. `x4` is four times what was measured at full speed. `throttled` is what
 * Chromium's own throttle makes of it: it stops the thread for most of a millisecond again and again, so that a call of a few
 * microseconds is either not slowed at all or hit by a whole stop. The page that only computes and fetches shows what of
 * both is the machine's and the browser's own.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Browser, Page } from 'playwright-core'
import { startChromium } from '../scripts/engines/chromium.ts'
import { buildSdk } from '../sdk-browser/test/build-sdk.ts'
import { type Contender, contenders } from './browser-sdk/contenders.ts'
import { EventSink } from './browser-sdk/event-sink.ts'
import { IsolatedSite, type Program } from './browser-sdk/isolated-site.ts'

const esbuild = 'esbuild@0.28.2'
const eventsPerNavigation = 100
const rounds = 12
const callsPerRound = 250
/** A slow contender has fewer rounds. */
const callsMsMax = 15_000
const settleMs = 2_000
const returnMs = 8_000
const slowing = 4

interface Speed {
  /** Of a call, in milliseconds, once the page is warm. */
  readonly p50Ms: number
  /** The median of the rounds' 99th percentiles: what else the machine does falls into some of them. */
  readonly p99Ms: number
  /** The very first call of a page, when nothing is warm. */
  readonly firstMs: number
  readonly longestTaskMs: number
}

interface Row {
  readonly name: string
  readonly minifiedBytes: number
  readonly gzipBytes: number
  readonly full: Speed
  readonly throttled: Speed
  readonly arrivedBefore: number
  readonly arrivedAfter: number
  readonly twice: number
}

function run(command: string, words: readonly string[], cwd: string): void {
  const ran = spawnSync(command, words, { cwd, encoding: 'utf8', timeout: 300_000 })
  if (ran.status !== 0) throw new Error(`${command} ${words.join(' ')} ended with ${ran.status}:\n${ran.stdout}${ran.stderr}`)
}

/** The contender's program with its SDK, minified; what it loads later, or never, is in files of its own. */
function bundle(contender: Contender, { directory, sink }: { readonly directory: string; readonly sink: string }): Program {
  const folder = join(directory, 'out', contender.name.replaceAll(/\W/g, '-'))
  writeFileSync(join(directory, 'main.js'), contender.program.replaceAll('SINK', sink).replaceAll('MILLRACE', join(directory, 'millrace')))
  run(join(directory, 'node_modules/.bin/esbuild'), [
    'main.js', '--bundle', '--splitting', '--minify', '--format=esm', '--target=es2022', '--define:process.env.NODE_ENV="production"', `--outdir=${folder}`, '--log-level=error',
  ], directory)
  return new Map(readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), 'utf8')]))
}

/** The text of what a page needs before the SDK runs: `main.js` and what it imports at once. */
function firstLoad(program: Program): string {
  const files = ['main.js']
  for (const file of files) {
    for (const [, found = ''] of (program.get(file) ?? '').matchAll(/(?:^|[;}])import(?:[^"'()]*from)?\s*["']\.\/([\w-]+\.js)["']/g)) if (!files.includes(found)) files.push(found)
  }
  return files.map((file) => program.get(file) ?? '').join('\n')
}

async function openPage(browser: Browser, address: string): Promise<Page> {
  const page = await (await browser.newContext()).newPage()
  await page.goto(address)
  await page.waitForFunction('window.track !== undefined', undefined, { timeout: 30_000 })
  if (await page.evaluate('crossOriginIsolated') !== true) throw new Error('the page is not cross-origin isolated')
  return page
}

async function numbersOf(page: Page, script: string): Promise<readonly number[]> {
  const value: unknown = await page.evaluate(script)
  return Array.isArray(value) ? value.map(Number) : []
}

/** Milliseconds of each call, round by round; a round is a task. */
function timeCalls(page: Page): Promise<readonly number[]> {
  return numbersOf(page, `(async () => {
    const times = []
    const end = performance.now() + ${callsMsMax}
    for (let round = 0; round < ${rounds} && performance.now() < end; round++) {
      for (let call = 0; call < ${callsPerRound} && performance.now() < end; call++) {
        const properties = { product_id: 'p' + call, name: 'Lamp', price: 49.9, currency: 'EUR', round }
        const before = performance.now()
        window.track('Product Viewed', properties)
        const after = performance.now()
        times.push(after - before)
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    return times
  })()`)
}

/**
 * Milliseconds of processor time of the longest task on the page's main thread, while a call is made every 100 ms and
 * everything is sent. Time on the wall would tell more of the machine's other work than of the SDK's.
 */
async function longestTask(browser: Browser, page: Page): Promise<number> {
  await browser.startTracing(page, { categories: ['toplevel', 'disabled-by-default-toplevel'] })
  await page.evaluate(`(async () => {
    for (let call = 0; call < 40; call++) {
      window.track('Product Viewed', { product_id: 'p' + call, price: 49.9 })
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  })()`)
  await page.waitForTimeout(settleMs)
  const trace: unknown = JSON.parse((await browser.stopTracing()).toString())
  const events: unknown = Reflect.get(Object(trace), 'traceEvents')
  const all: readonly TraceEvent[] = Array.isArray(events) ? events : []
  const mains = new Set(all.filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain').map(({ pid, tid }) => `${pid} ${tid}`))
  const tasks = all.filter(({ ph, tdur, pid, tid, name }) => ph === 'X' && tdur !== undefined && /RunTask/.test(name) && mains.has(`${pid} ${tid}`))
  return tasks.reduce((most, { tdur = 0 }) => Math.max(most, tdur), 0) / 1_000
}

/** A record of Chromium's trace, as far as it is read; `tdur` in microseconds of processor time. */
interface TraceEvent {
  readonly name: string
  readonly ph: string
  readonly pid: number
  readonly tid: number
  readonly tdur?: number
  readonly args?: { readonly name?: string }
}

/** A hundred events of a kilobyte, then away in the same tick, then back once. */
async function loseEvents(browser: Browser, address: string, sink: EventSink): Promise<Pick<Row, 'arrivedBefore' | 'arrivedAfter' | 'twice'>> {
  const page = await openPage(browser, address)
  await page.waitForTimeout(settleMs)
  sink.forget()
  await page.evaluate(`(() => {
    for (let number = 0; number < ${eventsPerNavigation}; number++) window.track('Left', { mark: 'evt-' + number + '-', text: 'x'.repeat(700) })
    location.href = '/elsewhere'
  })()`).catch(() => undefined)
  await page.waitForURL('**/elsewhere')
  await page.waitForTimeout(settleMs)
  const arrivedBefore = sink.counts.arrived
  await page.goto(address)
  await page.waitForTimeout(returnMs)
  const { arrived, twice } = sink.counts
  await page.context().close()
  return { arrivedBefore, arrivedAfter: arrived, twice }
}

function quantile(values: readonly number[], part: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? Number.NaN
}

/** The mean of the middle half: the clock's steps of five microseconds are too coarse for a median. */
function middle(values: readonly number[]): number {
  const half = values.toSorted((a, b) => a - b).slice(Math.floor(values.length / 4), Math.ceil(values.length * 3 / 4))
  return half.reduce((sum, value) => sum + value, 0) / half.length
}

async function measureSpeed(browser: Browser, address: string, slowed: number): Promise<Speed> {
  const page = await openPage(browser, address)
  await page.waitForTimeout(settleMs)
  const session = await page.context().newCDPSession(page)
  await session.send('Emulation.setCPUThrottlingRate', { rate: slowed })
  const times = await timeCalls(page)
  await page.waitForTimeout(settleMs)
  const longestTaskMs = await longestTask(browser, page)
  await page.context().close()
  const starts = times.flatMap((_, index) => (index % callsPerRound === 0 ? [index] : []))
  return {
    p50Ms: middle(times), p99Ms: quantile(starts.map((start) => quantile(times.slice(start, start + callsPerRound), 0.99)), 0.5),
    firstMs: times[0] ?? Number.NaN, longestTaskMs,
  }
}

function timesFour({ p50Ms, p99Ms, firstMs, longestTaskMs }: Speed): Speed {
  return { p50Ms: p50Ms * slowing, p99Ms: p99Ms * slowing, firstMs: firstMs * slowing, longestTaskMs: longestTaskMs * slowing }
}

async function measure(browser: Browser, { name, program, address, sink }: { readonly name: string; readonly program: Program; readonly address: string; readonly sink: EventSink }): Promise<Row> {
  const text = firstLoad(program)
  return {
    name, minifiedBytes: Buffer.byteLength(text), gzipBytes: gzipSync(text, { level: 9 }).length,
    full: timesFour(await measureSpeed(browser, address, 1)), throttled: await measureSpeed(browser, address, slowing), ...await loseEvents(browser, address, sink),
  }
}

const heads = [
  'SDK', 'min B', 'gzip B', ...['p50 ms', 'p99 ms', 'first call ms', 'longest task ms'].flatMap((head) => [`${head} x4`, 'throttled']), 'arrived', 'after return', 'twice',
]

function print(cells: readonly string[]): void {
  process.stdout.write(`| ${cells.join(' | ')} |\n`)
}

function cellsOf({ name, minifiedBytes, gzipBytes, full, throttled, arrivedBefore, arrivedAfter, twice }: Row): readonly string[] {
  const speeds = ([['p50Ms', 3], ['p99Ms', 3], ['firstMs', 3], ['longestTaskMs', 1]] as const).flatMap(([part, digits]) => [full[part].toFixed(digits), throttled[part].toFixed(digits)])
  return [name, String(minifiedBytes), String(gzipBytes), ...speeds, String(arrivedBefore), String(arrivedAfter), String(twice)]
}

/** Computes for about ten microseconds a call, and sends five kilobytes for every ten calls as plainly as can be. */
function controlProgram(sink: string): string {
  return `let calls = 0, sum = 0
window.track = () => {
  for (let step = 0; step < 4000; step++) sum += step * step % 7
  if (++calls % 10 === 0) setTimeout(() => fetch('${sink}/e', { method: 'POST', keepalive: true, body: 'x'.repeat(5000) }))
}`
}

const browser = await startChromium()
if ('missing' in browser) throw new Error(browser.missing)
const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
const sink = new EventSink()
try {
  const sinkUrl = await sink.listen()
  const wanted = process.argv.slice(2)
  const chosen = contenders.filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  mkdirSync(join(directory, 'out'))
  writeFileSync(join(directory, 'package.json'), '{ "private": true, "type": "module" }')
  run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', esbuild, ...chosen.flatMap(({ packages }) => packages)], directory)
  buildSdk(join(directory, 'millrace'))
  const programs: readonly Program[] = [new Map([['main.js', controlProgram(sinkUrl)]]), ...chosen.map((contender) => bundle(contender, { directory, sink: sinkUrl }))]
  const site = new IsolatedSite(programs)
  const siteUrl = await site.listen()
  process.stdout.write(`Chromium ${browser.version()}, ${eventsPerNavigation} events of 1 KB before navigation, processor slowed ${slowing} times\n\n`)
  print(heads)
  print(heads.map(() => '---'))
  for (const [index, program] of programs.entries()) {
    const name = chosen[index - 1]?.name ?? '(a page that computes and fetches)'
    // One that does not start must not take the others' figures with it.
    const row = await measure(browser, { name, program, address: `${siteUrl}/sdk/${index}`, sink }).catch((error: unknown) => String(error))
    if (typeof row === 'string') process.stdout.write(`${name} could not be measured: ${row}\n`)
    else print(cellsOf(row))
  }
  await site.close()
} finally {
  await browser.close()
  await sink.close()
  rmSync(directory, { recursive: true, force: true })
}
