import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Sink } from '../test/sink.ts'
import type { QueuedEvent } from './encode-event.ts'
import { EventQueue } from './event-queue.ts'
import { Millrace } from './millrace.ts'
import type { DroppedEvent, MillraceOptions } from './options.ts'

/** What other SDKs were seen to do wrong, one test for each; those about the end of a process are in process-end.test.ts. */

let sink: Sink
const clients: Millrace[] = []

beforeEach(async () => {
  sink = await Sink.start()
})

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close({ timeoutMs: 0 })))
  await sink.stop()
})

function connect(part: Partial<MillraceOptions> = {}): Millrace {
  const client = new Millrace({ writeKey: 'wk', host: sink.host, ...part })
  clients.push(client)
  return client
}

function order(id: string): Parameters<Millrace['track']>[0] {
  return { userId: 'u', event: 'Order Completed', messageId: id }
}

it('an event over the bound is refused alone, counted in bytes, and its neighbours arrive', async () => {
  const client = connect()
  client.track(order('before'))
  expect(client.track({ ...order('large'), properties: { text: 'x'.repeat(600_000) } })).toMatchObject({ ok: false, reason: 'too_large' })
  // Few characters, many bytes.
  expect(client.track({ ...order('wide'), properties: { text: '漢'.repeat(11_000) } })).toMatchObject({ ok: false, reason: 'too_large' })
  expect(client.track({ ...order('fits'), properties: { text: '漢'.repeat(10_000) } })).toMatchObject({ ok: true })
  client.track(order('after'))
  await client.flush()
  expect(sink.ids).toEqual(['before', 'fits', 'after'])
})

it('close drains at once though a batch is under way, and waits for no timer', async () => {
  const answered: (() => void)[] = []
  sink.answer = () => new Promise((resolve) => answered.push(() => resolve(false)))
  const client = connect({ flushAt: 15, flushInterval: 3_600_000 })
  for (let index = 0; index < 20; index += 1) client.track(order(`m${index}`))
  await expect.poll(() => sink.requests.length).toBe(1)
  const closed = client.close({ timeoutMs: 60_000 })
  await expect.poll(() => sink.requests.length).toBe(2)
  for (const answer of answered) answer()
  expect(await closed).toEqual({ left: 0 })
  expect(sink.ids).toHaveLength(20)
})

it('ids are unique, in the form of UUIDv7, and share nothing with their neighbours but the time', () => {
  const client = connect({ queueEventsMax: 100_000 })
  const ids = Array.from({ length: 3_000 }, () => {
    const result = client.track({ userId: 'u', event: 'e' })
    return result.ok ? result.messageId : ''
  })
  expect(new Set(ids).size).toBe(3_000)
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(new Set(ids.map((id) => id.slice(24))).size).toBe(3_000)
})

it('a slow collector means back-pressure: few sockets, nothing sent twice, calls that say so', async () => {
  sink.answer = () => new Promise((resolve) => setTimeout(() => resolve(false), 20))
  const client = connect({ flushAt: 10, queueEventsMax: 200 })
  let refused = 0
  for (let index = 0; index < 1_000; index += 1) {
    while (!client.track(order(`m${index}`)).ok) {
      refused += 1
      await client.ready()
    }
  }
  await client.flush()
  expect(refused).toBeGreaterThan(0)
  expect(sink.sockets).toBeLessThanOrEqual(4)
  expect(sink.ids).toHaveLength(1_000)
  expect(new Set(sink.ids).size).toBe(1_000)
})

it('a call costs the same whether the queue is empty or full', () => {
  let looked = 0
  const queue = new EventQueue({ eventsMax: 10_000, bytesMax: 1_000_000_000 })
  const event = (number: number): QueuedEvent => ({
    number, messageId: '', json: { chunk: { bytes: Buffer.alloc(0), pooled: false, events: 1 }, start: 0, end: 0 }, acceptedAt: 0, acceptedTicks: 0,
    callback: undefined, retries: 0, place: undefined,
    get bytes() {
      looked += 1
      return 100
    },
  })
  const cost = (number: number): number => {
    looked = 0
    queue.takes(100)
    queue.add(event(number))
    return looked
  }
  const first = cost(0)
  for (let number = 1; number < 9_999; number += 1) queue.add(event(number))
  expect(cost(10_000)).toBe(first)
  looked = 0
  queue.take({ eventsMax: 100, bytesMax: 1_000_000 })
  expect(looked).toBeLessThan(100 * 4)
})

it('flush covers what is under way', async () => {
  const client = connect({ flushAt: 1, connections: 2 })
  for (let index = 0; index < 100; index += 1) client.track(order(`m${index}`))
  await client.flush()
  expect(sink.ids).toHaveLength(100)
  expect(client.stats()).toMatchObject({ delivered: 100, queuedEvents: 0, inFlight: 0 })
})

it('every call has one last word: its callback, its hook, and its place in the balance', async () => {
  sink.answer = ({ ids }, response) => {
    response.end(JSON.stringify({ results: ids.map((id) => (id.endsWith('7') ? { result: 'quarantined', reason: 'too_deep' } : { result: 'ok' })) }))
    return true
  }
  const delivered: string[] = []
  const dropped: DroppedEvent[] = []
  const words: string[] = []
  const client = connect({ queueEventsMax: 20, flushAt: 10, connections: 1, onDelivered: (id) => delivered.push(id), onDropped: (event) => dropped.push(event) })
  const results = Array.from({ length: 100 }, (_, index) => client.track(order(`m${index}`), (error) => words.push(error?.message ?? 'ok')))
  await client.flush()
  await Promise.resolve()
  const { accepted, quarantined, refused } = client.stats()
  expect(accepted).toBe(results.filter(({ ok }) => ok).length)
  expect(accepted + refused.queue_full).toBe(100)
  expect(refused.queue_full).toBeGreaterThan(0)
  expect(words).toHaveLength(100)
  expect(delivered.length + dropped.length).toBe(accepted)
  expect(dropped).toHaveLength(quarantined)
})

it('a client that is closed with events gives each its last word', async () => {
  sink.answer = () => true
  const words: (string | undefined)[] = []
  const client = connect({ flushAt: 2 })
  for (let index = 0; index < 5; index += 1) client.track(order(`m${index}`), (error) => words.push(error?.message))
  expect(await client.close({ timeoutMs: 0 })).toEqual({ left: 5 })
  expect(words).toEqual(Array.from({ length: 5 }, () => 'the event was dropped: closed'))
  expect(client.stats()).toMatchObject({ accepted: 5, dropped: { closed: 5 }, queuedEvents: 0, inFlight: 0 })
})

it('a bad call is answered, not thrown, through the callback too', async () => {
  const client = connect()
  const word = new Promise<Error | undefined>((resolve) => {
    expect(Reflect.apply(client.track, client, [{ event: 'no one' }, resolve])).toMatchObject({ ok: false, reason: 'invalid' })
  })
  expect((await word)?.message).toContain('refused')
})

it('many clients and calls put no listener each on the process', () => {
  const before = process.listenerCount('beforeExit')
  for (let index = 0; index < 30; index += 1) connect().track(order(`m${index}`))
  expect(process.listenerCount('beforeExit') - before).toBeLessThanOrEqual(1)
})

it('an async hook that rejects is a warning, not an end of the process', async () => {
  const warning = once(process, 'warning')
  const client = connect({ onDelivered: async () => { throw new Error('from the host') } })
  client.track(order('m'))
  await client.flush()
  expect(String((await warning)[0])).toContain('from the host')
})

it('a connection that died while it lay idle costs no pause', async () => {
  const client = connect({ flushAt: 1, connections: 1 })
  client.track(order('first'))
  await client.flush()
  sink.answer = (_, response, number) => {
    if (number === 2) response.destroy()
    return number === 2
  }
  client.track(order('second'))
  await client.flush()
  expect(sink.ids).toEqual(['first', 'second', 'second'])
  expect(client.stats()).toMatchObject({ delivered: 2, failedRequests: 0 })
})

it.each([
  ['nothing', (socket: Server) => void socket.on('connection', (one) => one.on('error', () => {}))],
  ['a byte now and then', (socket: Server) => void socket.on('connection', (one) => {
    const answer = 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n'
    let sent = 0
    const timer = setInterval(() => one.write(answer[sent++] ?? ''), 5)
    one.on('error', () => {}).on('close', () => clearInterval(timer))
  })],
])('a collector that answers %s costs its time-out, and the events stay', async (_, behave) => {
  const server = createServer()
  behave(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const client = connect({ host: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`, httpRequestTimeout: 30, flushAt: 1 })
  client.track(order('m'))
  await expect.poll(() => client.stats().failedRequests).toBeGreaterThan(0)
  expect(client.stats().queuedEvents + client.stats().inFlight).toBe(1)
  expect(client.stats().lastFailure).toContain('no answer within')
  expect(await client.close({ timeoutMs: 0 })).toEqual({ left: 1 })
  server.close()
})

it('what the caller changes after the call changes nothing', async () => {
  const client = connect()
  const properties = { revenue: 1, list: [1] }
  client.track({ ...order('m'), properties })
  properties.revenue = 2
  properties.list.push(2)
  await client.flush()
  expect(sink.requests[0]?.body).toMatchObject({ batch: [{ properties: { revenue: 1, list: [1] } }] })
})

it('prototype keys are data, and harm nobody', async () => {
  const client = connect()
  const properties: unknown = JSON.parse('{"__proto__":{"polluted":true},"constructor":1}')
  expect(Reflect.apply(client.track, client, [{ ...order('m'), properties }])).toMatchObject({ ok: true })
  await client.flush()
  expect(Reflect.get({}, 'polluted')).toBeUndefined()
  expect(sink.ids).toEqual(['m'])
})
