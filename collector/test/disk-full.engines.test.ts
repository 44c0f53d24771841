import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, openSync, closeSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CollectorProcess, testKeys } from './collector-process.ts'
import { untilAtRest } from './read-side.ts'

/** Each directory of the data in turn on a file system of its own that fills up: what docs/runbook.md says of a full disk, done. */

const small = '160m'
let directory = ''
let data = ''
let mounted = ''
let collector: CollectorProcess

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-full-'))
  data = join(directory, 'data')
  collector = new CollectorProcess(data, ['--object-delay-ms', '50', '--load-delay-ms', '50'])
})

afterEach(async () => {
  await collector.stop()
  if (mounted !== '') execFileSync('umount', ['--lazy', mounted])
  mounted = ''
  rmSync(directory, { recursive: true })
})

/** Only root can; everywhere else these are skipped. */
function canMount(): boolean {
  const place = mkdtempSync(join(tmpdir(), 'millrace-mount-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', place], { stdio: 'ignore' })
    execFileSync('umount', [place], { stdio: 'ignore' })
    return true
  } catch {
    return false
  } finally {
    rmSync(place, { recursive: true })
  }
}

function mountSmall(name: string): void {
  mounted = join(data, name)
  mkdirSync(mounted, { recursive: true, mode: 0o700 })
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${small},mode=0700`, 'tmpfs', mounted])
}

/** Takes the last byte of the file system. */
function fill(): void {
  const file = openSync(join(mounted, 'ballast'), 'w')
  try {
    for (const bytes of [1_048_576, 4_096, 1]) writeUntilFull(file, Buffer.alloc(bytes))
  } finally {
    closeSync(file)
  }
}

function writeUntilFull(file: number, bytes: Buffer): void {
  try {
    while (writeSync(file, bytes) === bytes.length) continue
  } catch (error) {
    if (Reflect.get(Object(error), 'code') !== 'ENOSPC') throw error
  }
}

function free(): void {
  rmSync(join(mounted, 'ballast'))
}

/** About 60 KB. */
async function send(prefix: string): Promise<Response> {
  const batch = Array.from({ length: 50 }, (_, index) => ({
    type: 'track', event: 'Order Completed', messageId: `${prefix}-${index}`, userId: `customer-${index}`, properties: { value: 1, currency: 'EUR', note: 'x'.repeat(1_000) },
  }))
  return fetch(`${collector.url}/v1/batch`, { method: 'POST', body: JSON.stringify({ batch }), headers: { 'content-type': 'application/json', 'x-write-key': testKeys.writeKey } })
}

async function metric(pattern: RegExp): Promise<string> {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    const found = pattern.exec(await (await fetch(`${collector.url}/metrics`)).text())
    if (found !== null) return found[0]
    await delay(50)
  }
  throw new Error(`no ${String(pattern)} in the metrics`)
}

function atRest(accepted: number): ReturnType<typeof untilAtRest> {
  return untilAtRest(() => collector.url, testKeys.secretKey, { accepted, withinMs: 60_000 })
}

describe.skipIf(!canMount())('a full disk (needs the right to mount)', () => {
  test('under the log: the edge refuses at once and says why, and takes events again by itself', async () => {
    mountSmall('log')
    await collector.start()
    expect((await send('before')).status).toBe(200)
    await atRest(50)
    fill()
    const refused = await send('meanwhile')
    expect(refused.status).toBe(503)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    const ready = await fetch(`${collector.url}/readyz`)
    expect(ready.status).toBe(503)
    expect(await ready.text()).toContain('full')
    await metric(/millrace_log_append_total\{outcome="failed"\} [1-9]/)
    free()
    await expect.poll(async () => (await send('meanwhile')).status, { timeout: 10_000 }).toBe(200)
    expect(await atRest(100)).toMatchObject({ agree: true, totals: { accepted: 100, stored: 100, archived: 100, loaded: 100, dropped: { quarantined: 0 } } })
  }, 120_000)

  test.each([
    ['oltp', /millrace_pump_decide_retries_total\{cause="unavailable"\} [1-9]/],
    ['objects', /millrace_pump_step_failures_total\{step="archive",cause="unavailable"\} [1-9]/],
    ['olap', /millrace_pump_step_failures_total\{step="load",cause="unavailable"\} [1-9]/],
  ])('under %s: events are still taken, the tier says why it stands, and catches up without a loss', async (name, failing) => {
    mountSmall(name)
    await collector.start()
    expect((await send('before')).status).toBe(200)
    await atRest(50)
    fill()
    for (let round = 0; round < 20; round += 1) expect((await send(`meanwhile-${round}`)).status).toBe(200)
    await metric(failing)
    free()
    expect(await atRest(1_050)).toMatchObject({ agree: true, totals: { accepted: 1_050, stored: 1_050, archived: 1_050, loaded: 1_050, dropped: { quarantined: 0 } } })
  }, 120_000)

  test('a collector that is killed and started on a full disk comes up, and goes on when there is room', async () => {
    mountSmall('olap')
    await collector.start()
    expect((await send('before')).status).toBe(200)
    await atRest(50)
    fill()
    await collector.kill('collector')
    await collector.start()
    expect((await send('meanwhile')).status).toBe(200)
    free()
    expect(await atRest(100)).toMatchObject({ agree: true, totals: { stored: 100, loaded: 100 } })
  }, 120_000)
})
