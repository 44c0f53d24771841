import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { batchRow } from '../../test/contracts/batch-row.ts'
import { propertySettings } from '../../test/property-settings.ts'
import { systemClock } from '../platform/clock.ts'
import type { BatchRow, PartitionRow } from '../ports/oltp.ts'
import { DecidedWatch } from './decided-watch.ts'
import { type DecidedEvent, eventFeedPage, type FeedDependencies, type FeedRequest } from './event-feed.ts'

const never = new AbortController().signal
const whole: FeedRequest = { workspace: 1, limit: 1_000, dropped: false, waitMs: 0 }

/** Decided batches in memory: what a pump would have left. */
class Decided {
  readonly rows: BatchRow[][]
  readonly #events = new Map<BatchRow, readonly DecidedEvent[]>()
  #decidedAt = 0

  constructor(partitions: number) {
    this.rows = Array.from({ length: partitions }, () => [])
  }

  add(partition: number, events: readonly DecidedEvent[]): void {
    const list = this.rows[partition] ?? []
    this.#decidedAt += 1
    const row = batchRow(list.length + 1, { partition, decidedAt: this.#decidedAt, lineBytes: events.length * 100 })
    this.#events.set(row, events)
    list.push(row)
  }

  dependencies(): FeedDependencies {
    const reader: FeedDependencies['reader'] = {
      partitions: async () => this.rows.map((list, partition): PartitionRow => ({
        partition, batch: list.length, pumpEpoch: 1, loadEpoch: 1, position: null, sequence: null, archivedBatch: 0, loadedBatch: 0, load: 0,
      })),
      batches: async (partition, firstBatch, limit) => (this.rows[partition] ?? []).slice(firstBatch - 1, firstBatch - 1 + limit),
      identifiers: async () => [],
    }
    return {
      reader,
      watch: new DecidedWatch(reader, systemClock),
      decided: { read: async (row, from) => (this.#events.get(row) ?? []).slice(from) },
    }
  }
}

let made = 0
function event(part: Partial<DecidedEvent> = {}): DecidedEvent {
  made += 1
  const messageId = `m${made}`
  return {
    workspace: 1, messageId, receivedAt: 0, flags: [], length: 300, outcome: { profileId: 'p', identifierKey: 'k' },
    event: { messageId, type: 'track', event: 'Viewed', timestamp: '2026-01-01T00:00:00.000Z', receivedAt: '2026-01-01T00:00:00.000Z' }, ...part,
  }
}

async function readAll(decided: Decided, part: Partial<FeedRequest>, between: () => void = () => {}): Promise<readonly string[]> {
  const ids: string[] = []
  let after: string | undefined
  for (;;) {
    const page = await eventFeedPage({ ...whole, ...part, ...(after === undefined ? {} : { after }) }, decided.dependencies(), never)
    ids.push(...page.events.map(({ messageId }) => messageId))
    after = page.next
    if (!page.more && page.events.length === 0) return ids
    between()
  }
}

describe('the feed', () => {
  it('gives each event of the workspace once and in its order, whatever the pages and however it grows', async () => {
    const batches = fc.array(fc.record({ partition: fc.nat(2), kinds: fc.array(fc.constantFrom('own', 'other', 'dropped'), { maxLength: 6 }) }), { maxLength: 12 })
    await fc.assert(fc.asyncProperty(batches, batches, fc.integer({ min: 1, max: 7 }), async (first, later, limit) => {
      const decided = new Decided(3)
      const own: { partition: number; messageId: string }[] = []
      const add = ({ partition, kinds }: { partition: number; kinds: readonly string[] }): void => {
        const events = kinds.map((kind) => event(kind === 'other' ? { workspace: 2 } : kind === 'dropped' ? { outcome: { dropped: 'too_deep' } } : {}))
        events.forEach(({ messageId }, index) => kinds[index] === 'own' && own.push({ partition, messageId }))
        decided.add(partition, events)
      }
      first.forEach(add)
      const waiting = [...later]
      const ids = await readAll(decided, { limit }, () => {
        const next = waiting.shift()
        if (next !== undefined) add(next)
      })
      waiting.forEach(add)
      const rest = waiting.length === 0 ? [] : (await readAll(decided, { limit })).slice(ids.length)
      const seen = [...ids, ...rest]
      expect(seen.toSorted()).toEqual(own.map(({ messageId }) => messageId).toSorted())
      for (let partition = 0; partition < 3; partition += 1) {
        const wanted = own.filter((entry) => entry.partition === partition).map(({ messageId }) => messageId)
        expect(seen.filter((id) => wanted.includes(id))).toEqual(wanted)
      }
    }), propertySettings())
  })

  it('shows dropped ones with their reason if asked', async () => {
    const decided = new Decided(1)
    decided.add(0, [event(), event({ outcome: { dropped: 'bad_json' }, event: null })])
    const { events } = await eventFeedPage({ ...whole, dropped: true }, decided.dependencies(), never)
    expect(events.map(({ result, reason, metric, profileId }) => ({ result, reason, metric, profileId }))).toEqual([
      { result: 'stored', reason: undefined, metric: 'Viewed', profileId: 'p' },
      { result: 'dropped', reason: 'bad_json', metric: null, profileId: null },
    ])
    expect((await eventFeedPage(whole, decided.dependencies(), never)).events).toHaveLength(1)
  })

  it('ends a page by its size and goes on behind it', async () => {
    const decided = new Decided(1)
    decided.add(0, Array.from({ length: 10 }, () => event({ length: 1_500_000 })))
    const page = await eventFeedPage(whole, decided.dependencies(), never)
    expect(page).toMatchObject({ events: { length: 3 }, more: true })
    expect(await readAll(decided, {})).toHaveLength(10)
  })

  it('waits for the next event, not for those of others', async () => {
    const decided = new Decided(2)
    decided.add(0, [event()])
    const dependencies = decided.dependencies()
    const { next } = await eventFeedPage(whole, dependencies, never)
    const waiting = eventFeedPage({ ...whole, after: next, waitMs: 30_000 }, dependencies, never)
    decided.add(1, [event({ workspace: 2 })])
    const wanted = event()
    setTimeout(() => decided.add(1, [wanted]), 80)
    expect((await waiting).events.map(({ messageId }) => messageId)).toEqual([wanted.messageId])
  })

  it('ends the wait on abort, and after latest shows nothing old', async () => {
    const decided = new Decided(1)
    decided.add(0, [event()])
    const stop = new AbortController()
    const waiting = eventFeedPage({ ...whole, after: 'latest', waitMs: 30_000 }, decided.dependencies(), stop.signal)
    stop.abort()
    const { events, next } = await waiting
    expect(events).toEqual([])
    decided.add(0, [event()])
    expect((await eventFeedPage({ ...whole, after: next }, decided.dependencies(), never)).events).toHaveLength(1)
  })

  it.each(['x', 'latest2', Buffer.from('f1:a-b').toString('base64url'), Buffer.from('f2:1').toString('base64url'), 'A'.repeat(10_000)])('refuses the cursor %s', async (after) => {
    await expect(eventFeedPage({ ...whole, after }, new Decided(1).dependencies(), never)).rejects.toThrow('not a cursor')
  })

  it('refuses a cursor that is ahead of the store, instead of skipping what comes', async () => {
    const decided = new Decided(1)
    decided.add(0, [event()])
    const { next } = await eventFeedPage(whole, decided.dependencies(), never)
    await expect(eventFeedPage({ ...whole, after: next }, new Decided(1).dependencies(), never)).rejects.toThrow('ahead of what is decided')
  })
})
