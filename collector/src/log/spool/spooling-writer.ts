import type { Clock } from '../../platform/clock.ts'
import { hasCode, MillraceError, messageOf } from '../../platform/errors.ts'
import type { LogPosition, LogReadiness, LogReader, LogRecord, LogWriter } from '../../ports/log.ts'
import { failStep } from '../../platform/fail-point.ts'

/** The local log that stands in; its reader remembers how far it was forwarded. */
export interface SpoolReader extends LogReader {
  acknowledged(partition: number): LogPosition | null
}

export interface SpoolDependencies {
  readonly broker: LogWriter
  readonly spool: LogWriter
  readonly reader: SpoolReader
  readonly clock: Clock
  readonly report: (message: string) => void
}

export interface SpoolBounds {
  /** Bytes of events that may wait for the broker; above it appends fail with `log_full`. */
  readonly bytesMax: number
  /** How long the broker may take for an append before the record goes to the spool. */
  readonly brokerTimeoutMs: number
}

/** One partition: straight to the broker, or through the spool until all of it is forwarded. */
interface Lane {
  readonly partition: number
  spooling: boolean
  /** Appends under way to the broker and to the spool. */
  direct: number
  entering: number
  /** Records in the spool that are not forwarded, and their bytes. */
  waiting: number
  bytes: number
  /** How often the count became doubtful: an append with an unknown outcome, a forwarding that was cut off. Then only an empty read says that the spool is empty. */
  doubts: number
  /** Doubts that a read of the whole spool has settled. */
  settled: number
}

const retryMs = [100, 10_000] as const
const forwardBounds = { maxRecords: 256, maxBytes: 4_194_304, waitMs: 100 }

/**
 * Lets the edge go on while the broker is away: records go to a durable local log and are forwarded in order when the
 * broker is back. A partition that has anything in the spool sends everything through it, so nothing overtakes. A record
 * whose outcome at the broker is unknown is sent again; deciding drops what then comes twice.
 */
export class SpoolingWriter implements LogWriter {
  readonly partitions: number
  readonly #dependencies: SpoolDependencies
  readonly #bounds: SpoolBounds
  readonly #lanes: readonly Lane[]
  readonly #stop = new AbortController()
  readonly #forwarding = new Set<Promise<void>>()

  private constructor(dependencies: SpoolDependencies, bounds: SpoolBounds) {
    this.partitions = dependencies.broker.partitions
    this.#dependencies = dependencies
    this.#bounds = bounds
    this.#lanes = Array.from({ length: this.partitions }, (_, partition) => ({ partition, spooling: false, direct: 0, entering: 0, waiting: 0, bytes: 0, doubts: 0, settled: 0 }))
  }

  /** Starts forwarding what an earlier process left. */
  static async open(dependencies: SpoolDependencies, bounds: SpoolBounds): Promise<SpoolingWriter> {
    const writer = new SpoolingWriter(dependencies, bounds)
    for (const lane of writer.#lanes) await writer.#count(lane)
    return writer
  }

  /** Bytes that wait for the broker. */
  get spooledBytes(): number {
    return this.#lanes.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  async append(partition: number, payload: Uint8Array, events: number): Promise<LogPosition | null> {
    const lane = this.#lanes[partition]
    if (lane === undefined) throw new MillraceError('internal', `there is no partition ${partition}`)
    if (this.#stop.signal.aborted) throw new MillraceError('closed', 'the log is closed')
    if (lane.spooling) return this.#spool(lane, payload, events)
    lane.direct += 1
    try {
      return await this.#send(partition, payload, events)
    } catch (error) {
      if (!lane.spooling) this.#dependencies.report(`the broker is away, partition ${partition} goes to the spool: ${messageOf(error)}`)
      return await this.#spool(lane, payload, events)
    } finally {
      lane.direct -= 1
    }
  }

  readiness(): LogReadiness {
    const { broker, spool } = this.#dependencies
    const spooling = this.#lanes.some((lane) => lane.spooling)
    const direct = broker.readiness()
    if (!spooling && direct.ready) return { ready: true, storedIn: 'log' }
    if (this.spooledBytes >= this.#bounds.bytesMax) return { ready: false, reason: `the spool is full and the broker is away: ${direct.reason ?? 'not caught up'}` }
    const local = spool.readiness()
    return local.ready ? { ready: true, storedIn: 'spool' } : local
  }

  pendingBytes(): number {
    return this.#dependencies.broker.pendingBytes() + this.#dependencies.spool.pendingBytes()
  }

  /** What still waits for the broker stays. */
  async trim(): Promise<boolean> {
    const trimmed = await Promise.all([this.#dependencies.spool.trim(), this.#dependencies.broker.trim()])
    return trimmed.every((done) => done)
  }

  /** What is not forwarded stays in the spool for the next start. */
  async close(): Promise<void> {
    const { broker, spool, reader } = this.#dependencies
    this.#stop.abort()
    await Promise.all(this.#forwarding)
    await reader.close()
    await Promise.all([broker.close(), spool.close()])
  }

  async #count(lane: Lane): Promise<void> {
    const { reader } = this.#dependencies
    const cursor = await reader.open(lane.partition, reader.acknowledged(lane.partition))
    try {
      for (;;) {
        const records = await cursor.next({ ...forwardBounds, waitMs: 0 })
        if (records.length === 0) break
        lane.waiting += records.length
        lane.bytes += sizeOf(records)
      }
    } finally {
      await cursor.close()
    }
    if (lane.waiting > 0) this.#enter(lane)
  }

  async #spool(lane: Lane, payload: Uint8Array, events: number): Promise<null> {
    if (this.spooledBytes + payload.length > this.#bounds.bytesMax) {
      throw new MillraceError('log_full', 'the spool is full and the broker is away', { retryable: true })
    }
    this.#enter(lane)
    lane.bytes += payload.length
    lane.entering += 1
    try {
      await failStep('spool.append', () => this.#dependencies.spool.append(lane.partition, payload, events))
      lane.waiting += 1
      return null
    } catch (error) {
      if (hasCode(error, 'outcome_unknown')) lane.doubts += 1
      else lane.bytes -= payload.length
      throw error
    } finally {
      lane.entering -= 1
    }
  }

  #enter(lane: Lane): void {
    if (lane.spooling) return
    lane.spooling = true
    const forwarding = this.#forwardAll(lane)
    this.#forwarding.add(forwarding)
    void forwarding.finally(() => this.#forwarding.delete(forwarding))
  }

  /** Until it is done: a spool that was left half forwarded would be overtaken by what comes next. */
  async #forwardAll(lane: Lane): Promise<void> {
    const { report, clock } = this.#dependencies
    for (let attempt = 0; lane.spooling && !this.#stop.signal.aborted; attempt += 1) {
      try {
        await this.#forward(lane)
      } catch (error) {
        report(`the spool of partition ${lane.partition} cannot be forwarded, it is tried again: ${messageOf(error)}`)
        // What was sent and not acknowledged is read again, so the count is not to be relied on.
        lane.doubts += 1
        await clock.sleep(Math.min(retryMs[1], retryMs[0] * 2 ** Math.min(attempt, 7)), this.#stop.signal)
      }
    }
  }

  async #forward(lane: Lane): Promise<void> {
    const { reader, report } = this.#dependencies
    const cursor = await reader.open(lane.partition, reader.acknowledged(lane.partition))
    try {
      while (!this.#stop.signal.aborted) {
        const { waiting, entering, doubts } = lane
        const records = await cursor.next(forwardBounds)
        if (records.length > 0) await this.#forwardRecords(lane, records)
        else if (entering === 0 && lane.entering === 0 && lane.waiting === waiting && lane.doubts === doubts) settle(lane)
        // No await between the question and the answer: an append either sees `spooling` or is counted here.
        if (lane.waiting === 0 && lane.doubts === lane.settled && lane.entering === 0 && lane.direct === 0) {
          lane.spooling = false
          report(`partition ${lane.partition} is forwarded and goes straight to the broker again`)
          return
        }
      }
    } finally {
      await cursor.close()
    }
  }

  async #forwardRecords(lane: Lane, records: readonly LogRecord[]): Promise<void> {
    for (const record of records) {
      for (let attempt = 0; !(await this.#forwarded(record)); attempt += 1) {
        if (this.#stop.signal.aborted) return
        await this.#dependencies.clock.sleep(Math.min(retryMs[1], retryMs[0] * 2 ** Math.min(attempt, 7)), this.#stop.signal)
      }
      lane.waiting = Math.max(0, lane.waiting - 1)
      lane.bytes = Math.max(0, lane.bytes - record.payload.length)
    }
    const last = records.at(-1)
    if (last !== undefined) await failStep('spool.acknowledge', () => this.#dependencies.reader.acknowledge(lane.partition, last.position))
  }

  async #forwarded({ partition, payload, events }: LogRecord): Promise<boolean> {
    if (this.#stop.signal.aborted) return false
    return failStep('spool.forward', () => this.#send(partition, payload, events)).then(() => true, () => false)
  }

  /** A broker that hangs is as good as one that is away. */
  async #send(partition: number, payload: Uint8Array, events: number): Promise<LogPosition | null> {
    const answered = new AbortController()
    const late = this.#dependencies.clock.sleep(this.#bounds.brokerTimeoutMs, answered.signal).then(() => {
      throw new MillraceError('outcome_unknown', `the broker did not answer within ${this.#bounds.brokerTimeoutMs} ms`, { retryable: true })
    })
    try {
      return await Promise.race([this.#dependencies.broker.append(partition, payload, events), late])
    } finally {
      answered.abort()
    }
  }
}

/** Nothing came in since before the read, and the read found nothing: the spool of the lane is empty. */
function settle(lane: Lane): void {
  lane.settled = lane.doubts
  lane.waiting = 0
  lane.bytes = 0
}

function sizeOf(records: readonly LogRecord[]): number {
  return records.reduce((sum, { payload }) => sum + payload.length, 0)
}
