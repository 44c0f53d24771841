import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { createClient } from '@clickhouse/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { olapContract } from '../../../../test/contracts/olap-contract.ts'
import { systemClock } from '../../../platform/clock.ts'
import { type Engine, startEngine } from '../engine/start-engine.ts'
import { openClickHouse } from './clickhouse-olap.ts'

const logger = { error: (): void => {}, warn: (): void => {}, info: (): void => {}, debug: (): void => {} }

interface Running {
  readonly engine: Engine
  stop(): Promise<void>
}

async function run(): Promise<Running> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-olap-'))
  const engine = await startEngine({ directory, memoryBytesMax: 1_073_741_824, clock: systemClock, logger })
  return {
    engine,
    stop: async () => {
      await engine.stop()
      rmSync(directory, { recursive: true })
    },
  }
}

olapContract('ClickHouse, embedded', async () => {
  const { engine, stop } = await run()
  const olap = openClickHouse({ url: engine.url, username: 'millrace', password: engine.password, database: 'millrace', tlsCaFile: null, queryTimeoutMs: 20_000 })
  return {
    olap,
    cleanup: async () => {
      await olap.close()
      await stop()
    },
  }
})

describe('the embedded engine behind the official client', () => {
  let running: Running

  beforeAll(async () => {
    running = await run()
  })

  afterAll(() => running.stop())

  function client(part: Partial<Parameters<typeof createClient>[0]> = {}): ReturnType<typeof createClient> {
    return createClient({ url: running.engine.url, username: 'any', password: running.engine.password, ...part })
  }

  it('answers ping, query, command, insert and formats', async () => {
    const one = client()
    expect(await one.ping()).toEqual({ success: true })
    await one.command({ query: 'CREATE DATABASE shop ENGINE = Atomic' })
    await one.command({ query: 'CREATE TABLE shop.t (a UInt32, b String) ENGINE = MergeTree ORDER BY a' })
    await one.insert({ table: 'shop.t', values: [{ a: 1, b: 'x' }, { a: 2, b: "it's" }], format: 'JSONEachRow' })
    const result = await one.query({ query: 'SELECT * FROM shop.t ORDER BY a', format: 'JSONEachRow' })
    expect(await result.json()).toEqual([{ a: 1, b: 'x' }, { a: 2, b: "it's" }])
    expect(await (await one.query({ query: 'SELECT 1 AS x', format: 'JSON' })).json()).toMatchObject({ data: [{ x: 1 }], rows: 1 })
    await one.close()
  })

  it('takes compressed bodies and a default database', async () => {
    const one = client({ compression: { request: true, response: true }, database: 'shop' })
    await one.insert({ table: 't', values: [{ a: 3, b: 'z' }], format: 'JSONEachRow' })
    expect(await (await one.query({ query: 'SELECT b FROM t WHERE a = 3', format: 'CSV' })).text()).toBe('"z"\n')
    await one.close()
  })

  it('keeps settings and parameters of a request to itself', async () => {
    const one = client()
    const limited = one.query({ query: 'SELECT number FROM numbers(10)', format: 'CSV', clickhouse_settings: { max_result_rows: '2', result_overflow_mode: 'throw' } })
    await expect(limited.then((result) => result.text())).rejects.toMatchObject({ code: '396' })
    expect(await (await one.query({ query: 'SELECT count() FROM numbers(10)', format: 'CSV' })).text()).toBe('10\n')
    await one.close()
  })

  it('refuses a wrong password', async () => {
    const one = client({ password: 'wrong' })
    await expect(one.query({ query: 'SELECT 1' })).rejects.toMatchObject({ code: '516' })
    await one.close()
  })

  it('keeps reads apart from a slow one, and cancels what takes too long', async () => {
    const one = client()
    const slow = one.query({ query: 'SELECT sleepEachRow(0.1) FROM numbers(300) SETTINGS max_block_size = 1', format: 'CSV', clickhouse_settings: { max_execution_time: 1 } })
      .then((result) => result.text())
    const [quick] = await Promise.all([one.query({ query: 'SELECT 1', format: 'CSV' }).then((result) => result.text()), expect(slow).rejects.toMatchObject({ code: '159' })])
    expect(quick).toBe('1\n')
    await one.close()
  })

  it('takes the token of an INSERT that brings its own SETTINGS', async () => {
    const one = client()
    await one.command({ query: 'CREATE DATABASE IF NOT EXISTS shop ENGINE = Atomic' })
    await one.command({ query: 'CREATE TABLE shop.once (a UInt32) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 10' })
    for (let repeat = 0; repeat < 2; repeat += 1) {
      const { stream } = await one.exec({
        query: "INSERT INTO shop.once SETTINGS insert_deduplication_token = 'x', async_insert = 0 FORMAT JSONEachRow",
        values: Readable.from(['{"a":1}\n'], { objectMode: false }),
      })
      stream.resume()
      await finished(stream)
    }
    expect(await (await one.query({ query: 'SELECT count() FROM shop.once', format: 'CSV' })).text()).toBe('1\n')
    await one.close()
  })

  it('refuses a second statement and files, as a server does', async () => {
    const one = client()
    await expect(one.command({ query: 'SELECT 1; DROP DATABASE shop' })).rejects.toMatchObject({ code: '62' })
    await expect(one.command({ query: "SELECT 1 INTO OUTFILE '/nowhere'" })).rejects.toMatchObject({ code: '358' })
    await one.close()
  })

  it('answers again with its data after a kill, at the same address, and a repeated load stays one', async () => {
    const { engine } = running
    const olap = openClickHouse({ url: engine.url, username: 'millrace', password: engine.password, database: 'millrace', tlsCaFile: null, queryTimeoutMs: 20_000 })
    await olap.prepare()
    await olap.createGeneration(1)
    await olap.useGeneration(1)
    const row = '{"workspace":1,"metric":"M","type":"track","identifier_key":"00000000-0000-8000-8000-000000000001",' +
      '"profile_id":"00000000-0000-8000-8000-000000000001","time":"2026-01-01 00:00:00.000","message_id":"kept"}\n'
    const load = { generation: 1, token: 'load', rows: Buffer.from(row), rowCount: 1 }
    await olap.insert(load)
    await olap.putOverrides([{ workspace: 1, identifierKey: '00000000-0000-8000-8000-000000000001', profileId: '00000000-0000-8000-8000-000000000002', version: 1 }])
    const before = engine.pid()
    if (before === undefined) throw new Error('the engine does not run')
    process.kill(before, 'SIGKILL')
    expect(await olap.query({ sql: 'select message_id from events', format: 'TSV' })).toBe('kept\n')
    await olap.insert(load)
    expect(await olap.query({ sql: 'select message_id, profile_id from events', format: 'TSV' })).toBe('kept\t00000000-0000-8000-8000-000000000002\n')
    expect(engine.pid()).not.toBe(before)
    await olap.close()
  })

  it('sends no rows again that may have arrived: a next start may have forgotten their token', async () => {
    let inserts = 0
    const server = createServer((request) => {
      inserts += 1
      request.resume().on('end', () => request.socket.destroy())
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const olap = openClickHouse({ url: `http://127.0.0.1:${port}`, username: 'millrace', password: '', database: 'millrace', tlsCaFile: null, queryTimeoutMs: 20_000 })
    await expect(olap.insert({ generation: 1, token: 'load', rows: Buffer.from('{}\n'), rowCount: 1 })).rejects.toMatchObject({ code: 'unavailable', retryable: true })
    expect(inserts).toBe(1)
    await olap.close()
    server.close()
  })
})
