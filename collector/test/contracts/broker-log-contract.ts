import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import type { StartedEngine } from '../../../scripts/engines/started-engine.ts'
import { ReopeningWriter } from '../../src/log/spool/reopening-writer.ts'
import { systemClock } from '../../src/platform/clock.ts'
import type { LogCursor, LogReader, LogRecord, LogWriter } from '../../src/ports/log.ts'
import { take, textOf } from './log-contract.ts'

export interface OpenSettings {
  readonly partitions: number
  /** How long an append may take before it fails, milliseconds. */
  readonly appendTimeoutMs: number
}

/** A driver together with a real broker; a topic of a new name does not exist until a writer is opened on it. */
export interface BrokerUnderTest {
  readonly engine: StartedEngine
  openWriter(topic: string, settings: OpenSettings): Promise<LogWriter>
  openReader(topic: string, settings: OpenSettings): Promise<LogReader>
  /** Makes a topic with so many partitions and one record of another program in each. */
  makeForeign(topic: string, partitions: number): Promise<void>
  /** Opens a writer with a password that the broker refuses; absent where the broker asks for none. */
  openWithWrongPassword?(topic: string, settings: OpenSettings): Promise<LogWriter>
  /** A payload of more bytes is refused. */
  readonly recordBytesMax: number
  /** Whether what is acknowledged can be read no more once `acknowledge` has resolved. */
  readonly deletesAtOnce: boolean
}

const partitions = 3
/** Longer than any restart, so that the driver itself gets over it. */
const patient: OpenSettings = { partitions, appendTimeoutMs: 120_000 }
/** Shorter than any restart, so that the driver gives up before. */
const brief: OpenSettings = { partitions, appendTimeoutMs: 1_500 }
const bounds = { maxRecords: 1_000, maxBytes: 1_000_000, waitMs: 1_000 }
const failures = ['unavailable', 'outcome_unknown', 'log_failed']

/** What a log on a broker promises beyond the log contract when the broker dies or holds something else. Stops the engine at the end. */
export function brokerLogContract(name: string, broker: BrokerUnderTest): void {
  describe(`broker log contract: ${name}`, () => {
    const closing: (() => Promise<void>)[] = []

    afterEach(async () => {
      await Promise.all(closing.splice(0).map((close) => close()))
    })

    afterAll(() => broker.engine.stop())

    function closedAfter<T extends { close(): Promise<void> }>(opened: T): T {
      closing.push(() => opened.close())
      return opened
    }

    const openWriter = async (topic: string, settings = patient): Promise<LogWriter> => closedAfter(await broker.openWriter(topic, settings))
    const openReader = async (topic: string, settings = patient): Promise<LogReader> => closedAfter(await broker.openReader(topic, settings))

    it('says that the broker is away at start, and is there when it is', async () => {
      const topic = newTopic()
      await broker.engine.kill()
      await expect(openWriter(topic, brief)).rejects.toMatchObject({ code: 'unavailable', retryable: true })
      await expect(openReader(topic, brief)).rejects.toMatchObject({ code: 'unavailable', retryable: true })
      const writer = closedAfter(await ReopeningWriter.start({ partitions, clock: systemClock, open: () => broker.openWriter(topic, brief) }))
      expect(writer.readiness()).toMatchObject({ ready: false, reason: expect.any(String) })
      await expect(append(writer, 0, 'early')).rejects.toMatchObject({ code: 'unavailable' })
      await broker.engine.restart()
      await untilReady(writer)
      await append(writer, 0, 'now')
      const reader = await openReader(topic)
      expect((await take(await reader.open(0, null), 1)).map(textOf)).toEqual(['now'])
    })

    it('loses nothing acknowledged, keeps the order and stores no resend twice when the broker is killed under appends', async () => {
      const topic = newTopic()
      const writer = await openWriter(topic)
      const sent = Array.from({ length: partitions }, (): string[] => [])
      const acknowledged = Array.from({ length: partitions }, (): string[] => [])
      const burst = async (partition: number, count: number): Promise<void> => {
        const own = sent[partition] ?? []
        const texts = Array.from({ length: count }, (_, index) => `${partition}-${own.length + index} ${'x'.repeat(2_000)}`)
        own.push(...texts)
        await Promise.all(texts.map((text) => append(writer, partition, text).then(() => acknowledged[partition]?.push(text), expectFailure)))
      }
      const bursts = async (count: number): Promise<void> => {
        await Promise.all(sent.map((_, partition) => burst(partition, count)))
      }
      await bursts(100)
      // The broker is killed with a burst under way in each partition: of some it has stored what it can answer no more.
      let going = true
      const interrupted = Promise.all(sent.map(async (_, partition) => {
        while (going) await burst(partition, 5)
      }))
      await expect.poll(() => acknowledged.every((texts) => texts.length > 150), { timeout: 30_000, interval: 1 }).toBe(true)
      await broker.engine.kill()
      going = false
      const away = bursts(100)
      await broker.engine.restart()
      await Promise.all([interrupted, away])
      await bursts(100)
      const reader = await openReader(topic)
      for (const [partition, texts] of sent.entries()) {
        const stored = (await everything(await reader.open(partition, null), texts.at(-1) ?? '')).map(textOf)
        expect(new Set(stored).size).toBe(stored.length)
        expect(stored).toEqual(texts.filter((text) => stored.includes(text)))
        expect(stored).toEqual(expect.arrayContaining(acknowledged[partition] ?? []))
        // Its patience is longer than the restart: the driver got over it alone.
        expect(acknowledged[partition]).toHaveLength(texts.length)
      }
      expect(writer.pendingBytes()).toBe(0)
    })

    it('fails appends while the broker is away, and goes on by itself when it is back', async () => {
      const topic = newTopic()
      const writer = await openWriter(topic, brief)
      await append(writer, 0, 'before')
      await broker.engine.kill()
      const results = await Promise.allSettled(['a', 'b', 'c'].map((text) => append(writer, 0, text)))
      for (const result of results) expect(result).toMatchObject({ status: 'rejected', reason: { code: expect.toBeOneOf(failures), retryable: true } })
      expect(writer.pendingBytes()).toBe(0)
      await broker.engine.restart()
      await untilItTakes(writer, 0, 'probe')
      await untilReady(writer)
      await append(writer, 0, 'after')
      const reader = await openReader(topic)
      const stored = (await everything(await reader.open(0, null), 'after')).map(textOf)
      expect(stored[0]).toBe('before')
      expect(stored.filter((text) => text === 'after')).toHaveLength(1)
    })

    it('closes while the broker is away', async () => {
      const topic = newTopic()
      const writer = await openWriter(topic, brief)
      const reader = await openReader(topic, brief)
      const cursor = await reader.open(0, null)
      await append(writer, 0, 'before')
      await broker.engine.kill()
      const waiting = append(writer, 0, 'lost').then(() => 'stored', expectFailure)
      await Promise.all([writer.close(), cursor.close(), reader.close()])
      await waiting
      await broker.engine.restart()
    })

    it('reads on after the broker is back, with the same cursor and with a new one', async () => {
      const topic = newTopic()
      const writer = await openWriter(topic)
      const reader = await openReader(topic)
      const cursor = await reader.open(1, null)
      for (let index = 0; index < 5; index += 1) await append(writer, 1, `record ${index}`)
      const seen: LogRecord[] = []
      while (seen.length < 3) seen.push(...await cursor.next({ ...bounds, maxRecords: 1 }))
      await broker.engine.kill()
      // It may hold records that it fetched before; after those it answers that there are none, and does not fail.
      for (let next = await cursor.next(bounds); next.length > 0; next = await cursor.next(bounds)) seen.push(...next)
      await broker.engine.restart()
      await untilItTakes(writer, 1, 'probe')
      await append(writer, 1, 'last')
      seen.push(...await everything(cursor, 'last'))
      expect(new Set(seen.map(({ position }) => position)).size).toBe(seen.length)
      expect(seen.map(textOf).filter((text) => text !== 'probe')).toEqual(['record 0', 'record 1', 'record 2', 'record 3', 'record 4', 'last'])
      const again = await openReader(topic)
      const rest = await everything(await again.open(1, seen[1]?.position ?? null), 'last')
      expect(rest.map(({ position }) => position)).toEqual(seen.slice(2).map(({ position }) => position))
    })

    it('drops what is acknowledged and nothing after it', async () => {
      const topic = newTopic()
      const writer = await openWriter(topic)
      const reader = await openReader(topic)
      for (let index = 0; index < 10; index += 1) await append(writer, 0, `record ${index}`)
      const records = await take(await reader.open(0, null), 10)
      await reader.acknowledge(0, records[3]?.position ?? '')
      const kept = (await everything(await (await openReader(topic)).open(0, null), 'record 9')).map(textOf)
      expect(kept.slice(-6)).toEqual(records.slice(4).map(textOf))
      if (!broker.deletesAtOnce) return
      expect(kept).toHaveLength(6)
      const rest = await everything(await reader.open(0, records[3]?.position ?? null), 'record 9')
      expect(rest.map(textOf)).toEqual(kept)
      await expect(reader.open(0, records[2]?.position ?? null)).rejects.toMatchObject({ code: 'log_gap', retryable: false })
      await reader.acknowledge(0, records[9]?.position ?? '')
      await append(writer, 0, 'record 10')
      expect((await take(await reader.open(0, records[9]?.position ?? null), 1)).map(textOf)).toEqual(['record 10'])
      expect([records[9]?.position, (await reader.heads())[0]?.position].toSorted()[0]).toBe(records[9]?.position)
    })

    it('gives every reader all records, and takes them from several writers', async () => {
      const topic = newTopic()
      const writers = [await openWriter(topic), await openWriter(topic)]
      const texts = writers.map((_, writer) => Array.from({ length: 50 }, (__, index) => `writer ${writer} record ${index}`))
      await Promise.all(writers.flatMap((writer, index) => texts[index]?.map((text) => append(writer, 2, text)) ?? []))
      const readers = [await openReader(topic), await openReader(topic)]
      const found = await Promise.all(readers.map(async (reader) => take(await reader.open(2, null), 100)))
      expect(found[0]).toEqual(found[1])
      for (const own of texts) expect(found[0]?.map(textOf).filter((text) => own.includes(text))).toEqual(own)
    })

    it('starts together with others where there is no topic yet', async () => {
      const topic = newTopic()
      const writers = await Promise.all(Array.from({ length: 4 }, () => openWriter(topic)))
      await Promise.all(writers.map((writer, index) => append(writer, 0, `writer ${index}`)))
      const records = await take(await (await openReader(topic)).open(0, null), 4)
      expect(records.map(textOf).toSorted()).toEqual(['writer 0', 'writer 1', 'writer 2', 'writer 3'])
    })

    it('refuses a topic of something else', async () => {
      const topic = newTopic()
      await broker.makeForeign(topic, partitions)
      const refusal = { code: 'bad_config', retryable: false, message: expect.stringContaining(topic) }
      await expect(openWriter(topic)).rejects.toMatchObject(refusal)
      await expect(openReader(topic)).rejects.toMatchObject(refusal)
    })

    it('refuses another number of partitions', async () => {
      const topic = newTopic()
      await append(await openWriter(topic), 0, 'here')
      const refusal = { code: 'bad_config', retryable: false, message: expect.stringMatching(/\b3\b.*\b5\b|\b5\b.*\b3\b/) }
      await expect(openWriter(topic, { ...patient, partitions: 5 })).rejects.toMatchObject(refusal)
      await expect(openReader(topic, { ...patient, partitions: 5 })).rejects.toMatchObject(refusal)
    })

    it.skipIf(broker.openWithWrongPassword === undefined)('refuses a wrong password and says so', async () => {
      const refusal = { code: 'bad_config', retryable: false, message: expect.stringMatching(/password|token|credentials/i) }
      await expect(broker.openWithWrongPassword?.(newTopic(), patient).then(closedAfter)).rejects.toMatchObject(refusal)
    })

    it('takes a record of the greatest size, refuses a greater one, and goes on', async () => {
      const topic = newTopic()
      const writer = await openWriter(topic)
      const great = Buffer.alloc(broker.recordBytesMax, 'g')
      await writer.append(0, great, 9)
      await expect(writer.append(0, Buffer.alloc(broker.recordBytesMax + 1), 1)).rejects.toMatchObject({
        code: 'log_failed', retryable: false, message: expect.stringContaining(String(broker.recordBytesMax)),
      })
      await append(writer, 0, 'small')
      const records = await take(await (await openReader(topic)).open(0, null), 2)
      expect(Buffer.compare(records[0]?.payload ?? Buffer.alloc(0), great)).toBe(0)
      expect(records.map(({ events }) => events)).toEqual([9, 1])
    })

    it('counts what is under way, and takes many records at once', async () => {
      const topic = newTopic()
      const writer = await openWriter(topic)
      const appends = Array.from({ length: 1_000 }, (_, index) => append(writer, index % partitions, `${index} ${'x'.repeat(10_000)}`))
      expect(writer.pendingBytes()).toBeGreaterThan(1_000 * 10_000)
      await Promise.all(appends)
      expect(writer.pendingBytes()).toBe(0)
      const reader = await openReader(topic)
      for (let partition = 0; partition < partitions; partition += 1) {
        const last = `${999 - (999 - partition) % partitions} ${'x'.repeat(10_000)}`
        const stored = await everything(await reader.open(partition, null), last)
        expect(stored.map((record) => Number.parseInt(textOf(record), 10))).toEqual(
          Array.from({ length: 1_000 }, (_, index) => index).filter((index) => index % partitions === partition))
      }
    })
  })
}

function newTopic(): string {
  return `contract-${randomUUID()}`
}

async function append(writer: LogWriter, partition: number, text: string): Promise<void> {
  await writer.append(partition, Buffer.from(text), 1)
}

function expectFailure(error: unknown): void {
  expect(error).toMatchObject({ code: expect.toBeOneOf([...failures, 'closed']) })
}

/** Reads until the record with this text. */
async function everything(cursor: LogCursor, last: string): Promise<readonly LogRecord[]> {
  const records: LogRecord[] = []
  let empty = 0
  while (records.length === 0 || !records.slice(-1).map(textOf).includes(last)) {
    const next = await cursor.next({ ...bounds, maxRecords: 100 })
    empty = next.length === 0 ? empty + 1 : 0
    if (empty > 60) throw new Error(`${records.length} records came, but not ${last.slice(0, 40)}`)
    records.push(...next)
  }
  await cursor.close()
  return records
}

async function untilReady(writer: LogWriter): Promise<void> {
  await expect.poll(() => writer.readiness(), { timeout: 60_000, interval: 50 }).toMatchObject({ ready: true })
}

/** Appends that fail are tried again until one is taken. */
async function untilItTakes(writer: LogWriter, partition: number, text: string): Promise<void> {
  await expect.poll(() => append(writer, partition, text).then(() => 'taken', expectFailure), { timeout: 90_000, interval: 100 }).toBe('taken')
}
