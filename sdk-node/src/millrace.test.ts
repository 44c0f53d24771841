import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Sink } from '../test/sink.ts'
import { systemClock } from './clock.ts'
import { Millrace } from './millrace.ts'
import type { DroppedEvent, MillraceOptions } from './options.ts'
import { backoffMs, retryAfterMs } from './retry-policy.ts'
import { version } from './version.ts'

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
  // No jitter: pauses take no time here; how long they are is tested with the delivery.
  const client = new Millrace({ writeKey: 'wk', host: sink.host, ...part }, { clock: systemClock, random: () => 0 })
  clients.push(client)
  return client
}

function order(index: number): Parameters<Millrace['track']>[0] {
  return { userId: `u${index}`, event: 'Order Completed', messageId: `m${index}`, properties: { revenue: index } }
}

describe('Millrace', () => {
  it('sends what is called in batches, with the key, the library and the time of sending', async () => {
    const client = connect({ flushAt: 10, connections: 1 })
    for (let index = 0; index < 25; index += 1) expect(client.track(order(index))).toEqual({ ok: true, messageId: `m${index}` })
    await client.flush()
    expect(sink.ids).toHaveLength(25)
    expect(sink.requests.map(({ ids }) => ids.length)).toEqual([10, 10, 5])
    const [first] = sink.requests
    expect(first?.headers.authorization).toBe(`Basic ${Buffer.from('wk:').toString('base64')}`)
    expect(first?.body).toMatchObject({ wantResults: true, sentAt: expect.stringMatching(/Z$/), context: { library: { name: '@millrace/node', version } } })
    expect(first?.body['batch']).toMatchObject([{ type: 'track', event: 'Order Completed', userId: 'u0', timestamp: expect.stringMatching(/Z$/), properties: { revenue: 0 } }, ...Array.from({ length: 9 }, () => ({}))])
    expect(client.stats()).toMatchObject({ accepted: 25, delivered: 25, queuedEvents: 0, inFlight: 0 })
  })

  it('makes every kind of call and ids that are UUIDv7', async () => {
    const client = connect()
    const results = [
      client.identify({ userId: 'u', traits: { email: 'a@b.example' } }), client.page({ anonymousId: 'a', name: 'Home' }), client.screen({ anonymousId: 'a' }),
      client.group({ userId: 'u', groupId: 'g' }), client.alias({ userId: 'u', previousId: 'a' }), client.track({ userId: 'u', event: 'x', timestamp: new Date(0) }),
    ]
    for (const result of results) expect(result).toEqual({ ok: true, messageId: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/) })
    await client.flush()
    const [request] = sink.requests
    expect(JSON.stringify(request?.body)).toContain('"timestamp":"1970-01-01T00:00:00.000Z"')
    expect(request?.ids).toHaveLength(6)
  })

  it('sends an incomplete batch by itself after its delay', async () => {
    const delivered = new Promise<string>((resolve) => {
      connect({ flushInterval: 5, onDelivered: resolve }).track(order(1))
    })
    expect(await delivered).toBe('m1')
  })

  it('answers bad calls with a reason and never throws', async () => {
    const client = connect()
    const circle: Record<string, unknown> = {}
    circle['self'] = circle
    const bad: readonly unknown[] = [
      undefined, null, 'text', [], {}, { event: 'x' }, { userId: 'u' }, { userId: 'u', event: '' }, { userId: 'u', event: 7 }, { userId: '  ', event: 'x' },
      { userId: 'u', event: 'x', timestamp: new Date(Number.NaN) }, { userId: 'u', event: 'x', timestamp: 'yesterday' },
      { userId: 'u', event: 'x', properties: circle }, { userId: 'u', event: 'x', properties: { big: 1n } },
      { userId: 'u', event: 'x', properties: { get boom() { throw new Error('getter') } } },
    ]
    for (const call of bad) expect(Reflect.apply(client.track, client, [call])).toMatchObject({ ok: false, reason: 'invalid' })
    expect(client.track({ userId: 'u', event: 'x', properties: { text: 'ü'.repeat(20_000) } })).toMatchObject({ ok: false, reason: 'too_large' })
    expect(client.track({ userId: 'u', event: 'x'.repeat(201) })).toMatchObject({ ok: false, reason: 'too_large' })
    expect(client.track(order(1))).toMatchObject({ ok: true })
    await client.flush()
    expect(sink.ids).toEqual(['m1'])
  })

  it('refuses what the queue cannot hold, and paces a loop by ready()', async () => {
    const client = connect({ queueEventsMax: 10, flushAt: 5, connections: 1 })
    const full = Array.from({ length: 30 }, (_, index) => client.track(order(index))).filter(({ ok }) => !ok)
    expect(full[0]).toMatchObject({ reason: 'queue_full' })
    for (let index = 100; index < 150; index += 1) {
      await client.ready()
      expect(client.track(order(index))).toMatchObject({ ok: true })
    }
    await client.flush()
    expect(new Set(sink.ids).size).toBe(sink.ids.length)
    expect(client.stats().delivered).toBe(30 - full.length + 50)
  })

  it.each([503, 429, 408])('tries again after a %i with the same ids', async (status) => {
    sink.answer = (_, response, number) => {
      if (number > 2) return false
      response.writeHead(status, { 'retry-after': '0' }).end('busy')
      return true
    }
    const client = connect({ flushAt: 5 })
    for (let index = 0; index < 5; index += 1) client.track(order(index))
    await client.flush()
    expect(sink.requests).toHaveLength(3)
    expect(sink.requests.every(({ ids }) => ids.join() === 'm0,m1,m2,m3,m4')).toBe(true)
    expect(client.stats()).toMatchObject({ accepted: 5, delivered: 5 })
  }, 20_000)

  it('takes broken connections and foreign answers for an outage, and tries with one request', async () => {
    sink.answer = (_, response, number) => {
      if (number === 1) response.destroy()
      else if (number === 2) response.end('<html>welcome to the hotel</html>')
      else return false
      return true
    }
    const client = connect({ flushAt: 1, connections: 1 })
    for (let index = 0; index < 4; index += 1) client.track(order(index))
    await client.flush()
    expect(client.stats()).toMatchObject({ delivered: 4 })
    expect(new Set(sink.ids).size).toBe(4)
  }, 20_000)

  it('sends only those events again that were not stored', async () => {
    sink.answer = ({ ids }, response, number) => {
      if (number > 1) return false
      const results = ids.map((messageId, index) => ({ messageId, result: index === 1 ? 'retry' : index === 2 ? 'quarantined' : 'ok', ...(index === 2 ? { reason: 'too_deep' } : {}) }))
      response.end(JSON.stringify({ success: true, stored: 'log', results }))
      return true
    }
    const dropped: DroppedEvent[] = []
    const client = connect({ flushAt: 4, onDropped: (event) => dropped.push(event) })
    for (let index = 0; index < 4; index += 1) client.track(order(index))
    await client.flush()
    expect(sink.requests.map(({ ids }) => ids)).toEqual([['m0', 'm1', 'm2', 'm3'], ['m1']])
    expect(dropped).toEqual([{ messageId: 'm2', reason: 'quarantined', detail: 'too_deep' }])
    expect(client.stats()).toMatchObject({ accepted: 4, delivered: 3, quarantined: 1 })
  }, 20_000)

  it('keeps the order of the calls if told, over a collector that is quick and slow in turns', async () => {
    sink.answer = async (_, __, number) => {
      if (number % 2 === 1) await new Promise((resolve) => setTimeout(resolve, 5))
      return false
    }
    const client = connect({ flushAt: 1, ordered: true })
    for (let index = 0; index < 8; index += 1) client.track(order(index))
    // Segment's name and option.
    expect(await client.closeAndFlush({ timeout: 60_000 })).toEqual({ left: 0 })
    expect(sink.ids).toEqual(Array.from({ length: 8 }, (_, index) => `m${index}`))
    expect(sink.sockets).toBe(1)
  })

  it('sends each event with its own content, whatever goes wrong on the way', async () => {
    sink.answer = ({ ids }, response, number) => {
      if (number % 5 === 0) response.writeHead(503).end()
      else if (number % 7 === 0) response.writeHead(ids.length > 1 ? 413 : 503).end()
      else response.end(JSON.stringify({ results: ids.map((_, index) => ({ result: (index + number) % 9 === 0 ? 'retry' : 'ok' })) }))
      return true
    }
    const contentOf = (id: string): string => `${id} `.repeat(1 + (Number(id.slice(1)) * 7_919) % 900)
    const client = connect({ flushAt: 50, queueEventsMax: 400 })
    for (let index = 0; index < 3_000; index += 1) {
      await client.ready()
      expect(client.track({ ...order(index), properties: { content: contentOf(`m${index}`) } })).toMatchObject({ ok: true })
    }
    await client.flush()
    for (const event of sink.requests.flatMap(({ body }) => body['batch'])) {
      const id = String(Reflect.get(Object(event), 'messageId'))
      const content: unknown = Reflect.get(Object(Reflect.get(Object(event), 'properties')), 'content')
      if (content !== contentOf(id)) expect.fail(`${id} has another's content`)
    }
    expect(new Set(sink.ids).size).toBe(3_000)
    expect(client.stats()).toMatchObject({ accepted: 3_000, delivered: 3_000, queuedEvents: 0, queuedBytes: 0, inFlight: 0 })
  })

  it('halves a batch that is too large, down to the one event that is', async () => {
    sink.answer = ({ ids }, response) => {
      if (ids.length < 3 && !ids.includes('m5')) return false
      response.writeHead(413).end()
      return true
    }
    const dropped: DroppedEvent[] = []
    const client = connect({ flushAt: 8, onDropped: (event) => dropped.push(event) })
    for (let index = 0; index < 8; index += 1) client.track(order(index))
    await client.flush()
    expect(dropped).toEqual([{ messageId: 'm5', reason: 'too_large', status: 413 }])
    expect(client.stats()).toMatchObject({ delivered: 7, dropped: { too_large: 1 } })
  })

  it('gives up at once what a status says can never succeed', async () => {
    sink.answer = (_, response) => {
      response.writeHead(401).end()
      return true
    }
    const client = connect()
    const outcome = new Promise<Error | undefined>((resolve) => {
      client.track(order(1), resolve)
    })
    await client.flush()
    expect((await outcome)?.message).toContain('unauthorized')
    expect(client.stats()).toMatchObject({ dropped: { unauthorized: 1 } })
    expect(sink.requests).toHaveLength(1)
  })

  it('closes in bounded time, says what was left, and takes no more', async () => {
    sink.answer = () => true
    const client = connect({ flushAt: 2 })
    for (let index = 0; index < 7; index += 1) client.track(order(index))
    const begin = performance.now()
    expect(await client.close({ timeoutMs: 100 })).toEqual({ left: 7 })
    expect(performance.now() - begin).toBeLessThan(5_000)
    expect(client.track(order(8))).toMatchObject({ ok: false, reason: 'closed' })
    expect(await client.close()).toEqual({ left: 7 })
  })

  it('keeps nobody waiting once it is closed', async () => {
    sink.answer = () => true
    const client = connect({ queueEventsMax: 2, flushInterval: 3_600_000 })
    client.track(order(0))
    client.track(order(1))
    const waiting = [client.ready(), client.flush()]
    expect(await client.close({ timeoutMs: 50 })).toEqual({ left: 2 })
    await Promise.all([...waiting, client.ready(), client.flush()])
  })

  it('goes on when a hook throws', async () => {
    const client = connect({ onDelivered: () => { throw new Error('from the host') } })
    client.track(order(1))
    await client.flush()
    expect(client.stats().delivered).toBe(1)
  })

  it('names the option that is wrong', () => {
    expect(() => new Millrace({ writeKey: '', host: sink.host })).toThrow(/writeKey/)
    expect(() => new Millrace({ writeKey: 'wk', host: 'events.example.com' })).toThrow(/host/)
    expect(() => connect({ flushAt: 0 })).toThrow(/flushAt must be a whole number from 1 to 2500/)
    expect(connect({ disable: true }).track(order(1))).toMatchObject({ ok: false, reason: 'disabled' })
  })

  it('has the version of its package', () => {
    const manifest: { version: string } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
    expect(version).toBe(manifest.version)
  })
})

describe('retry policy', () => {
  it('reads seconds and dates, and bounds both', () => {
    const now = Date.UTC(2026, 0, 1)
    expect(retryAfterMs('3', now)).toBe(3_000)
    expect(retryAfterMs(new Date(now + 7_000).toUTCString(), now)).toBe(7_000)
    expect([retryAfterMs('86400', now), retryAfterMs('soon', now), retryAfterMs(undefined, now), retryAfterMs('-1', now)]).toEqual([300_000, 0, 0, 0])
  })

  it('doubles its bound up to 30 s and uses all of it', () => {
    expect([1, 2, 3, 20].map((failures) => backoffMs(failures, () => 1))).toEqual([1_000, 2_000, 4_000, 30_000])
    expect(backoffMs(5, () => 0)).toBe(0)
  })
})
