import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCollector, type Collector } from '../collector.ts'
import type { Config } from '../config.ts'
import { play } from '../demo/play.ts'
import { ProgressBar } from '../demo/progress-bar.ts'
import { report } from '../demo/report.ts'
import { retailEvents } from '../demo/retail-events.ts'
import { retailLines } from '../demo/retail-lines.ts'
import { shopApp } from '../demo/shop-app.ts'
import { sampleFile } from '../demo/sample-file.ts'
import { visitorStory } from '../demo/visitor-story.ts'
import { systemClock } from '../platform/clock.ts'
import { MillraceError } from '../platform/errors.ts'
import type { Status } from '../query/status.ts'
import type { Command, CommandContext } from './command.ts'

/** Long enough for the full file on a slow machine; the demo says what is missing if it passes. */
const restMsMax = 900_000

export const demoCommand: Command = {
  name: 'demo',
  usage: 'demo [--file CSV|-] [--data DIR] [--exit]',
  about: 'plays a year of real purchases through the Node SDK and shows what became of them',
  flags: ['file', 'exit'],
  run: async (context) => {
    // The data directory of a demo is a temporary one unless it is named; a shop's own is never taken by accident.
    const named = context.arguments.flags.has('data') || process.env['MILLRACE_DATA'] !== undefined
    const data = named ? context.config.data : mkdtempSync(join(tmpdir(), 'millrace-demo-'))
    try {
      return await runDemo(context, { ...context.config, data, port: demoPort(context), logLevel: 'warn', objectDelayMs: 1_000, loadDelayMs: 200 })
    } finally {
      if (!named) rmSync(data, { recursive: true, force: true })
    }
  },
}

/** A free port unless one is named, so that a running collector is in nobody's way. */
function demoPort({ arguments: { flags }, config }: CommandContext): number {
  return flags.has('port') || process.env['MILLRACE_PORT'] !== undefined ? config.port : 0
}

async function runDemo({ flags, terminal }: CommandContext, config: Config): Promise<number> {
  const stop = new AbortController()
  const stopped = terminal.untilStopped().then(() => stop.abort(new MillraceError('unavailable', 'the demo was stopped before its end')))
  const file = flags.get('file') ?? sampleFile()
  let keys = { writeKey: '', secretKey: '' }
  let url = ''
  const shop = shopApp({
    writeKey: () => keys.writeKey,
    profileOf: async (anonymousId) => {
      const profile: unknown = Reflect.get(Object(await read(url, `/v1/profiles?anonymousId=${encodeURIComponent(anonymousId)}`, keys.secretKey)), 'profile')
      return profile
    },
  })
  const collector = await createCollector(config, shop)
  try {
    keys = collector.created ?? await collector.createKeys('default')
    url = collector.url
    const { writeKey, secretKey } = keys
    await collector.addTemplateSegments('default')
    terminal.out(`the collector listens at ${collector.url}\n`)
    const progress = new ProgressBar(terminal, () => systemClock.now())
    // A directory that has been used holds events of before; only what comes on top of them is waited for.
    const before = (await collector.status()).totals.accepted
    const fileBytes = file === '-' ? null : statSync(file, { throwIfNoEntry: false })?.size ?? null
    let readBytes = 0
    const purchases = retailEvents(retailLines(file, (bytes) => {
      readBytes = bytes
    }))
    const sent = await play({
      url: collector.url, writeKey, purchases, story: visitorStory(systemClock.now()), progress,
      part: () => (fileBytes === null ? null : readBytes / fileBytes), stop: stop.signal,
    })
    const status = await untilLoaded(collector, { accepted: before + sent, progress, stop: stop.signal })
    terminal.out(await report({ read: (path) => read(collector.url, path, secretKey), sql: (sql) => collector.sql({ sql, format: 'TSV' }), status }))
    if (!status.agree) return 1
    if (flags.has('exit')) return 0
    // The key is behind the #, which no browser sends; the page takes it out of the address as it opens.
    terminal.out(`\nIt goes on serving; Ctrl-C ends it. Open both side by side; a click in the shop is in the console within a second:\n` +
      `  the console  ${collector.url}/console#key=${secretKey}\n  a shop       ${collector.url}/shop\nOr try:\n` +
      `  curl -u ${writeKey}: -H 'content-type: application/json' -d '{"userId":"me","event":"Hello"}' ${collector.url}/v1/track\n` +
      `  curl -H 'authorization: Bearer ${secretKey}' '${collector.url}/v1/profiles?externalId=me'\n\nmillrace ready ${collector.url}\n`)
    await stopped
    return 0
  } finally {
    await collector.close()
  }
}

interface LoadGoal {
  /** Events the collector must have at least, those of before included. */
  readonly accepted: number
  readonly progress: ProgressBar
  readonly stop: AbortSignal
}

async function untilLoaded(collector: Collector, { accepted: wanted, progress, stop }: LoadGoal): Promise<Status> {
  const deadline = performance.now() + restMsMax
  for (;;) {
    stop.throwIfAborted()
    const status = await collector.status()
    const { accepted, loaded } = status.totals
    if (status.atRest && accepted >= wanted) {
      progress.finish({ what: 'in all three tiers:', done: loaded, total: null })
      return status
    }
    progress.show({ what: 'loaded', done: loaded, total: accepted })
    if (performance.now() > deadline) throw new MillraceError('unavailable', `not everything reached the tiers in time: ${JSON.stringify(status.totals)}`)
    await systemClock.sleep(100)
  }
}

async function read(url: string, path: string, secretKey: string): Promise<unknown> {
  const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${secretKey}` } })
  if (!response.ok) throw new MillraceError('unavailable', `${path} answered ${response.status}: ${await response.text()}`)
  return response.json()
}
