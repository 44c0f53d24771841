import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../src/platform/clock.ts'
import { createLogger } from '../src/platform/logger.ts'
import { openClickHouse } from '../src/stores/olap/clickhouse/clickhouse-olap.ts'
import { startEngine } from '../src/stores/olap/engine/start-engine.ts'

test('many processes that prepare one ClickHouse at the same moment find it fit, and leave nothing in it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-prepare-'))
  const engine = await startEngine({ directory, memoryBytesMax: 1_000_000_000, clock: systemClock, logger: createLogger('error', () => {}, () => 0) })
  const stores = Array.from({ length: 6 }, () => openClickHouse({ url: engine.url, username: 'millrace', password: engine.password, database: 'millrace', tlsCaFile: null, queryTimeoutMs: 10_000 }))
  try {
    await Promise.all(stores.map((olap) => olap.prepare()))
    expect(await stores[0]?.query({ sql: "select count() from system.tables where startsWith(name, 'dedup_probe')", format: 'TSV' })).toBe('0\n')
  } finally {
    for (const olap of stores) await olap.close()
    await engine.stop()
    rmSync(directory, { recursive: true })
  }
})
