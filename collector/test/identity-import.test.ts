import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectControl } from '../src/control-client.ts'
import { CollectorProcess, testKeys } from './collector-process.ts'
import { historyOf, liveCustomers } from './history-under-live.ts'
import { readJson, untilAtRest } from './read-side.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-identity-import-'))
const data = join(directory, 'data')
const collector = new CollectorProcess(data, ['--object-delay-ms', '50', '--load-delay-ms', '50'])
const program = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const customers = liveCustomers(400)
let accepted = 0

async function send(batch: readonly unknown[]): Promise<void> {
  const response = await fetch(`${collector.url}/v1/batch`, {
    method: 'POST', body: JSON.stringify({ batch }), headers: { authorization: `Basic ${Buffer.from(`${testKeys.writeKey}:`).toString('base64')}` },
  })
  expect(response.status).toBe(200)
  accepted += batch.length
}

async function rest(): Promise<void> {
  expect((await untilAtRest(() => collector.url, testKeys.secretKey, { accepted, withinMs: 60_000 })).agree).toBe(true)
}

async function idOf(path: string): Promise<string> {
  const { status, body } = await readJson(collector.url, `/v1/profiles${path}`, testKeys.secretKey)
  expect(status, path).toBe(200)
  return String(Reflect.get(Object(Reflect.get(Object(body), 'profile')), 'id'))
}

async function sql(text: string): Promise<string> {
  const control = await connectControl(data)
  return String(await control?.call('sql', { sql: text, format: 'TSV' })).trim()
}

describe('who is who while history comes in under people who are there', () => {
  const before = new Map<number, string>()

  beforeAll(async () => {
    await collector.start()
    await send(customers.map(({ event }) => event))
    await rest()
    for (const { number, query } of customers) before.set(number, await idOf(`?${query}`))
  }, 120_000)

  afterAll(async () => {
    await collector.stop()
    rmSync(directory, { recursive: true })
  }, 60_000)

  it('renames nobody who neither merges nor splits, and keeps every id of those who do', async () => {
    expect(new Set(before.values()).size).toBe(customers.length)
    const { csv, orders } = historyOf(customers.length, 3)
    const path = join(directory, 'orders.csv')
    writeFileSync(path, csv)
    const child = spawn(process.execPath, [program, 'import', path, '--data', data], { stdio: ['ignore', 'ignore', 'inherit'] })
    expect(await once(child, 'exit')).toEqual([0, null])
    accepted += orders
    await rest()
    for (const { number, query, fortune } of customers) {
      const old = before.get(number) ?? ''
      const now = await idOf(`?${query}`)
      // The old id always leads to where the person is now.
      expect(await idOf(`/${old}`), query).toBe(now)
      if (fortune !== 'is merged') expect(now, query).toBe(old)
      if (number % 40 === 3) expect(now).toBe(await idOf(`/${before.get(number - 1)}`))
      if (fortune === 'is parted') expect(await idOf(`?anonymousId=visitor-${number}`)).not.toBe(now)
    }
    const merged = customers.filter(({ fortune }) => fortune === 'is merged')
    expect(new Set(await Promise.all(merged.map(({ query }) => idOf(`?${query}`)))).size).toBe(merged.length / 2)
  }, 120_000)

  it('gives the same answers in ClickHouse before a rebuild of it and of the profiles and after', async () => {
    const answers = (): Promise<string> => sql('select message_id, profile_id from events order by message_id')
    const live = await answers()
    const control = await connectControl(data)
    expect(await control?.call('rebuildProfiles', {})).toMatchObject({ moved: 0 })
    expect(await answers()).toBe(live)
    await control?.call('rebuildOlap', {})
    expect(await answers()).toBe(live)
    const profileOf = new Map(live.split('\n').map((line) => line.split('\t')).map(([messageId = '', id = '']) => [messageId, id]))
    for (const { number, query } of customers) if (number % 4 > 1) expect(profileOf.get(`live-${number}`)).toBe(await idOf(`?${query}`))
  }, 120_000)

  it('shows a merge in the profile as soon as it is decided, and in ClickHouse without a rebuild', async () => {
    const [one, other] = customers.filter(({ number }) => number % 40 === 6 || number % 40 === 7)
    await send([{ type: 'track', event: 'Order Completed', messageId: 'merges', timestamp: '2026-07-01T00:00:00.000Z', context: { traits: {
      ...Object(Reflect.get(Object(one?.event['context']), 'traits')), ...Object(Reflect.get(Object(other?.event['context']), 'traits')),
    } } }])
    while ((await readJson(collector.url, '/v1/receipts/merges', testKeys.secretKey)).status !== 200) await sleep(5)
    const id = await idOf(`?${one?.query}`)
    expect(await idOf(`?${other?.query}`)).toBe(id)
    const people = `select uniqExact(profile_id) from events where message_id in ('live-${one?.number}', 'live-${other?.number}')`
    while (await sql(people) !== '1') await sleep(20)
    expect(await sql(`select any(profile_id) from events where message_id = 'live-${other?.number}'`)).toBe(id)
  }, 60_000)
})
