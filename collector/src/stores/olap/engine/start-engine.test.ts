import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@clickhouse/client'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../../platform/clock.ts'
import { startEngine } from './start-engine.ts'

const logger = { error: (): void => {}, warn: (): void => {}, info: (): void => {}, debug: (): void => {} }

describe('startEngine', () => {
  let directory: string

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-engine-'))
  })

  afterEach(() => rmSync(directory, { recursive: true, force: true }))

  it('starts on the directory of a collector that was killed in the middle of a query', { timeout: 60_000 }, async () => {
    const parent = fork(new URL('../../../../test/leave-engine-behind.ts', import.meta.url), [directory], { execArgv: [] })
    await once(parent, 'message')
    parent.kill('SIGKILL')
    await once(parent, 'exit')
    // The engine holds its directory for one process, so a start is the proof that the old one is gone.
    const engine = await startEngine({ directory, memoryBytesMax: 536_870_912, clock: systemClock, logger })
    const client = createClient({ url: engine.url, username: 'any', password: engine.password })
    expect(await (await client.query({ query: 'SELECT 1', format: 'CSV' })).text()).toBe('1\n')
    await client.close()
    await engine.stop()
  })

  it('asks for the password before it reads a body, and for none to be alive', async () => {
    const engine = await startEngine({ directory, memoryBytesMax: 536_870_912, clock: systemClock, logger })
    expect(await (await fetch(`${engine.url}/ping`)).text()).toBe('Ok.\n')
    for (const authorization of [undefined, `Basic ${btoa('any:wrong')}`]) {
      const answer = await fetch(engine.url, { method: 'POST', body: 'SELECT 1', ...(authorization === undefined ? {} : { headers: { authorization } }) })
      expect([answer.status, answer.headers.get('x-clickhouse-exception-code')]).toEqual([403, '516'])
    }
    const headers = { authorization: `Basic ${btoa(`any:${engine.password}`)}` }
    expect(await (await fetch(`${engine.url}/?query=SELECT%201`, { headers })).text()).toBe('1\n')
    const write = await fetch(`${engine.url}/?query=CREATE%20DATABASE%20x`, { headers })
    expect([write.ok, write.headers.get('x-clickhouse-exception-code')]).toEqual([false, '164'])
    await engine.stop()
    await expect(fetch(`${engine.url}/ping`)).rejects.toThrow()
  })

  it('takes a statement as long as its request allows, and no longer one by itself', async () => {
    const engine = await startEngine({ directory, memoryBytesMax: 536_870_912, clock: systemClock, logger })
    const client = createClient({ url: engine.url, username: 'any', password: engine.password })
    const query = `SELECT length(['${"a\\'".repeat(100_000)}'])`
    const ask = async (bytesMax: string | null): Promise<string> =>
      (await client.query({ query, format: 'CSV', clickhouse_settings: { readonly: '1', ...(bytesMax === null ? {} : { max_query_size: bytesMax }) } })).text()
    await expect(ask(null)).rejects.toThrow(/max query size/i)
    expect(await ask('1000000')).toBe('1\n')
    await client.close()
    await engine.stop()
  })
})
