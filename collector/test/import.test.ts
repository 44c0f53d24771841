import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { madeOrders } from '../../bench/import/made-orders.ts'
import { connectControl } from '../src/control-client.ts'
import { CollectorProcess, testKeys } from './collector-process.ts'
import { readJson, readStatus, untilAtRest } from './read-side.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-import-'))
const data = join(directory, 'data')
const collector = new CollectorProcess(data, ['--object-delay-ms', '100', '--load-delay-ms', '100'])
const program = fileURLToPath(new URL('../src/main.ts', import.meta.url))
let stored = 0

beforeAll(() => collector.start(), 60_000)

afterAll(async () => {
  await collector.stop()
  rmSync(directory, { recursive: true })
}, 60_000)

interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<{ readonly code: number | null; readonly printed: string }>
}

function start(flags: readonly string[], input?: Uint8Array): Running {
  const child = spawn(process.execPath, [program, 'import', ...flags, '--data', data], { stdio: ['pipe', 'pipe', 'pipe'], cwd: directory })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      printed += text
    })
  }
  child.stdin?.on('error', () => undefined)
  child.stdin?.end(input)
  return { child, ended: once(child, 'close').then(([code]) => ({ code: typeof code === 'number' ? code : null, printed })) }
}

/** Entries of unfinished imports that are done. */
function entriesDone(): number {
  const folder = join(data, 'imports')
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : []
  return files.reduce((sum, name) => sum + Number(/"entries":(\d+)/.exec(readFileSync(join(folder, name), 'utf8'))?.[1] ?? 0), 0)
}

async function untilBeyond(entries: number, { child }: Running): Promise<number> {
  while (entriesDone() <= entries) {
    if (child.exitCode !== null) throw new Error('the import ended before it could be killed')
    await sleep(2)
  }
  return entriesDone()
}

async function rest(): Promise<void> {
  const status = await untilAtRest(() => collector.url, testKeys.secretKey, { accepted: stored, withinMs: 60_000 })
  expect(status.agree).toBe(true)
  expect(status.totals).toMatchObject({ stored, archived: stored, loaded: stored })
}

async function sql(text: string): Promise<string> {
  const control = await connectControl(data)
  return String(await control?.call('sql', { sql: text, format: 'TSV' })).trim()
}

function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name)
  writeFileSync(path, content)
  return path
}

describe('millrace import', () => {
  it('brings every order once, through kill -9 of itself and of the collector, and a second time nothing', async () => {
    const made = { events: 0 }
    const orders = [...madeOrders({ lines: 100_000, customers: 3_000, seed: 7, perLine: false }, made)].join('')
    const path = file('orders.csv.gz', gzipSync(orders))
    const first = start([path])
    const before = await untilBeyond(0, first)
    first.child.kill('SIGKILL')
    await first.ended
    const second = start([path])
    await untilBeyond(before, second)
    await collector.kill('collector')
    await collector.start()
    const { code, printed } = await second.ended
    expect(printed).toContain('going on behind the first')
    expect(code).toBe(0)
    stored += made.events
    await rest()
    expect(await sql('select count(), uniqExact(message_id), uniqExact(order_id) from events')).toBe(`${made.events}\t${made.events}\t${made.events}`)
    expect(await sql("select sum(length(JSONExtractArrayRaw(properties, 'products'))) from events")).toBe('100000')
    expect(readdirSync(join(data, 'imports'))).toEqual([])
    const { accepted } = (await readStatus(collector.url, testKeys.secretKey)).totals
    // Another name and another compression: the orders are the same.
    const again = await start([file('orders-again.csv', orders)]).ended
    expect(again.printed).toContain(`0 events imported, ${made.events.toLocaleString('en')} were there already, 0 lines rejected`)
    expect((await readStatus(collector.url, testKeys.secretKey)).totals).toMatchObject({ accepted, stored })
  }, 120_000)

  it('writes down each line it could not take, and takes the others', async () => {
    const path = file('mixed.csv', 'order_id,created_at,email,total\nx1,2026-01-31,a@example.com,5\nx2,soon,b@example.com,5\nx3,2026-01-31,"c@example.com,5\nx4,2026-01-31,d@example.com,5\nx5,1970-01-01,e@example.com,5\n')
    const { code, printed } = await start([path]).ended
    expect(code).toBe(1)
    expect(printed).toContain('2 events imported, 0 were there already, 3 lines rejected')
    expect(readFileSync(`${path}.rejected.csv`, 'utf8').split('\n').slice(0, 4)).toEqual([
      'line,field,rule,value', '3,created_at,bad_time,soon', '4,,broken_quote,"x3,2026-01-31,""c@example.com,5"', '6,,timestamp_out_of_range,',
    ])
    stored += 2
    await rest()
  }, 60_000)

  it('rehearses without sending anything', async () => {
    const path = file('people.csv', 'email,first_name,phone\nada@example.com,Ada,+4930123456\nnobody,Bo,\n')
    const { code, printed } = await start([path, '--dry-run', '--map', 'property.vorname=first_name']).ended
    expect(code).toBe(1)
    expect(printed).toMatch(/customers .*\n[\s\S]*first_name +property\.vorname +text +Ada/)
    expect(printed).toMatch(/events +1,[\s\S]*identifiers +email 1, phone 1[\s\S]*rejected +1 \(missing_identifier 1\)\n +line 3,,missing_identifier,/)
    await rest()
  }, 60_000)

  it('takes standard input, and marks history as no client can', async () => {
    const call = { type: 'track', event: 'Viewed', userId: 'mark', messageId: 'h1', timestamp: '2024-01-01T00:00:00Z' }
    const { code } = await start(['-'], Buffer.from(JSON.stringify(call))).ended
    expect(code).toBe(0)
    await fetch(`${collector.url}/v1/track`, {
      method: 'POST', body: JSON.stringify({ ...call, messageId: 'h2', flags: ['imported'], imported: true, context: { import: true } }),
      headers: { authorization: `Basic ${Buffer.from(`${testKeys.writeKey}:`).toString('base64')}` },
    })
    stored += 2
    await rest()
    const flags = new Map<string, unknown>()
    for (let after = ''; ;) {
      const { body } = await readJson(collector.url, `/v1/events?limit=1000&after=${after}`, testKeys.secretKey)
      const events: unknown = Reflect.get(Object(body), 'events')
      if (!Array.isArray(events) || events.length === 0) break
      for (const event of events) flags.set(String(Reflect.get(Object(event), 'messageId')), Reflect.get(Object(event), 'flags'))
      after = String(Reflect.get(Object(body), 'next'))
    }
    expect(flags.get('h1')).toEqual(['imported'])
    expect(flags.get('h2')).toEqual([])
  }, 60_000)

  it.each([
    ['dates with two readings', { content: 'order_id,created_at,email,total\n1,01/02/2026,a@example.com,5\n', flags: [], message: '--date-format' }],
    ['an unknown workspace', { content: 'email\na@example.com\n', flags: ['--workspace', 'nowhere'], message: 'there is no workspace "nowhere"' }],
    ['a mapping of what is not there', { content: 'email\na@example.com\n', flags: ['--map', 'userId=nr'], message: 'has no column "nr"' }],
  ])('%s: says so and sends nothing', async (name, { content, flags, message }) => {
    const { code, printed } = await start([file(`${name}.csv`, content), ...flags]).ended
    expect(code).toBe(1)
    expect(printed).toContain(message)
    await rest()
  }, 60_000)

  it('opens the data itself where no collector runs', async () => {
    await collector.stop()
    const { code, printed } = await start([file('alone.csv', 'email,city\nalone@example.com,Ulm\n')]).ended
    expect(printed).toContain('1 events imported')
    expect(code).toBe(0)
    stored += 1
    await collector.start()
    await rest()
    expect((await readJson(collector.url, '/v1/profiles?email=alone%40example.com', testKeys.secretKey)).body).toMatchObject({ profile: { properties: { city: 'Ulm' } } })
  }, 60_000)
})
