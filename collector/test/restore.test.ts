import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { connectControl } from '../src/control-client.ts'
import { CollectorProcess, testKeys } from './collector-process.ts'
import { readJson, untilAtRest } from './read-side.ts'

/** What docs/runbook.md says of backup and restore, done. */

const flags = ['--object-delay-ms', '50', '--load-delay-ms', '50', '--log-retention-ms', '86400000']
let directory = ''
let data = ''
let backup = ''
let collector: CollectorProcess

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-restore-'))
  data = join(directory, 'data')
  backup = join(directory, 'backup')
  mkdirSync(backup)
  collector = new CollectorProcess(data, flags)
})

afterEach(async () => {
  await collector.stop()
  rmSync(directory, { recursive: true })
})

async function send(prefix: string): Promise<void> {
  const events = Array.from({ length: 100 }, (_, index) => ({
    type: 'track', event: 'Order Completed', messageId: `${prefix}-${index}`, userId: `customer-${index % 10}`, properties: { value: 1, currency: 'EUR' },
  }))
  const response = await fetch(`${collector.url}/v1/batch`, {
    method: 'POST', body: JSON.stringify({ batch: events }), headers: { 'content-type': 'application/json', 'x-write-key': testKeys.writeKey },
  })
  expect(response.status).toBe(200)
}

function atRest(accepted: number): ReturnType<typeof untilAtRest> {
  return untilAtRest(() => collector.url, testKeys.secretKey, { accepted, withinMs: 30_000 })
}

/** The OLTP first, while everything goes on, then the archive, which then holds at least what the OLTP names. */
function takeBackup(): void {
  const database = new DatabaseSync(join(data, 'oltp/millrace.db'))
  database.exec(`VACUUM INTO '${join(backup, 'millrace.db')}'`)
  database.close()
  cpSync(join(data, 'objects'), join(backup, 'objects'), { recursive: true })
}

function restoreOltp(): void {
  rmSync(join(data, 'oltp'), { recursive: true, force: true })
  mkdirSync(join(data, 'oltp'), { recursive: true, mode: 0o700 })
  cpSync(join(backup, 'millrace.db'), join(data, 'oltp/millrace.db'))
}

async function rebuildOlap(): Promise<void> {
  await (await connectControl(data))?.call('rebuildOlap', {})
}

async function customerIds(): Promise<readonly unknown[]> {
  const answers = await Promise.all(Array.from({ length: 10 }, (_, index) => readJson(collector.url, `/v1/profiles?externalId=customer-${index}`, testKeys.secretKey)))
  return answers.map(({ body }): unknown => Reflect.get(Object(Reflect.get(Object(body), 'profile')), 'id'))
}

test('an OLTP restored from a backup decides again what the log still keeps, and ends with everything', async () => {
  await collector.start()
  await send('before')
  await atRest(100)
  takeBackup()
  await send('after')
  await atRest(200)
  const ids = await customerIds()
  await collector.stop()
  restoreOltp()
  await collector.start()
  await atRest(200)
  await rebuildOlap()
  expect(await atRest(200)).toMatchObject({ agree: true, totals: { stored: 200, archived: 200, loaded: 200 } })
  expect(await customerIds()).toEqual(ids)
})

test('a machine lost whole comes back as of the backup, and goes on', async () => {
  await collector.start()
  await send('before')
  await atRest(100)
  takeBackup()
  const ids = await customerIds()
  await collector.stop()
  renameSync(data, join(directory, 'lost'))
  restoreOltp()
  cpSync(join(backup, 'objects'), join(data, 'objects'), { recursive: true })
  await collector.start()
  await rebuildOlap()
  expect(await atRest(100)).toMatchObject({ agree: true, totals: { stored: 100, archived: 100, loaded: 100 } })
  expect(await customerIds()).toEqual(ids)
  await send('after')
  expect(await atRest(200)).toMatchObject({ agree: true, totals: { stored: 200, loaded: 200 } })
})
