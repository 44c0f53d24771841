import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, openSync, closeSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startKafka } from '../../scripts/engines/kafka.ts'
import { CollectorProcess, testKeys } from './collector-process.ts'
import { ownPlace } from './own-place.ts'
import { untilAtRest } from './read-side.ts'

/** Each directory of the data in turn on a file system of its own that fills up: what docs/runbook.md says of a full disk, done. */

const small = '160m'
/** Holds one whole segment of the spool and a part of the next. */
const smaller = '80m'
const kafka = await startKafka()
let directory = ''
let data = ''
let mounted = ''
let collector: CollectorProcess

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-full-'))
  data = join(directory, 'data')
  collector = collectorWith([])
})

afterAll(async () => {
  if (!('missing' in kafka)) await kafka.stop()
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

function collectorWith(flags: readonly string[]): CollectorProcess {
  return new CollectorProcess(data, ['--object-delay-ms', '50', '--load-delay-ms', '50', ...flags])
}

function mountSmall(name: string, size = small): void {
  mounted = join(data, name)
  mkdirSync(mounted, { recursive: true, mode: 0o700 })
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=0700`, 'tmpfs', mounted])
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
async function send(prefix: string, { events, noteBytes } = { events: 50, noteBytes: 1_000 }): Promise<Response> {
  const batch = Array.from({ length: events }, (_, index) => ({
    type: 'track', event: 'Order Completed', messageId: `${prefix}-${index}`, userId: `customer-${index}`, properties: { value: 1, currency: 'EUR', note: 'x'.repeat(noteBytes) },
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

describe.skipIf(!canMount() || 'missing' in kafka)(`a full disk under the spool (needs the right to mount${'missing' in kafka ? `; ${kafka.missing}` : ''})`, () => {
  const broker = (): Exclude<typeof kafka, { readonly missing: string }> => {
    if ('missing' in kafka) throw new Error(kafka.missing)
    return kafka
  }

  test('refuses at once and says why while the broker is away, takes events again when there is room, and keeps what it took', async () => {
    mountSmall('spool')
    collector = collectorWith(['--log-url', ownPlace(broker().url)])
    await collector.start()
    expect(await (await send('before')).json()).toMatchObject({ stored: 'log' })
    await atRest(50)
    await broker().kill()
    expect(await (await send('spooled')).json()).toMatchObject({ stored: 'spool' })
    fill()
    const refused = await send('meanwhile')
    expect(refused.status).toBe(503)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    const ready = await fetch(`${collector.url}/readyz`)
    expect(ready.status).toBe(503)
    expect(await ready.text()).toContain('full')
    await metric(/millrace_log_append_total\{outcome="failed"\} [1-9]/)
    await metric(/^millrace_spool_bytes [1-9]\d+$/m)
    free()
    await expect.poll(async () => (await send('meanwhile')).status, { timeout: 10_000 }).toBe(200)
    await broker().restart()
    expect(await atRest(150)).toMatchObject({ agree: true, totals: { accepted: 150, stored: 150, archived: 150, loaded: 150 } })
    await metric(/^millrace_spool_bytes 0$/m)
  }, 180_000)

  test('that the spool itself has filled is emptied by a broker that is back, and nobody has to free anything', async () => {
    mountSmall('spool', smaller)
    collector = collectorWith(['--log-url', ownPlace(broker().url)])
    await collector.start()
    await broker().kill()
    const large = { events: 15, noteBytes: 30_000 }
    let taken = 0
    for (let response = await send('large-0', large); response.status === 200; response = await send(`large-${taken}`, large)) taken += 1
    expect(taken).toBeGreaterThan(100)
    await broker().restart()
    await metric(/^millrace_spool_bytes 0$/m)
    expect(await (await send('after')).json()).toMatchObject({ stored: 'log' })
    const accepted = taken * large.events + 50
    expect(await atRest(accepted)).toMatchObject({ agree: true, totals: { stored: accepted, archived: accepted, loaded: accepted } })
  }, 180_000)
})
