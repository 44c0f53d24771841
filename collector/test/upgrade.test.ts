import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { connectControl } from '../src/control-client.ts'
import { CollectorProcess, testKeys } from './collector-process.ts'
import { readJson, untilAtRest } from './read-side.ts'

/**
 * Whole data directories as earlier versions left them: `fixtures/data-schema-N.tar.gz` was written by the last version whose
 * OLTP had N migrations, from 134 events of six customers on two devices each, 60 of them orders; the third from the second.
 */

let directory = ''
let data = ''
let collector: CollectorProcess

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-upgrade-'))
  data = join(directory, 'data')
  mkdirSync(data)
  collector = new CollectorProcess(data, ['--object-delay-ms', '50', '--load-delay-ms', '50'])
})

afterEach(async () => {
  await collector.stop()
  rmSync(directory, { recursive: true })
})

function get(path: string): Promise<{ readonly status: number; readonly body: unknown }> {
  return readJson(collector.url, path, testKeys.secretKey)
}

async function sql(statement: string): Promise<string> {
  return String(await (await connectControl(data))?.call('sql', { sql: statement, format: 'TabSeparated' })).trim()
}

/** What can be read of everybody, in one value. */
async function everything(): Promise<unknown> {
  const profiles = await Promise.all(Array.from({ length: 6 }, async (_, index) => (await get(`/v1/profiles?email=customer-${index}%40example.com`)).body))
  return {
    profiles: profiles.map((body) => withoutVersion(body)),
    revenue: await sql('SELECT profile_id, sum(value), count() FROM events WHERE metric = \'Order Completed\' GROUP BY profile_id ORDER BY profile_id'),
  }
}

/** A rebuild counts versions on. */
function withoutVersion(body: unknown): unknown {
  return JSON.parse(JSON.stringify(body, (key, value: unknown) => (key === 'version' ? undefined : value)))
}

test.each([[1], [8], [14]])('data of schema %i is taken over whole, goes on, and can be rebuilt to the same', async (schema) => {
  execFileSync('tar', ['-xzf', join(import.meta.dirname, `fixtures/data-schema-${schema}.tar.gz`), '-C', data])
  await collector.start()
  const atRest = (accepted: number): ReturnType<typeof untilAtRest> => untilAtRest(() => collector.url, testKeys.secretKey, { accepted, withinMs: 30_000 })
  expect(await atRest(134)).toMatchObject({ agree: true, totals: { accepted: 134, stored: 132, archived: 132, loaded: 132, dropped: { duplicate: 1, quarantined: 1 } } })
  expect(await sql("SELECT compression_codec FROM system.columns WHERE table = 'event_g1' AND name IN ('time', 'quantity', 'properties_string') ORDER BY name")).toBe(
    'CODEC(ZSTD(3))\nCODEC(ZSTD(1))\nCODEC(Delta(8), LZ4)')
  const before = await everything()
  expect(before).toMatchObject({
    profiles: Array.from({ length: 6 }, (_, index) => ({ profile: {
      identifiers: { externalId: [`customer-${index}`], email: [`customer-${index}@example.com`], anonymousId: expect.arrayContaining([`device-${index}`, `device-${index + 6}`]) },
      properties: { country: 'GB' }, metrics: { 'Order Completed': { count: 10 }, 'Product Viewed': { count: 10 } },
    } })),
  })
  const preview = await fetch(`${collector.url}/v1/segments/preview`, {
    method: 'POST', headers: { authorization: `Bearer ${testKeys.secretKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ definition: { type: 'profile-metric', metric: 'Order Completed', measurement: 'count', operator: 'greater-than-or-equal', value: 10, timeframe: { type: 'all-time' } } }),
  })
  expect(await preview.json()).toMatchObject({ count: 6 })
  const control = await connectControl(data)
  await control?.call('rebuildProfiles', {})
  await control?.call('rebuildOlap', {})
  expect(await everything()).toEqual(before)
  const sent = await fetch(`${collector.url}/v1/track`, {
    method: 'POST', headers: { 'content-type': 'application/json', 'x-write-key': testKeys.writeKey },
    body: JSON.stringify({ userId: 'customer-0', event: 'Order Completed', messageId: 'new-1', properties: { value: 1 } }),
  })
  expect(sent.status).toBe(200)
  expect(await atRest(135)).toMatchObject({ agree: true, totals: { stored: 133, archived: 133, loaded: 133 } })
})

test('data of a newer version is refused, and left as it is', async () => {
  execFileSync('tar', ['-xzf', join(import.meta.dirname, 'fixtures/data-schema-8.tar.gz'), '-C', data])
  const { DatabaseSync } = await import('node:sqlite')
  const database = new DatabaseSync(join(data, 'oltp/millrace.db'))
  database.exec('PRAGMA user_version = 1000')
  database.close()
  await expect(collector.start()).rejects.toThrow(/bad_config: .*newer Millrace/)
})
