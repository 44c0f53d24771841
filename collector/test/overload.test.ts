import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { connectControl } from '../src/control-client.ts'
import { CollectorProcess, testKeys } from './collector-process.ts'
import { untilAtRest } from './read-side.ts'

const data = mkdtempSync(join(tmpdir(), 'millrace-overload-'))
const collector = new CollectorProcess(data, ['--in-flight-bytes-max', '1048576', '--object-delay-ms', '50', '--load-delay-ms', '50'])
beforeAll(() => collector.start(), 60_000)
afterAll(async () => {
  await collector.stop()
  rmSync(data, { recursive: true })
}, 60_000)

interface Sent {
  readonly status: number
  readonly retryAfter: number
}

async function send(key: string, prefix: string, events: number): Promise<Sent> {
  const batch = Array.from({ length: events }, (_, index) => ({ type: 'track', event: 'x', userId: `u${index}`, messageId: `${prefix}-${index}`, properties: { text: 'x'.repeat(2_000) } }))
  const response = await fetch(`${collector.url}/v1/batch`, { method: 'POST', headers: { 'x-write-key': key }, body: JSON.stringify({ batch }) })
  await response.arrayBuffer()
  return { status: response.status, retryAfter: Number(response.headers.get('retry-after') ?? 0) }
}

it('a flood of one key is refused with a time to come back, another key is not, and what was answered ok is kept', async () => {
  const control = await connectControl(data)
  const created: unknown = await control?.call('createKeys', { workspace: 'quiet' })
  const quietKey = String(Reflect.get(Object(created), 'writeKey'))
  const quiet: Sent[] = []
  const flood = Promise.all(Array.from({ length: 200 }, (_, index) => send(testKeys.writeKey, `flood-${index}`, 100)))
  let flooding = true
  const beside = (async () => {
    for (let index = 0; flooding; index += 1) quiet.push(await send(quietKey, `quiet-${index}`, 1))
  })()
  const answers = await flood
  flooding = false
  await beside
  const taken = answers.filter(({ status }) => status === 200).length
  const refused = answers.filter(({ status }) => status === 429 || status === 503)
  expect(taken + refused.length).toBe(200)
  expect([taken > 0, refused.length > 0]).toEqual([true, true])
  for (const { retryAfter } of refused) expect(retryAfter).toBeGreaterThan(0)
  expect(quiet.filter(({ status }) => status !== 200)).toEqual([])
  expect((await send(testKeys.writeKey, 'afterwards', 100)).status).toBe(200)
  const status = await untilAtRest(() => collector.url, testKeys.secretKey, { accepted: (taken + 1) * 100 + quiet.length, withinMs: 60_000 })
  expect([status.agree, status.totals.stored]).toEqual([true, (taken + 1) * 100 + quiet.length])
  const metrics = await (await fetch(`${collector.url}/metrics`)).text()
  expect(metrics).toMatch(/millrace_edge_refused_total\{reason="[a-z_]+"\} \d+/)
  expect(metrics).toMatch(/^millrace_edge_in_flight_bytes 0$/m)
}, 120_000)
