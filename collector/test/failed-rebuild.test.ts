import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@clickhouse/client'
import { expect, test } from 'vitest'
import { connectControl } from '../src/control-client.ts'
import { systemClock } from '../src/platform/clock.ts'
import { createLogger } from '../src/platform/logger.ts'
import { startEngine } from '../src/stores/olap/engine/start-engine.ts'
import { CollectorProcess, testKeys } from './collector-process.ts'
import { readJson, untilAtRest } from './read-side.ts'

test('what a rebuild of the OLAP left half way is gone with the next erasure, and with the next rebuild', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-failed-rebuild-'))
  const [data, journal] = [join(directory, 'data'), join(directory, 'journal')]
  mkdirSync(journal)
  const engine = await startEngine({ directory: join(directory, 'engine'), memoryBytesMax: 1_000_000_000, clock: systemClock, logger: createLogger('error', () => {}, () => 0) })
  const client = createClient({ url: engine.url, username: 'millrace', password: engine.password, database: 'millrace' })
  const collector = new CollectorProcess(data, [
    '--olap-url', `${engine.url.replace('http://', `http://millrace:${engine.password}@`)}/millrace`, '--partitions', '1', '--object-delay-ms', '50', '--load-delay-ms', '50',
  ])
  const generations = async (): Promise<readonly string[]> => {
    const result = await client.query({ query: "SELECT name FROM system.tables WHERE database = 'millrace' AND name LIKE 'event_g%' ORDER BY name", format: 'JSONEachRow' })
    return (await result.json<{ readonly name: string }>()).map(({ name }) => name)
  }
  const rebuild = async (): Promise<unknown> => (await connectControl(data))?.call('rebuildOlap', {})
  try {
    collector.environment = { MILLRACE_FAIL_POINTS: 'rebuild.fill=outcome-unknown@1,rebuild.fill=outcome-unknown@2', MILLRACE_FAIL_POINTS_JOURNAL: journal }
    await collector.start()
    const batch = ['ada', 'eva'].map((userId) => ({ type: 'track', event: 'Order Completed', messageId: `of-${userId}`, userId }))
    const sent = await fetch(`${collector.url}/v1/batch`, { method: 'POST', body: JSON.stringify({ batch }), headers: { 'x-write-key': testKeys.writeKey } })
    expect(sent.status).toBe(200)
    await untilAtRest(() => collector.url, testKeys.secretKey, { accepted: 2, withinMs: 60_000 })
    await expect(rebuild()).rejects.toThrow(/fail-point rebuild.fill/)
    expect(await generations()).toEqual(['event_g1', 'event_g2'])
    const { body } = await readJson(collector.url, '/v1/profiles?externalId=ada', testKeys.secretKey)
    const id = String(Reflect.get(Object(Reflect.get(Object(body), 'profile')), 'id'))
    const erased = await fetch(`${collector.url}/v1/profiles/${id}`, { method: 'DELETE', headers: { authorization: `Bearer ${testKeys.secretKey}` } })
    expect(await erased.json()).toMatchObject({ tiers: { olap: { rows: 1 } } })
    expect(await generations()).toEqual(['event_g1'])
    await expect(rebuild()).rejects.toThrow(/fail-point rebuild.fill/)
    expect(await generations()).toEqual(['event_g1', 'event_g3'])
    expect(await rebuild()).toMatchObject({ generation: 4, rows: 1 })
    expect(await generations()).toEqual(['event_g4'])
  } finally {
    await collector.stop()
    await client.close()
    await engine.stop()
    rmSync(directory, { recursive: true })
  }
}, 120_000)
