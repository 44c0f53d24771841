import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openClickHouse } from '../src/stores/olap/clickhouse/clickhouse-olap.ts'
import { startEngine } from '../src/stores/olap/engine/start-engine.ts'
import { createLogger } from '../src/platform/logger.ts'
import { systemClock } from '../src/platform/clock.ts'
import { insertAround } from '../src/pump/insert-around.ts'

/** The engine itself refuses what is in a row. */
test('what ClickHouse refuses of a row is told from an engine that cannot take any, and gone around', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-refused-'))
  const engine = await startEngine({ directory, memoryBytesMax: 1_000_000_000, clock: systemClock, logger: createLogger('error', () => {}, () => 0) })
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
    await engine.stop()
    rmSync(directory, { recursive: true })
  }
})
