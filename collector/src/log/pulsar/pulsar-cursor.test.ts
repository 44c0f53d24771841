import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { propertySettings } from '../../../test/property-settings.ts'
import { MillraceError } from '../../platform/errors.ts'
import type { LogRecord } from '../../ports/log.ts'
import type { MessageId } from './message-id.ts'
import { type MessageStream, type ReceivedMessage, streamMessagesMax, type StreamListener } from './message-stream.ts'
import { PulsarCursor } from './pulsar-cursor.ts'

/** When a stream ends: after so many messages, or not at all (null); or it cannot be opened. */
type Fate = number | null | 'refused'

/** A partition with this many messages, pushed as a broker does: never more on their way than were allowed. */
class FakePartition {
  readonly #count: number
  readonly #fates: Fate[]
  readonly #foreign: ReadonlySet<number>
  mostUntaken = 0

  constructor(count: number, fates: readonly Fate[], foreign: readonly number[] = []) {
    this.#count = count
    this.#fates = [...fates]
    this.#foreign = new Set(foreign)
  }

  readonly open = async (_partition: number, after: MessageId | null, listener: StreamListener): Promise<MessageStream> => {
    const fate = this.#fates.shift() ?? null
    if (fate === 'refused') throw new MillraceError('unavailable', 'connection refused', { retryable: true })
    let next = after === null ? 0 : after.entry + 1
    let untaken = 0
    let open = true
    let given = 0
    const push = (): void => {
      if (!open || next >= this.#count || untaken >= streamMessagesMax) return
      if (given === fate) {
        open = false
        listener.ended('cut')
        return
      }
      given += 1
      untaken += 1
      this.mostUntaken = Math.max(this.mostUntaken, untaken)
      const message = this.#message(next)
      next += 1
      listener.message(message)
      setImmediate(push)
    }
    // The first message may come before whoever opens the stream knows it.
    push()
    return {
      taken: (count) => {
        untaken -= count
        setImmediate(push)
      },
      close: async () => {
        open = false
      },
    }
  }

  #message(entry: number): ReceivedMessage {
    return { id: { ledger: 7, entry, index: -1 }, payload: Buffer.from(String(entry)), publishedAt: 1_000 + entry, events: this.#foreign.has(entry) ? undefined : '3' }
  }
}

const quickClock = {
  now: () => 0,
  elapsed: () => 0,
  // Only the waits for a next try end by themselves; a reader waits for its record.
  sleep: (ms: number, signal?: AbortSignal) => new Promise<void>((resolve) => {
    if (ms <= 2_000) setImmediate(resolve)
    else signal?.addEventListener('abort', () => resolve())
  }),
}

function cursorOf(partition: FakePartition, reports: string[] = [], after: MessageId | null = null): PulsarCursor {
  return new PulsarCursor({
    partition: 0, incarnation: 5, after, openStream: partition.open, clock: quickClock, report: (message) => reports.push(message), closed: () => {},
  })
}

async function readAll(cursor: PulsarCursor, count: number, maxRecords = 50): Promise<readonly LogRecord[]> {
  const records: LogRecord[] = []
  while (records.length < count) records.push(...await cursor.next({ maxRecords, maxBytes: 1_000, waitMs: 1_000_000 }))
  return records
}

const entryOf = ({ payload }: LogRecord): number => Number(Buffer.from(payload).toString())
const upTo = (count: number, from = 0): readonly number[] => Array.from({ length: count - from }, (_, index) => from + index)

describe('PulsarCursor', () => {
  it('gives every record once and in order, however often the stream breaks', async () => {
    const fate = fc.oneof(fc.nat({ max: 90 }), fc.constant<Fate>('refused'), fc.constant<Fate>(null))
    await fc.assert(fc.asyncProperty(fc.array(fate, { maxLength: 8 }), fc.integer({ min: 1, max: 100 }), async (fates, maxRecords) => {
      const partition = new FakePartition(300, fates)
      const cursor = cursorOf(partition)
      const records = await readAll(cursor, 300, maxRecords)
      expect(records.map(entryOf)).toEqual(upTo(300))
      expect(records.map(({ position }) => position)).toEqual(records.map(({ position }) => position).toSorted())
      expect(partition.mostUntaken).toBeLessThanOrEqual(streamMessagesMax)
      await cursor.close()
    }), propertySettings(60))
  })

  it('begins after the message it was told, and passes over messages of others without stalling', async () => {
    const reports: string[] = []
    const foreign = upTo(200, 20)
    const cursor = cursorOf(new FakePartition(300, [], foreign), reports, { ledger: 7, entry: 9, index: -1 })
    const records = await readAll(cursor, 110)
    expect(records.map(entryOf)).toEqual([...upTo(20, 10), ...upTo(300, 200)])
    expect(records[0]).toMatchObject({ partition: 0, events: 3, appendedAt: 1_010, sequence: undefined })
    expect(reports).toHaveLength(1)
    await cursor.close()
  })

  it('answers with nothing when there is nothing, and when it is closed', async () => {
    const cursor = cursorOf(new FakePartition(0, []))
    expect(await cursor.next({ maxRecords: 1, maxBytes: 1, waitMs: 0 })).toEqual([])
    const waiting = cursor.next({ maxRecords: 1, maxBytes: 1, waitMs: 1_000_000 })
    await cursor.close()
    expect(await waiting).toEqual([])
    expect(await cursor.next({ maxRecords: 1, maxBytes: 1, waitMs: 1_000_000 })).toEqual([])
  })
})
