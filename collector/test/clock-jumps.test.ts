import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { CollectorProcess, testKeys } from './collector-process.ts'
import { untilAtRest } from './read-side.ts'

/** Somebody sets the clock of the machine while a collector runs. */

const hour = 3_600_000
let directory = ''
let collector: CollectorProcess

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-clock-'))
  collector = new CollectorProcess(join(directory, 'data'), ['--object-delay-ms', '50', '--load-delay-ms', '50'])
  setClock(0)
  collector.environment = {
    MILLRACE_TEST_CLOCK: join(directory, 'clock'), NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, 'jumping-clock.ts')).href}`,
  }
  await collector.start()
})

afterEach(async () => {
  await collector.stop()
  rmSync(directory, { recursive: true })
})

function setClock(ms: number): void {
  writeFileSync(join(directory, 'clock'), String(ms))
}

async function send(prefix: string): Promise<void> {
  const batch = Array.from({ length: 50 }, (_, index) => ({ type: 'track', event: 'Seen', messageId: `${prefix}-${index}`, userId: `customer-${index}` }))
  const response = await fetch(`${collector.url}/v1/batch`, { method: 'POST', body: JSON.stringify({ batch }), headers: { 'content-type': 'application/json', 'x-write-key': testKeys.writeKey } })
  expect(response.status).toBe(200)
}

function atRest(accepted: number): ReturnType<typeof untilAtRest> {
  return untilAtRest(() => collector.url, testKeys.secretKey, { accepted, withinMs: 30_000 })
}

async function jumpSeen(times: number): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const page = await (await fetch(`${collector.url}/metrics`)).text()
    if (page.includes(`millrace_clock_jumps_total ${times}`)) return
    await delay(100)
  }
  throw new Error(`the worker did not notice jump ${times}`)
}

test.each([['back by a day', -24 * hour], ['forward by an hour', hour]])('a clock set %s holds no tier up and loses nothing', async (_, ms) => {
  await send('before')
  setClock(ms)
  await send('after')
  await send('before')
  expect(await atRest(150)).toMatchObject({ agree: true, totals: { stored: 100, archived: 100, loaded: 100, dropped: { duplicate: 50 } } })
})

test('a clock that was wrong by a month for a while forgets no message id', async () => {
  await send('before')
  await atRest(50)
  setClock(30 * 24 * hour)
  await send('meanwhile')
  await jumpSeen(1)
  setClock(0)
  await jumpSeen(2)
  await send('before')
  expect(await atRest(150)).toMatchObject({ agree: true, totals: { stored: 100, loaded: 100, dropped: { duplicate: 50 } } })
})

test('a collector that starts with a clock behind its data goes on behind it', async () => {
  await send('before')
  await atRest(50)
  await collector.stop()
  setClock(-30 * 24 * hour)
  await collector.start()
  await send('after')
  expect(await atRest(100)).toMatchObject({ agree: true, totals: { stored: 100, archived: 100, loaded: 100 } })
})
