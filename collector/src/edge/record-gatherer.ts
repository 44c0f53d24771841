import type { AcceptedEvent } from '../ingest/accept-events.ts'
import { partitionOf } from '../ingest/partition-of.ts'
import type { Clock } from '../platform/clock.ts'
import { MillraceError, messageOf } from '../platform/errors.ts'
import { joinedBytes } from '../platform/one-byte-text.ts'
import type { LogWriter } from '../ports/log.ts'
import { failStep } from '../platform/fail-point.ts'
import { LogWindow } from './log-window.ts'

/** What the gatherer needs of an accepted event. */
export type GatheredEvent = Pick<AcceptedEvent, 'partitionKey' | 'line'>

export type StoredIn = 'log' | 'spool'

export interface Appended {
  readonly storedIn: StoredIn
  /** Index of each event that is not known to be durable, and why; null if all are. */
  readonly failed: ReadonlyMap<number, MillraceError> | null
}

export interface GathererBounds {
  /** Bytes handed in and not yet durable; above: `overloaded`. */
  readonly pendingBytesMax: number
  /** A single longer event is a record of its own. */
  readonly recordBytesMax: number
  readonly recordEventsMax: number
  /** After this an event counts as not known to be durable, milliseconds. */
  readonly appendTimeoutMs: number
}

export const gathererDefaults: GathererBounds = Object.freeze({
  pendingBytesMax: 64 * 1024 * 1024,
  recordBytesMax: 256 * 1024,
  recordEventsMax: 500,
  appendTimeoutMs: 10_000,
})

export type AppendOutcome = 'ok' | 'failed' | 'unknown'

export interface GathererDependencies {
  readonly log: LogWriter
  readonly clock: Clock
  readonly metrics: { appended(outcome: AppendOutcome, ms: number): void }
}

/** One request's wait for its events. */
interface Ticket {
  /** Records it still waits for. */
  open: number
  storedIn: StoredIn
  failed: Map<number, MillraceError> | null
  resolve(appended: Appended): void
}

interface Share {
  readonly ticket: Ticket
  readonly indexes: number[]
}

/**
 * A record goes through: waiting (in its lane, takes events until full) → sent (the log has it) → settled.
 * It is answered once: when settled, or when its time is over, whichever is first. Its bytes count as pending until
 * it is settled, since a hung log still holds them.
 */
interface PendingRecord {
  /** What the request that is being handed in adds; afterwards in `pieces`, as bytes. */
  lines: string[]
  pieces: Buffer[]
  events: number
  bytes: number
  readonly shares: Share[]
  /** When its first event came, epoch milliseconds. */
  readonly since: number
  answered: boolean
}

/** One partition. While something is sent, what comes waits and goes together as soon as that is settled. */
interface Lane {
  readonly partition: number
  waiting: PendingRecord[]
  readonly sent: Set<PendingRecord>
}

/**
 * Gathers the events of many requests into records: the first goes to the log at once, what comes meanwhile joins
 * the next record of its partition, in order. A request is answered when all its records are durable, or failed.
 */
export class RecordGatherer {
  readonly #dependencies: GathererDependencies
  readonly #bounds: GathererBounds
  readonly #lanes: readonly Lane[]
  readonly #stop = new AbortController()
  #pendingBytes = 0
  #openTickets = 0
  #watching = false
  #closing = false
  #drained: () => void = () => {}
  #roomMade: () => void = () => {}
  readonly #window: LogWindow

  constructor(dependencies: GathererDependencies, bounds: Partial<GathererBounds> = {}) {
    this.#dependencies = dependencies
    this.#bounds = { ...gathererDefaults, ...bounds }
    this.#window = new LogWindow(() => dependencies.clock.elapsed())
    this.#lanes = Array.from({ length: dependencies.log.partitions }, (_, partition) => ({ partition, waiting: [], sent: new Set() }))
  }

  /** Bytes handed in and not yet settled. */
  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /** Ask before parsing: false means that `append` would refuse. */
  get hasRoom(): boolean {
    return !this.#closing && Math.max(this.#pendingBytes, this.#dependencies.log.pendingBytes()) < this.#bounds.pendingBytesMax
  }

  /** False: what is appended now waits in the log behind what others appended, longer than its own write takes. */
  get keepsUp(): boolean {
    return this.#window.allows(this.#pendingBytes)
  }

  /** Has `told` called whenever {@link RecordGatherer.keepsUp} may have become true. */
  onRoom(told: () => void): void {
    this.#roomMade = told
  }

  /**
   * Resolves when every event is durable or is known not to be. Rejects, having appended nothing, with `overloaded`
   * above the bound, `body_too_large` if these events alone exceed it, and `closed` after {@link close}.
   */
  async append(events: readonly GatheredEvent[]): Promise<Appended> {
    if (this.#closing) throw new MillraceError('closed', 'the collector is stopping', { retryable: true })
    this.#takeRoom(events.reduce((sum, { line }) => sum + line.length, 0))
    if (events.length === 0) return { storedIn: this.#storedIn(), failed: null }
    return new Promise((resolve) => {
      const ticket: Ticket = { open: 0, storedIn: 'log', failed: null, resolve }
      this.#openTickets += 1
      const touched = new Set<Lane>()
      events.forEach((event, index) => {
        const lane = this.#lanes[partitionOf(event.partitionKey, this.#lanes.length)]
        if (lane === undefined) throw new MillraceError('internal', 'an event has no partition')
        this.#add({ lane, ticket, line: event.line, index })
        touched.add(lane)
      })
      for (const lane of touched) {
        if (lane.sent.size === 0) this.#send(lane)
        else lane.waiting.forEach(packLines)
      }
      this.#watch()
    })
  }

  /** Takes nothing more; resolves when every request is answered. */
  async close(): Promise<void> {
    this.#closing = true
    if (this.#openTickets > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve
      })
    }
    this.#stop.abort()
  }

  #takeRoom(bytes: number): void {
    const { pendingBytesMax } = this.#bounds
    if (bytes > pendingBytesMax) {
      throw new MillraceError('body_too_large', `the events of one body may take at most ${pendingBytesMax} bytes`)
    }
    if (this.#pendingBytes + bytes > pendingBytesMax) {
      throw new MillraceError('overloaded', 'the log does not keep up', { retryable: true })
    }
    this.#pendingBytes += bytes
  }

  #storedIn(): StoredIn {
    return this.#dependencies.log.readiness().storedIn ?? 'log'
  }

  #add(item: { lane: Lane, ticket: Ticket, line: string, index: number }): void {
    const { lane, ticket, line, index } = item
    const bytes = line.length
    let record = lane.waiting.at(-1)
    if (record === undefined || record.events >= this.#bounds.recordEventsMax || record.bytes + bytes > this.#bounds.recordBytesMax) {
      record = { lines: [], pieces: [], events: 0, bytes: 0, shares: [], since: this.#dependencies.clock.elapsed(), answered: false }
      lane.waiting.push(record)
    }
    record.lines.push(line)
    record.events += 1
    record.bytes += bytes
    const share = record.shares.at(-1)
    if (share?.ticket === ticket) {
      share.indexes.push(index)
    } else {
      record.shares.push({ ticket, indexes: [index] })
      ticket.open += 1
    }
  }

  #send(lane: Lane): void {
    const records = lane.waiting
    lane.waiting = []
    // All are in `sent` before the first can settle, so that nothing overtakes them.
    for (const record of records) lane.sent.add(record)
    const pendingBytes = this.#pendingBytes
    for (const record of records) {
      const startedAt = performance.now()
      const settle = (error: MillraceError | null): void => {
        const ms = performance.now() - startedAt
        if (error === null) this.#window.answered(ms, pendingBytes)
        this.#settle(lane, record, { error, ms })
      }
      this.#appendRecord(lane.partition, record).then(() => settle(null), (error: unknown) => settle(asMillrace(error)))
    }
  }

  async #appendRecord(partition: number, record: PendingRecord): Promise<void> {
    packLines(record)
    const [first] = record.pieces
    const payload = record.pieces.length === 1 && first !== undefined ? first : Buffer.concat(record.pieces, record.bytes)
    // From here on the payload is the only copy this side holds.
    record.pieces = []
    await failStep('edge.append', () => this.#dependencies.log.append(partition, payload, record.events))
  }

  #settle(lane: Lane, record: PendingRecord, result: { error: MillraceError | null, ms: number }): void {
    const { error, ms } = result
    lane.sent.delete(record)
    this.#pendingBytes -= record.bytes
    this.#dependencies.metrics.appended(outcomeOf(error), ms)
    this.#answer(record, error)
    if (lane.sent.size === 0 && lane.waiting.length > 0) this.#send(lane)
    this.#roomMade()
  }

  #answer(record: PendingRecord, error: MillraceError | null): void {
    if (record.answered) return
    record.answered = true
    const storedIn = error === null ? this.#storedIn() : 'log'
    for (const { ticket, indexes } of record.shares) {
      if (storedIn === 'spool') ticket.storedIn = 'spool'
      if (error !== null) {
        ticket.failed ??= new Map()
        for (const index of indexes) ticket.failed.set(index, error)
      }
      ticket.open -= 1
      if (ticket.open === 0) this.#finish(ticket)
    }
  }

  #finish(ticket: Ticket): void {
    ticket.resolve({ storedIn: ticket.storedIn, failed: ticket.failed })
    this.#openTickets -= 1
    if (this.#openTickets === 0) this.#drained()
  }

  /** One timer for all rather than one a request; it runs while somebody waits. */
  #watch(): void {
    if (this.#watching) return
    this.#watching = true
    this.#watchLoop().catch(() => {
      this.#watching = false
    })
  }

  async #watchLoop(): Promise<void> {
    const { clock } = this.#dependencies
    const stepMs = Math.max(1, Math.ceil(this.#bounds.appendTimeoutMs / 10))
    while (this.#openTickets > 0 && !this.#stop.signal.aborted) {
      await clock.sleep(stepMs, this.#stop.signal)
      this.#expire(clock.elapsed() - this.#bounds.appendTimeoutMs)
      this.#roomMade()
    }
    this.#watching = false
  }

  #expire(before: number): void {
    for (const lane of this.#lanes) {
      for (const record of lane.sent) {
        if (record.since > before || record.answered) continue
        this.#answer(record, new MillraceError('outcome_unknown', 'the log did not answer in time', { retryable: true }))
      }
      for (const record of lane.waiting.filter(({ since }) => since <= before)) {
        // It was never sent, so it can be taken back for certain.
        this.#pendingBytes -= record.bytes
        this.#answer(record, new MillraceError('log_failed', 'the log is busy with earlier records', { retryable: true }))
      }
      lane.waiting = lane.waiting.filter(({ answered }) => !answered)
    }
  }
}

/** While it waits a record is bytes: its lines would keep alive the whole bodies that they were cut from. */
function packLines(record: PendingRecord): void {
  if (record.lines.length === 0) return
  record.pieces.push(joinedBytes(record.lines))
  record.lines = []
}

function outcomeOf(error: MillraceError | null): AppendOutcome {
  if (error === null) return 'ok'
  return error.code === 'outcome_unknown' ? 'unknown' : 'failed'
}

/** Whatever else a driver throws says nothing of what is on disk. */
function asMillrace(error: unknown): MillraceError {
  if (error instanceof MillraceError) return error
  return new MillraceError('outcome_unknown', `the log failed: ${messageOf(error)}`, { retryable: true, cause: error })
}
