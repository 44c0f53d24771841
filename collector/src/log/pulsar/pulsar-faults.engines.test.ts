import { randomUUID } from 'node:crypto'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { startPulsar, type StartedPulsar } from '../../../../scripts/engines/pulsar.ts'
import { take, textOf } from '../../../test/contracts/log-contract.ts'
import { systemClock } from '../../platform/clock.ts'
import type { LogReader, LogWriter } from '../../ports/log.ts'
import { openPulsarReader, openPulsarWriter } from './pulsar-log.ts'

// The broker's own cursor for deduplication holds ledgers back too, until it has written a snapshot.
const engine = await startPulsar({ settings: { brokerDeduplicationEntriesInterval: '1' } })
const partitions = 2

if ('missing' in engine) it.skip(`pulsar: ${engine.missing}`, () => {})
else faults(engine)

/** What goes wrong around a topic of Pulsar that other logs do not have. */
function faults(broker: StartedPulsar): void {
  describe('the log on pulsar', () => {
    const closing: (() => Promise<void>)[] = []
    const reports: string[] = []

    afterEach(async () => {
      for (const close of closing.splice(0).toReversed()) await close()
      reports.length = 0
    })

    afterAll(() => broker.stop())

    function newDirectory(): string {
      const directory = mkdtempSync(join(tmpdir(), 'millrace-pulsar-'))
      closing.push(async () => rmSync(directory, { recursive: true }))
      return directory
    }

    async function openWriter(url: string, directory = newDirectory(), notBefore: string | null = null): Promise<LogWriter> {
      const writer = await openPulsarWriter(url, { token: null, partitions, clock: systemClock, directory, notBefore })
      closing.push(() => writer.close())
      return writer
    }

    async function openReader(url: string): Promise<LogReader> {
      const reader = await openPulsarReader(url, { token: null, partitions, clock: systemClock, report: (message) => reports.push(message) })
      closing.push(() => reader.close())
      return reader
    }

    async function admin(method: string, path: string, body?: unknown): Promise<unknown> {
      const response = await fetch(`${broker.adminUrl}/admin/v2/${path}`, {
        method, ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      })
      const text = await response.text()
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
      return text === '' ? undefined : JSON.parse(text)
    }

    const urlOf = (topic: string): string => broker.url.replace('public/default/millrace', topic)
    const newTopic = (namespace = 'public/default'): string => `${namespace}/faults-${randomUUID()}`

    async function newNamespace(): Promise<string> {
      const namespace = `public/${randomUUID()}`
      await admin('PUT', `namespaces/${namespace}`)
      return namespace
    }

    it('stores every record once and in order while its sockets are cut', async () => {
      const topic = newTopic()
      const cutter = await SocketCutter.before(Number(new URL(broker.adminUrl).port))
      closing.push(() => cutter.close())
      const writer = await openWriter(urlOf(topic).replace(/:\d+/, `:${cutter.port}`))
      const texts = Array.from({ length: 600 }, (_, index) => `record ${index} ${'x'.repeat(3_000)}`)
      // An answer for each partition: from then on a repeated number is known as such.
      await Promise.all([0, 1].map((partition) => writer.append(partition, Buffer.from('proof'), 1)))
      for (let turn = 0; turn < 6; turn += 1) {
        const part = texts.slice(turn * 100, (turn + 1) * 100).map((text, index) => writer.append(index % 2, Buffer.from(text), 1))
        await part[turn * 10]
        cutter.cut()
        await Promise.all(part)
      }
      const reader = await openReader(urlOf(topic))
      for (const partition of [0, 1]) {
        const records = await take(await reader.open(partition, null), 301)
        expect(records.slice(1).map(textOf)).toEqual(texts.filter((_, index) => index % 2 === partition))
        expect((await reader.heads())[partition]?.position).toBe(records.at(-1)?.position)
      }
    })

    it('stores what it sends under numbers that an old copy of its file gives again', async () => {
      const url = urlOf(newTopic())
      const directory = newDirectory()
      const file = join(directory, 'pulsar-producer.json')
      const first = await openWriter(url, directory)
      await first.append(0, Buffer.from('first'), 1)
      await first.close()
      copyFileSync(file, `${file}.old`)
      const second = await openWriter(url, directory)
      for (let index = 0; index < 10; index += 1) await second.append(0, Buffer.from(`second ${index}`), 1)
      await second.close()
      copyFileSync(`${file}.old`, file)
      const third = await openWriter(url, directory)
      const texts = Array.from({ length: 5 }, (_, index) => `third ${index}`)
      const positions = await Promise.all(texts.map((text) => third.append(0, Buffer.from(text), 1)))
      expect(positions.every((position) => position !== null)).toBe(true)
      const records = await take(await (await openReader(url)).open(0, null), 16)
      expect(records.slice(11).map(textOf)).toEqual(texts)
    })

    it('lets a producer in again only when the one of the same name is gone', async () => {
      const url = urlOf(newTopic())
      const directory = newDirectory()
      const first = await openWriter(url, directory)
      await first.append(0, Buffer.from('named'), 1)
      await expect(openWriter(url, directory)).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('one data directory') })
      await first.close()
      await expect.poll(() => openWriter(url, directory).then(() => 'open', () => 'busy'), { timeout: 20_000 }).toBe('open')
    })

    it('says log_gap where a ledger behind the position is gone, and only there', async () => {
      const topic = newTopic()
      const writer = await openWriter(urlOf(topic))
      const positions = await appendInLedgers(writer, topic, 3)
      const reader = await openReader(urlOf(topic))
      await reader.acknowledge(0, positions[3] ?? '')
      await expect.poll(() => ledgers(topic), { timeout: 60_000, interval: 200 }).toHaveLength(1)
      // The ledgers of both are gone, with records behind the first, and none behind the second.
      await expect(reader.open(0, positions[0] ?? '')).rejects.toMatchObject({ code: 'log_gap', retryable: false })
      expect((await take(await reader.open(0, positions[3] ?? ''), 2)).map(textOf)).toEqual(['ledger 2 record 0', 'ledger 2 record 1'])
      expect((await take(await (await openReader(urlOf(topic))).open(0, null), 2)).map(textOf)).toEqual(['ledger 2 record 0', 'ledger 2 record 1'])
      await admin('DELETE', `persistent/${topic}-partition-0/subscription/millrace`)
      const again = await openReader(urlOf(topic))
      await expect(again.open(0, positions[3] ?? '')).rejects.toMatchObject({ code: 'log_gap', message: expect.stringContaining('subscription') })
    })

    it('goes on at the beginning of a topic that was made anew, and stops at one that is older', async () => {
      const topic = newTopic()
      const old = await openWriter(urlOf(topic))
      const before = await old.append(0, Buffer.from('before'), 1)
      await old.close()
      await admin('DELETE', `persistent/${topic}/partitions?force=true`)
      await (await openWriter(urlOf(topic), newDirectory(), before)).append(0, Buffer.from('after'), 1)
      const reader = await openReader(urlOf(topic))
      const [record] = await take(await reader.open(0, before), 1)
      expect(record === undefined ? '' : textOf(record)).toBe('after')
      expect([before, record?.position].toSorted()).toEqual([before, record?.position])
      expect(reports.join('\n')).toContain('made anew')
      const future = (record?.position ?? '').replace(/^[0-9a-f]{12}/, 'f'.repeat(12))
      await expect(reader.open(0, future)).rejects.toMatchObject({ code: 'log_gap' })
    })

    it('skips messages of others, and says so', async () => {
      const topic = newTopic()
      const writer = await openWriter(urlOf(topic))
      await writer.append(0, Buffer.from('one'), 1)
      await publishForeign(topic)
      await writer.append(0, Buffer.from('two'), 1)
      const reader = await openReader(urlOf(topic))
      expect((await take(await reader.open(0, null), 2)).map(textOf)).toEqual(['one', 'two'])
      expect(reports.filter((report) => report.includes('did not write'))).toHaveLength(1)
    })

    it.each([
      ['messageTTL', 60, /time to live/],
      ['backlogQuota', { limitSize: 1_000_000, policy: 'consumer_backlog_eviction' }, /backlog quota/],
      ['subscriptionExpirationTime', 5, /subscription expiry/],
      ['inactiveTopicPolicies', { inactiveTopicDeleteMode: 'delete_when_subscriptions_caught_up', maxInactiveDurationSeconds: 60, deleteWhileInactive: true }, /inactive topics/],
    ])('refuses a namespace whose %s loses data', async (policy, value, words) => {
      const namespace = await newNamespace()
      await admin('POST', `namespaces/${namespace}/${policy}`, value)
      await expect(openWriter(urlOf(newTopic(namespace)))).rejects.toMatchObject({ code: 'bad_config', message: expect.stringMatching(words) })
    })

    it('switches deduplication on for its topic where the namespace has it off', async () => {
      const namespace = await newNamespace()
      await admin('POST', `namespaces/${namespace}/deduplication`, false)
      const topic = newTopic(namespace)
      await (await openWriter(urlOf(topic))).append(0, Buffer.from('one'), 1)
      await expect.poll(() => admin('GET', `persistent/${topic}/deduplicationEnabled?applied=true`), { timeout: 20_000 }).toBe(true)
    })

    it('speaks TLS with a certificate that is named, and says what is wrong with one that is not', async () => {
      const url = broker.tlsUrl.replace('public/default/millrace', newTopic())
      const trusted = `${url}?trustFile=${encodeURIComponent(broker.certificate)}`
      await (await openWriter(trusted)).append(0, Buffer.from('secret'), 1)
      expect((await take(await (await openReader(trusted)).open(0, null), 1)).map(textOf)).toEqual(['secret'])
      await expect(openWriter(url)).rejects.toMatchObject({ code: 'bad_config', message: expect.stringContaining('TLS') })
      await expect(openWriter(trusted.replace('localhost', '127.0.0.1'))).rejects.toMatchObject({ code: 'bad_config', message: expect.stringContaining('TLS') })
      await expect(openWriter(url.replace('wss', 'ws'))).rejects.toMatchObject({ code: expect.toBeOneOf(['bad_config', 'unavailable']) })
    })

    it('says that a namespace is missing', async () => {
      await expect(openWriter(urlOf(newTopic('public/nowhere')))).rejects.toMatchObject({ code: 'bad_config', message: expect.stringContaining('nowhere') })
    })

    /** Two records in each of so many ledgers of partition 0. */
    async function appendInLedgers(writer: LogWriter, topic: string, count: number): Promise<readonly string[]> {
      const positions: string[] = []
      for (let ledger = 0; ledger < count; ledger += 1) {
        for (let record = 0; record < 2; record += 1) positions.push((await writer.append(0, Buffer.from(`ledger ${ledger} record ${record}`), 1)) ?? '')
        if (ledger + 1 < count) await admin('PUT', `persistent/${topic}-partition-0/unload`)
      }
      return positions
    }

    async function ledgers(topic: string): Promise<unknown> {
      return Reflect.get(Object(await admin('GET', `persistent/${topic}-partition-0/internalStats`)), 'ledgers')
    }

    async function publishForeign(topic: string): Promise<void> {
      const socket = new WebSocket(`${broker.adminUrl.replace('http', 'ws')}/ws/v2/producer/persistent/${topic}-partition-0`)
      await new Promise((resolve) => { socket.onopen = resolve })
      socket.send(JSON.stringify({ payload: Buffer.from('foreign').toString('base64') }))
      await new Promise((resolve) => { socket.onmessage = resolve })
      socket.close()
    }
  })
}

/** Between a client and the broker; cuts what is connected when told. */
class SocketCutter {
  readonly port: number
  readonly #sockets = new Set<Socket>()
  readonly #end: () => Promise<void>

  private constructor(port: number, end: () => Promise<void>) {
    this.port = port
    this.#end = end
  }

  static async before(target: number): Promise<SocketCutter> {
    const server = createServer((client) => {
      const upstream = connect(target, '127.0.0.1')
      for (const [socket, other] of [[client, upstream], [upstream, client]] as const) {
        cutter.#sockets.add(socket)
        socket.on('error', () => {})
        socket.once('close', () => {
          cutter.#sockets.delete(socket)
          other.destroy()
        })
        socket.pipe(other)
      }
    })
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
    const address: AddressInfo | string | null = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const cutter: SocketCutter = new SocketCutter(address.port, () => new Promise((resolve) => { server.close(() => resolve()) }))
    return cutter
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    const ended = this.#end()
    this.cut()
    await ended
  }
}
