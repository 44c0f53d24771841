import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { CollectorProcess, testKeys } from '../../collector/test/collector-process.ts'

const data = mkdtempSync(join(tmpdir(), 'millrace-examples-'))
const collector = new CollectorProcess(data)

beforeAll(() => collector.start())

afterAll(async () => {
  await collector.stop()
  rmSync(data, { recursive: true })
})

/** What an example prints, run as its reader runs it; fails if it fails. */
async function run(name: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(new URL(name, import.meta.url))], {
    env: { ...process.env, MILLRACE_URL: collector.url, MILLRACE_WRITE_KEY: testKeys.writeKey, MILLRACE_SECRET_KEY: testKeys.secretKey },
  })
  return stdout
}

/** The read side's answer; undefined while there is none. */
async function read(path: string): Promise<unknown> {
  const response = await fetch(`${collector.url}${path}`, { headers: { authorization: `Bearer ${testKeys.secretKey}` } })
  return response.ok ? response.json() : undefined
}

it('first-event is stored', async () => {
  const messageId = /^sent (\S+)$/m.exec(await run('first-event.ts'))?.[1] ?? ''
  await expect.poll(() => read(`/v1/receipts/${messageId}`), { timeout: 20_000 }).toMatchObject({ messageId })
  expect(await read('/v1/profiles?externalId=customer-1')).toMatchObject({ profile: { metrics: { 'Order Completed': { count: 1 } } } })
})

it('checkout-merge ends with one profile of three ids', async () => {
  expect(JSON.parse(await run('checkout-merge.ts'))).toMatchObject({
    profile: { identifiers: { externalId: ['customer-7'], anonymousId: ['browser-7'] }, metrics: { 'Order Completed': { count: 1 } } },
  })
  // The visitor's earlier events may lie in another partition and be decided a moment later.
  await expect.poll(() => read('/v1/profiles?email=ada@example.com'), { timeout: 20_000 }).toMatchObject({
    profile: {
      identifiers: { externalId: ['customer-7'], email: ['ada@example.com'], anonymousId: ['browser-7'] },
      metrics: { 'Product Viewed': { count: 1 }, 'Checkout Started': { count: 1 }, 'Order Completed': { count: 1 } },
    },
  })
})
