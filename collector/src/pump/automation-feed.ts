import { metricOf } from '@millrace/schemas'
import { liveSettings } from '../automation/read-settings.ts'
import { type DecidedEvent, takeEvents, type TakenEvents } from '../automation/take-events.ts'
import { NameSet } from '../automation/event-name.ts'
import type { Clock } from '../platform/clock.ts'
import { failStep } from '../platform/fail-point.ts'
import type { AutomationStore, ConsumerFence } from '../ports/automation-store.ts'
import type { BatchRow, Oltp } from '../ports/oltp.ts'
import type { BatchBuffer } from './batch-buffer.ts'
import type { BatchSource } from './batch-source.ts'
import { readArchiveLine } from './read-archive-line.ts'

export interface FeedDependencies {
  readonly oltp: Pick<Oltp, 'partition' | 'batches'>
  readonly store: Pick<AutomationStore, 'automations' | 'consume'>
  readonly source: BatchSource
  readonly clock: Clock
  readonly taken: (events: TakenEvents) => void
}

export interface ClaimedConsumer {
  readonly fence: ConsumerFence
  readonly consumedBatch: number
}

/** Lines of one transaction; a run holds at least one batch. */
const runBytesMax = 8_388_608
const runBatchesMax = 100
/** How often the cursor moves while no automation is switched on, and how long a quiet partition waits to look again. */
const idleMs = 1_000

/**
 * Shows decided batches of one partition to automations, in order, behind a cursor of its own: what a run of batches does
 * to timers and the cursor behind it are one commit, so a crash repeats nothing and skips nothing.
 */
export class AutomationFeed {
  readonly #fence: ConsumerFence
  readonly #dependencies: FeedDependencies
  #batch: number
  #movedAt = Number.NEGATIVE_INFINITY

  constructor(claimed: ClaimedConsumer, dependencies: FeedDependencies) {
    this.#fence = claimed.fence
    this.#batch = claimed.consumedBatch
    this.#dependencies = dependencies
  }

  /** As {@link Archiver.step}. */
  async step(buffer: BatchBuffer): Promise<number> {
    const { oltp, store, clock } = this.#dependencies
    const { partition } = this.#fence
    // The partition before the settings: a batch that is decided by now was sent before any setting that is read after.
    const { batch } = await oltp.partition(partition)
    if (batch === this.#batch) return idleMs
    const wanted = wantedNames((await store.automations()).map(liveSettings))
    if (wanted === null) {
      if (clock.elapsed() - this.#movedAt < idleMs) return idleMs
      this.#movedAt = clock.elapsed()
      await this.#take(batch, [])
      return idleMs
    }
    const run = runOf(await oltp.batches(partition, this.#batch + 1, Math.min(runBatchesMax, batch - this.#batch)))
    const events: DecidedEvent[] = []
    for (const row of run) events.push(...eventsIn(await this.#dependencies.source.lines(row, buffer), wanted))
    await this.#take(run.at(-1)?.batch ?? this.#batch, events)
    return 0
  }

  async #take(throughBatch: number, events: readonly DecidedEvent[]): Promise<void> {
    const { store } = this.#dependencies
    const taken = await failStep('automation.take', () => store.consume(this.#fence, throughBatch, (transaction) => takeEvents(transaction, events)))
    this.#batch = throughBatch
    this.#dependencies.taken(taken)
  }
}

/** Null where no automation is switched on. */
function wantedNames(all: readonly ReturnType<typeof liveSettings>[]): NameSet | null {
  const enabled = all.filter(({ settings }) => settings.enabled)
  return enabled.length === 0 ? null : new NameSet(enabled.flatMap(({ settings }) => [...settings.cartMetrics, ...settings.orderMetrics]))
}

function runOf(pending: readonly BatchRow[]): readonly BatchRow[] {
  const run: BatchRow[] = []
  let bytes = 0
  for (const row of pending) {
    bytes += row.lineBytes
    if (run.length > 0 && bytes > runBytesMax) break
    run.push(row)
  }
  return run
}

const trackStart = '"type":"track","event":'

/** Tracks with a wanted name among the archive lines of a batch. Most lines are none, and are not parsed. */
function eventsIn(lines: Buffer, wanted: NameSet): readonly DecidedEvent[] {
  const text = lines.toString('utf8')
  const events: DecidedEvent[] = []
  for (let start = 0; start < text.length;) {
    const end = text.indexOf('\n', start)
    const line = text.slice(start, end < 0 ? text.length : end)
    start = end < 0 ? text.length : end + 1
    const name = trackName(line)
    if (name === null || !wanted.has(name)) continue
    const archived = readArchiveLine(line)
    if (archived === null) continue
    const { workspace, identifierKey, receivedAt, flags, event } = archived
    events.push({
      workspace, identifierKey, receivedAt, metric: metricOf(event), messageId: event.messageId, time: Date.parse(event.timestamp),
      isHistory: flags.includes('imported') || event['backfill'] === true || event.context?.['backfill'] === true,
    })
  }
  return events
}

/** The edge writes type and event in this order, before anything a client could have nested. */
function trackName(line: string): string | null {
  const at = line.indexOf(trackStart)
  if (at < 0) return null
  const text = /^"(?:[^"\\]|\\.)*"/.exec(line.slice(at + trackStart.length, at + trackStart.length + 2_048))?.[0]
  const name: unknown = text === undefined ? null : JSON.parse(text)
  return typeof name === 'string' ? name : null
}
