import { createClient } from '@clickhouse/client'
import { systemClock } from '../src/platform/clock.ts'
import { startEngine } from '../src/stores/olap/engine/start-engine.ts'

/** Starts an engine, gives it a long query, tells its parent when it runs, and waits to be killed. */
const logger = { error: (): void => {}, warn: (): void => {}, info: (): void => {}, debug: (): void => {} }
const engine = await startEngine({ directory: process.argv[2] ?? '', memoryBytesMax: 536_870_912, clock: systemClock, logger })
const client = createClient({ url: engine.url, username: 'any', password: engine.password })
const long = client.query({ query: "SELECT count() FROM numbers(100000000000000) WHERE sipHash64(number) % 7 = 8 SETTINGS max_threads = 1", query_id: 'long' })
for (;;) {
  const result = await client.query({ query: "SELECT count() FROM system.processes WHERE query LIKE 'SELECT count() FROM numbers%'", format: 'CSV' })
  if ((await result.text()).trim() === '1') break
  await systemClock.sleep(20)
}
process.send?.('running')
await long
