import { afterEach, beforeEach, expect, it } from 'vitest'
import { Sink } from '../test/sink.ts'
import { Millrace } from './millrace.ts'
import { waitUntilFlushed } from './wait-until-flushed.ts'

const order = { userId: 'u', event: 'Order Completed' }
const vercel = Symbol.for('@vercel/request-context')
let sink: Sink
let client: Millrace
let waits: Promise<unknown>[]
const waitUntil = (promise: Promise<unknown>): void => void waits.push(promise)

beforeEach(async () => {
  sink = await Sink.start()
  client = new Millrace({ writeKey: 'wk', host: sink.host, flushInterval: 3_600_000 })
  waits = []
})

afterEach(async () => {
  Reflect.deleteProperty(globalThis, vercel)
  await client.close({ timeoutMs: 0 })
  await sink.stop()
})

it.each([
  ['a function', (one: Millrace) => waitUntilFlushed(one, waitUntil)],
  ['a context, with its own this', (one: Millrace) => waitUntilFlushed(one, new class { waitUntil = waitUntil }())],
  ['what Vercel keeps', (one: Millrace) => {
    Reflect.set(globalThis, vercel, { get: () => ({ waitUntil }) })
    return waitUntilFlushed(one)
  }],
])('hands the platform the promise: %s', async (_, flush) => {
  for (let index = 0; index < 20; index += 1) client.track(order)
  await Promise.all([flush(client), ...waits])
  expect(waits).toHaveLength(1)
  expect(sink.requests.map(({ ids }) => ids.length)).toEqual([20])
})

it('answers the promise where no platform is', async () => {
  client.track(order)
  await waitUntilFlushed(client)
  expect(sink.ids).toHaveLength(1)
})

it('as an option asks once for all events of a burst, and again for the next', async () => {
  const other = new Millrace({ writeKey: 'wk', host: sink.host, flushInterval: 1, waitUntil })
  for (let index = 0; index < 20; index += 1) other.track(order)
  expect(waits).toHaveLength(1)
  await Promise.all(waits)
  expect(sink.ids).toHaveLength(20)
  other.track(order)
  expect(waits).toHaveLength(2)
  await Promise.all(waits)
  expect(sink.ids).toHaveLength(21)
  await other.close()
})

it('goes on where the option throws', async () => {
  const other = new Millrace({ writeKey: 'wk', host: sink.host, flushInterval: 1, waitUntil: () => { throw new Error('no context') } })
  expect(other.track(order)).toMatchObject({ ok: true })
  await other.close()
  expect(sink.ids).toHaveLength(1)
})
