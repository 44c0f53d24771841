import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LogCursor, LogReader, LogRecord, LogWriter } from '../../src/ports/log.ts'

export interface LogUnderTest {
  /** Three partitions. */
  readonly writer: LogWriter
  readonly reader: LogReader
  /** Another reader of the same log, as a process that starts again would open it. */
  openReader(): Promise<LogReader>
  cleanup(): Promise<void>
}

const partitions = 3
const patient = { maxRecords: 1_000, maxBytes: 1_000_000, waitMs: 10_000 }

/** What every log driver promises; a driver joins with one call. */
export function logContract(name: string, make: () => Promise<LogUnderTest>): void {
  describe(`log contract: ${name}`, () => {
    let log: LogUnderTest

    beforeEach(async () => {
      log = await make()
    })

    afterEach(() => log.cleanup())

    it('gives each partition its records in the order of the appends', async () => {
      const texts = Array.from({ length: 60 }, (_, index) => `record ${index}`)
      await Promise.all(texts.map((text, index) => append(log.writer, index % partitions, text)))
      for (let partition = 0; partition < partitions; partition += 1) {
        const records = await take(await log.reader.open(partition, null), 20)
        expect(records.map(textOf)).toEqual(texts.filter((_, index) => index % partitions === partition))
        expect(records.every((record) => record.partition === partition && record.events === 1)).toBe(true)
        expect(records.map(({ position }) => position)).toEqual(records.map(({ position }) => position).toSorted())
        expect(new Set(records.map(({ position }) => position)).size).toBe(20)
      }
    })

    it('goes on after a position, in a reader opened later', async () => {
      for (let index = 0; index < 10; index += 1) await append(log.writer, 1, `record ${index}`)
      const [, , third] = await take(await log.reader.open(1, null), 10)
      const again = await log.openReader()
      const rest = await take(await again.open(1, third?.position ?? null), 7)
      expect(rest.map(textOf)).toEqual(['record 3', 'record 4', 'record 5', 'record 6', 'record 7', 'record 8', 'record 9'])
      await again.close()
    })

    it('gives a waiting cursor what is appended meanwhile', async () => {
      const cursor = await log.reader.open(0, null)
      const waiting = cursor.next(patient)
      await append(log.writer, 1, 'for another partition')
      await append(log.writer, 0, 'here')
      expect((await waiting).map(textOf)).toEqual(['here'])
    })

    it('keeps the bounds of a read, but gives a large record whole', async () => {
      for (let index = 0; index < 5; index += 1) await append(log.writer, 0, String(index).repeat(1_000))
      await append(log.writer, 0, 'L'.repeat(900_000))
      const cursor = await log.reader.open(0, null)
      // A log that is pushed its records may give fewer than there are, never more than the bounds.
      const sizes: number[] = []
      for (const bounds of [{ maxRecords: 2 }, { maxBytes: 2_500 }, { maxBytes: 2_500 }, { maxBytes: 2_500 }, { maxRecords: 1 }, { maxBytes: 2_500 }]) {
        if (sizes.length === 6) break
        const records = await cursor.next({ ...patient, ...bounds })
        expect(records.length).toBeLessThanOrEqual(bounds.maxRecords ?? 2)
        expect(records.length).toBeGreaterThan(0)
        sizes.push(...records.map(({ payload }) => payload.length))
      }
      expect(sizes).toEqual([1_000, 1_000, 1_000, 1_000, 1_000, 900_000])
      expect(await cursor.next({ ...patient, waitMs: 0 })).toEqual([])
    })

    it('keeps any bytes as they are', async () => {
      const payload = Uint8Array.from({ length: 512 }, (_, index) => index % 256)
      await log.writer.append(2, payload, 7)
      const [record] = await take(await log.reader.open(2, null), 1)
      expect(Buffer.from(record?.payload ?? []).equals(Buffer.from(payload))).toBe(true)
      expect(record?.events).toBe(7)
    })

    it('ends a waiting read when the cursor or the reader is closed', async () => {
      const cursor = await log.reader.open(0, null)
      const waiting = cursor.next({ ...patient, waitMs: 60_000 })
      await cursor.close()
      expect(await waiting).toEqual([])
      const other = (await log.reader.open(0, null)).next({ ...patient, waitMs: 60_000 })
      await log.reader.close()
      expect(await other).toEqual([])
    })

    it('says where the ends are', async () => {
      await append(log.writer, 0, 'one')
      const position = await log.writer.append(0, Buffer.from('two'), 4)
      const heads = await log.reader.heads()
      expect(heads.map(({ partition }) => partition)).toEqual([0, 1, 2])
      if (position !== null) expect(heads[0]?.position).toBe(position)
      if (heads[0]?.sequence !== undefined) expect(heads[0].sequence).toBe(5)
      expect(heads[1]?.position).toBeNull()
    })

    it('still gives what is not acknowledged after some is', async () => {
      for (let index = 0; index < 4; index += 1) await append(log.writer, 0, `record ${index}`)
      const [first, second] = await take(await log.reader.open(0, null), 4)
      await log.reader.acknowledge(0, second?.position ?? '')
      await log.reader.acknowledge(0, first?.position ?? '')
      const rest = await take(await log.reader.open(0, second?.position ?? null), 2)
      expect(rest.map(textOf)).toEqual(['record 2', 'record 3'])
    })

    it('refuses appends after its close, and stored everything before', async () => {
      const appended = Promise.all(Array.from({ length: 20 }, (_, index) => append(log.writer, 0, `record ${index}`)))
      await log.writer.close()
      await appended
      await expect(append(log.writer, 0, 'late')).rejects.toMatchObject({ code: 'closed' })
      expect(log.writer.readiness().ready).toBe(false)
      expect(await take(await log.reader.open(0, null), 20)).toHaveLength(20)
    })
  })
}

async function append(writer: LogWriter, partition: number, text: string): Promise<void> {
  await writer.append(partition, Buffer.from(text), 1)
}

/** Reads until there are `count` records. */
export async function take(cursor: LogCursor, count: number): Promise<readonly LogRecord[]> {
  const records: LogRecord[] = []
  while (records.length < count) {
    const next = await cursor.next(patient)
    if (next.length === 0) throw new Error(`only ${records.length} of ${count} records came`)
    records.push(...next)
  }
  await cursor.close()
  return records
}

export function textOf({ payload }: LogRecord): string {
  return Buffer.from(payload).toString()
}
