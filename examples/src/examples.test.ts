import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
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

function environment(): NodeJS.ProcessEnv {
  return {
    ...process.env, MILLRACE_URL: collector.url, MILLRACE_WRITE_KEY: testKeys.writeKey, MILLRACE_SECRET_KEY: testKeys.secretKey,
    MILLRACE_QUEUE: join(data, 'queue'), PORT: '0',
  }
}

/** What an example prints, run as its reader runs it; fails if it fails. */
async function run(name: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(new URL(name, import.meta.url))], { env: environment() })
  return stdout
}

/** Starts an example that serves, sends it one order as a visitor's browser does, and stops it. Answers its exit code. */
async function order(name: string, cookie: string): Promise<number | null> {
  const shop = spawn(process.execPath, [fileURLToPath(new URL(name, import.meta.url))], { env: environment(), stdio: ['ignore', 'pipe', 'inherit'] })
  const [printed]: readonly unknown[] = await once(shop.stdout, 'data')
  const url = /http\S+/.exec(String(printed))?.[0] ?? ''
  const { status } = await fetch(`${url}/orders`, { method: 'POST', headers: { cookie, connection: 'close' } })
  expect(status).toBe(201)
  shop.kill('SIGTERM')
  await once(shop, 'exit')
  return shop.exitCode
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

it.each([['express-shop.ts', 'customer-3'], ['hono-shop.ts', 'customer-4']])('%s tells who ordered, and from which browser', async (name, customer) => {
  expect(await order(name, `millrace=browser-of-${customer}`)).toBe(0)
  await expect.poll(() => read(`/v1/profiles?anonymousId=browser-of-${customer}`), { timeout: 20_000 }).toMatchObject({
    profile: { identifiers: { externalId: [customer] }, metrics: { 'Order Completed': { count: 1 } } },
  })
})

it('typed-events, import-history and durable-queue deliver everything', async () => {
  expect(await Promise.all(['typed-events.ts', 'import-history.ts', 'durable-queue.ts'].map(run))).toEqual([
    'left: 0\n', 'left: 0, delivered: 5000\n', 'left: 1\nrecovered: 1, delivered: 1\n',
  ])
})
