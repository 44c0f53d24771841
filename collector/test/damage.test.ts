import { execFileSync } from 'node:child_process'
import { closeSync, cpSync, fstatSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { connectControl } from '../src/control-client.ts'
import { CollectorProcess, testKeys } from './collector-process.ts'
import { untilAtRest } from './read-side.ts'

/** Bytes that a disk gives back otherwise than they were written: what docs/runbook.md says of each file, done. */

let directory = ''
let data = ''
let collector: CollectorProcess

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-damage-'))
  data = join(directory, 'data')
  collector = new CollectorProcess(data, ['--object-delay-ms', '50', '--load-delay-ms', '50', '--log-retention-ms', '86400000'])
})

afterEach(async () => {
  await collector.stop()
  rmSync(directory, { recursive: true })
})

async function send(prefix: string): Promise<number> {
  const batch = Array.from({ length: 50 }, (_, index) => ({ type: 'track', event: 'Seen', messageId: `${prefix}-${index}`, userId: `customer-${index}`, properties: { prefix } }))
  const response = await fetch(`${collector.url}/v1/batch`, { method: 'POST', body: JSON.stringify({ batch }), headers: { 'content-type': 'application/json', 'x-write-key': testKeys.writeKey } })
  return response.status
}

function atRest(accepted: number): ReturnType<typeof untilAtRest> {
  return untilAtRest(() => collector.url, testKeys.secretKey, { accepted, withinMs: 30_000 })
}

async function untilMetric(pattern: RegExp): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    if (pattern.test(await (await fetch(`${collector.url}/metrics`)).text())) return
    await delay(100)
  }
  throw new Error(`no ${String(pattern)} in the metrics`)
}

async function rebuildOlap(): Promise<unknown> {
  return (await connectControl(data))?.call('rebuildOlap', {})
}

function overwrite(path: string, at: number, length: number): void {
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.alloc(length, 0x5a), 0, length, at)
  closeSync(file)
}

/** The page that a table's tree begins with. */
function spoilTable(path: string, table: string): void {
  const database = new DatabaseSync(path)
  const page = Number(database.prepare('SELECT rootpage FROM sqlite_master WHERE name = ?').get(table)?.['rootpage'])
  const size = Number(database.prepare('PRAGMA page_size').get()?.['page_size'])
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  database.close()
  overwrite(path, (page - 1) * size, size)
}

/** The newest of the files with that ending. */
function found(below: string, ending: string): string {
  const names = readdirSync(join(data, below), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith(ending) && !name.includes('~')).toSorted()
  return join(data, below, names.at(-1) ?? '')
}

function millrace(...words: string[]): string {
  return execFileSync(process.execPath, [fileURLToPath(new URL('../src/main.ts', import.meta.url)), ...words, '--data', data], { encoding: 'utf8' })
}

test('a damaged page of the OLTP stops the deciding and nothing else; a backup and the log bring everything back', async () => {
  await collector.start()
  await send('before')
  await atRest(50)
  const oltp = join(data, 'oltp/millrace.db')
  const database = new DatabaseSync(oltp)
  database.exec(`VACUUM INTO '${join(directory, 'backup.db')}'`)
  database.close()
  await collector.stop()
  spoilTable(oltp, 'activity')
  await collector.start()
  expect(await send('after')).toBe(200)
  await untilMetric(/millrace_pump_decide_retries_total\{cause="corrupt"\} [2-9]/)
  expect(await send('still')).toBe(200)
  await collector.stop()
  rmSync(join(data, 'oltp'), { recursive: true })
  mkdirSync(join(data, 'oltp'), { mode: 0o700 })
  cpSync(join(directory, 'backup.db'), oltp)
  await collector.start()
  expect(await atRest(150)).toMatchObject({ agree: true, totals: { stored: 150, archived: 150, loaded: 150, dropped: { quarantined: 0 } } })
})

test('an OLTP that is no database any more is refused at the start, with what to do', async () => {
  await collector.start()
  await collector.stop()
  overwrite(join(data, 'oltp/millrace.db'), 0, 4_096)
  await expect(collector.start()).rejects.toThrow(/corrupt: .*restore it from a backup/)
})

test('a damaged log stops the start with its place; repaired it goes on, and says what it cost', async () => {
  await collector.start()
  await send('before')
  await atRest(50)
  const worker = collector.processes().find(({ name }) => name === 'worker')
  process.kill(worker?.pid ?? 0, 'SIGSTOP')
  expect(await send('undecided')).toBe(200)
  expect(await send('spared')).toBe(200)
  process.kill(worker?.pid ?? 0, 'SIGKILL')
  await collector.kill('collector')
  const segment = found('log', '.log')
  const bytes = readFileSync(segment)
  overwrite(segment, bytes.indexOf('"undecided-0"'), 4)
  await expect(collector.start()).rejects.toThrow(/corrupt: .* is damaged at byte \d+.*millrace repair log/)
  const printed = millrace('repair', 'log')
  const lost = [...printed.matchAll(/(\d+) of partition/g)].reduce((sum, [, count]) => sum + Number(count), 0)
  expect(lost).toBeGreaterThan(0)
  await collector.start()
  expect(await atRest(150 - lost)).toMatchObject({ agree: true, totals: { stored: 150 - lost, archived: 150 - lost, loaded: 150 - lost } })
  expect(await send('undecided')).toBe(200)
  expect(await atRest(200 - lost)).toMatchObject({ agree: true, totals: { stored: 150, dropped: { duplicate: 50 - lost } } })
  expect(millrace('status', '--json')).toContain('"agree":true')
})

test('a damaged object of the archive fails a rebuild by name and harms nothing; its copy mends it', async () => {
  await collector.start()
  await send('before')
  await atRest(50)
  const object = found('objects', '.ndjson.gz')
  const kept = readFileSync(object)
  const file = openSync(object, 'r+')
  const half = Math.floor(fstatSync(file).size / 2)
  closeSync(file)
  overwrite(object, half, 8)
  await expect(rebuildOlap()).rejects.toThrow(/archive object raw\/v1\//)
  expect(await atRest(50)).toMatchObject({ agree: true, totals: { loaded: 50 } })
  writeFileSync(object, kept)
  await rebuildOlap()
  expect(await atRest(50)).toMatchObject({ agree: true, totals: { loaded: 50 } })
})

test('damaged parts of the OLAP show in the reconciliation, and a rebuild makes them again', async () => {
  await collector.start()
  await send('before')
  await atRest(50)
  await collector.stop()
  const parts = readdirSync(join(data, 'olap'), { recursive: true, encoding: 'utf8' }).filter((name) => /\/(?:all|\d{6})_/.test(name) && name.endsWith('.bin'))
  expect(parts.length).toBeGreaterThan(0)
  for (const name of parts) overwrite(join(data, 'olap', name), 0, 64)
  await collector.start()
  await send('after')
  await rebuildOlap()
  expect(await atRest(100)).toMatchObject({ agree: true, totals: { stored: 100, loaded: 100 } })
})
