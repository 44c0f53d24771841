import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@clickhouse/client'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { connectControl } from '../src/control-client.ts'
import { openClickHouse } from '../src/stores/olap/clickhouse/clickhouse-olap.ts'
import { type Engine, startEngine } from '../src/stores/olap/engine/start-engine.ts'
import { createLogger } from '../src/platform/logger.ts'
import { systemClock } from '../src/platform/clock.ts'
import { insertAround } from '../src/pump/insert-around.ts'
import { CollectorProcess, testKeys } from './collector-process.ts'
import { readJson, untilAtRest } from './read-side.ts'

/** The engine itself refuses what is in a row. */

let directory = ''
let engine: Engine

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-refused-'))
  engine = await startEngine({ directory: join(directory, 'engine'), memoryBytesMax: 1_000_000_000, clock: systemClock, logger: createLogger('error', () => {}, () => 0) })
})

afterEach(async () => {
  await engine.stop()
  rmSync(directory, { recursive: true })
})

test('what ClickHouse refuses of a row is told from an engine that cannot take any, and gone around', async () => {
  const olap = openClickHouse({ url: engine.url, username: 'millrace', password: engine.password, database: 'millrace', tlsCaFile: null, queryTimeoutMs: 10_000 })
  try {
    await olap.prepare()
    await olap.createGeneration(1)
    const row = (messageId: string, value: unknown): string => `${JSON.stringify({
      workspace: 1, message_id: messageId, metric: 'Seen', time: '2026-01-01 00:00:00.000', received_at: '2026-01-01 00:00:00.000',
      profile_id: '00000000-0000-0000-0000-000000000001', identifier_key: '00000000-0000-0000-0000-000000000001', properties: '{}', value, partition: 0, batch: 1,
    })}\n`
    const rows = [row('a', '1.5'), row('b', 'no number'), row('c', '2'), row('d', { x: 1 }), row('e', '3')].join('')
    const insert = { generation: 1, token: 't', rows: Buffer.from(rows), rowCount: 5 }
    await expect(olap.insert(insert)).rejects.toMatchObject({ code: 'olap_refused', retryable: false })
    const refusal = await insertAround(insert, olap)
    expect(refusal).toMatchObject({ rows: [{ workspace: 1, messageId: 'b' }, { workspace: 1, messageId: 'd' }], reason: expect.stringContaining('ClickHouse refuses a row') })
    await insertAround(insert, olap)
    expect(await olap.countRows(1)).toBe(3)
  } finally {
    await olap.close()
  }
})

/** Sends events of one customer and waits for all tiers; `accepted` counts those of earlier calls as well. */
async function sendAll(collector: CollectorProcess, ids: readonly string[], accepted: number): ReturnType<typeof untilAtRest> {
  const batch = ids.map((messageId) => ({ type: 'track', event: 'Order Completed', messageId, userId: 'ada', properties: { value: 1 } }))
  const response = await fetch(`${collector.url}/v1/batch`, { method: 'POST', body: JSON.stringify({ batch }), headers: { 'x-write-key': testKeys.writeKey } })
  expect(response.status).toBe(200)
  return untilAtRest(() => collector.url, testKeys.secretKey, { accepted, withinMs: 60_000 })
}

test('a load whose rows are refused three times goes in without them, once, whoever dies meanwhile, and a rebuild brings them in', async () => {
  const [data, journal] = [join(directory, 'data'), join(directory, 'journal')]
  mkdirSync(journal)
  const olapUrl = engine.url.replace('http://', `http://millrace:${engine.password}@`)
  const collector = new CollectorProcess(data, ['--olap-url', `${olapUrl}/millrace`, '--partitions', '1', '--object-delay-ms', '50', '--load-delay-ms', '50'])
  const client = createClient({ url: engine.url, username: 'millrace', password: engine.password, database: 'millrace' })
  const held = async (): Promise<readonly string[]> => {
    const result = await client.query({ query: "SELECT message_id || ' ' || toString(count()) AS held FROM events GROUP BY message_id", format: 'JSONEachRow' })
    return (await result.json<{ readonly held: string }>()).map((row) => row.held).toSorted()
  }
  const once = (ids: readonly string[]): readonly string[] => ids.map((id) => `${id} 1`).toSorted()
  const good = Array.from({ length: 40 }, (_, index) => `good-${index}`)
  try {
    // The second load is through but for its own end when the worker dies: it is found half done and refused anew.
    collector.environment = { MILLRACE_FAIL_POINTS: 'load.finish=kill-before@2', MILLRACE_FAIL_POINTS_JOURNAL: journal }
    await collector.start()
    expect(await sendAll(collector, ['before'], 1)).toMatchObject({ agree: true, totals: { stored: 1, loaded: 1 } })
    await client.command({ query: "ALTER TABLE event_g1 ADD CONSTRAINT narrow CHECK NOT startsWith(message_id, 'bad-')" })
    const mixed = await sendAll(collector, [...good.slice(0, 20), 'bad-1', ...good.slice(20), 'bad-2'], 43)
    expect(mixed).toMatchObject({ agree: true, totals: { accepted: 43, stored: 43, archived: 43, loaded: 41, refused: 2 } })
    expect(readdirSync(journal)).toContain('fired-load.finish=kill-before@2')
    expect(await held()).toEqual(once(['before', ...good]))
    const metrics = await (await fetch(`${collector.url}/metrics`)).text()
    expect(metrics).toMatch(/^millrace_load_refused_rows_total 2$/m)
    expect(metrics).toMatch(/^millrace_pump_step_failures_total\{step="load",cause="olap_refused"\} 3$/m)
    // What is refused is stored and archived all the same, and nothing behind it waits.
    const { body: card } = await readJson(collector.url, '/v1/profiles?externalId=ada', testKeys.secretKey)
    expect(card).toMatchObject({ profile: { metrics: { 'Order Completed': { count: 43 } } } })
    expect(await sendAll(collector, ['after'], 44)).toMatchObject({ agree: true, totals: { stored: 44, loaded: 42, refused: 2 } })
    await client.command({ query: 'ALTER TABLE event_g1 DROP CONSTRAINT narrow' })
    await (await connectControl(data))?.call('rebuildOlap', {})
    const rebuilt = await untilAtRest(() => collector.url, testKeys.secretKey, { accepted: 44, withinMs: 60_000 })
    expect(rebuilt).toMatchObject({ agree: true, totals: { stored: 44, loaded: 44 } })
    expect(rebuilt.totals).not.toHaveProperty('refused')
    expect(await held()).toEqual(once(['before', 'after', 'bad-1', 'bad-2', ...good]))
  } finally {
    await collector.stop()
    await client.close()
  }
}, 120_000)
