import { MillraceError } from '../../platform/errors.ts'
import type { LogCursor, LogRecord, ReadBounds } from '../../ports/log.ts'
import type { KafkaCluster } from './kafka-cluster.ts'
import { hasCode, kafkaFault } from './kafka-fault.ts'
import { decodeBatches } from './kafka-record.ts'
import type { KafkaTopic } from './kafka-topic.ts'

export interface KafkaCursorOptions {
  readonly cluster: KafkaCluster
  readonly topic: KafkaTopic
  readonly partition: number
  /** Of the first record to give. */
  readonly offset: bigint
  readonly closed: () => void
}

/** Bytes asked for at once, beyond which only a single long batch goes. */
const fetchBytes = [65_536, 4_194_304] as const
/** How long the broker waits for a record before it answers that there is none. */
const fetchWaitMsMax = 5_000
/** How long an answer may take beyond that before the caller is told that there is none. */
const graceMs = 2_000
const backoffMs = [50, 1_000] as const

let cursors = 0

/** Reads one partition over a connection of its own, since a broker answers one question of a connection after another. */
export class KafkaLogCursor implements LogCursor {
  readonly #options: KafkaCursorOptions
  readonly #key = `cursor ${cursors += 1}`
  readonly #stop = new AbortController()
  #waiting: LogRecord[] = []
  #offset: bigint
  #fetching: Promise<void> | null = null
  #failures = 0
  #warned = false

  constructor(options: KafkaCursorOptions) {
    this.#options = options
    this.#offset = options.offset
  }

  /**
   * Empty also while the broker is away. Fails with `log_gap` where the records are gone or the topic is another one,
   * and with `bad_config` where the broker lets this user not read.
   */
  async next({ maxRecords, maxBytes, waitMs }: ReadBounds): Promise<readonly LogRecord[]> {
    const { clock } = this.#options.cluster
    const deadline = performance.now() + waitMs
    for (let asked = false; !this.#stop.signal.aborted; asked = true) {
      if (this.#waiting.length > 0) return this.#take(maxRecords, maxBytes)
      const restMs = Math.max(0, deadline - performance.now())
      if (asked && restMs === 0) return []
      try {
        await this.#answered(restMs, maxBytes)
        this.#failures = 0
      } catch (error) {
        this.#judge(error)
        const backoff = Math.min(backoffMs[1], backoffMs[0] * 2 ** Math.min(this.#failures, 5))
        this.#failures += 1
        await clock.sleep(Math.min(backoff, Math.max(0, deadline - performance.now())), this.#stop.signal)
      }
    }
    return []
  }

  async close(): Promise<void> {
    if (this.#stop.signal.aborted) return
    this.#stop.abort()
    this.#options.closed()
    this.#waiting = []
    // Ends a waiting question.
    await this.#options.cluster.disconnect(this.#key)
  }

  #take(maxRecords: number, maxBytes: number): readonly LogRecord[] {
    let bytes = 0
    const end = this.#waiting.findIndex(({ payload }, index) => {
      bytes += payload.length
      return index >= maxRecords || (index > 0 && bytes > maxBytes)
    })
    return this.#waiting.splice(0, end < 0 ? this.#waiting.length : end)
  }

  /** Resolves when a question was answered, or after the time; the question stays under way then. */
  async #answered(waitMs: number, maxBytes: number): Promise<void> {
    const { clock } = this.#options.cluster
    const fetching = this.#fetching ??= this.#fetch(Math.min(fetchWaitMsMax, Math.floor(waitMs)), maxBytes).finally(() => {
      this.#fetching = null
    })
    const answered = new AbortController()
    const late = clock.sleep(waitMs + graceMs, AbortSignal.any([answered.signal, this.#stop.signal]))
    try {
      await Promise.race([fetching, late])
    } finally {
      answered.abort()
      fetching.catch(() => undefined)
    }
  }

  async #fetch(waitMs: number, maxBytes: number): Promise<void> {
    const { cluster, topic, partition } = this.#options
    const connection = await cluster.connection(await cluster.leaderOf(partition), this.#key)
    const bytes = Math.min(fetchBytes[1], Math.max(fetchBytes[0], maxBytes))
    const { responses } = await cluster.package.fetchV13.api.async(connection, waitMs, 1, bytes, 0, 0, -1, [{
      topicId: topic.id, partitions: [{ partition, currentLeaderEpoch: -1, fetchOffset: this.#offset, lastFetchedEpoch: -1, partitionMaxBytes: bytes }],
    }], [], '')
    const batches = responses[0]?.partitions[0]?.records ?? []
    const { records, next, foreign } = decodeBatches(batches, { partition, incarnation: topic.incarnation, from: this.#offset })
    this.#offset = next
    this.#waiting.push(...records)
    if (foreign > 0 && !this.#warned) {
      this.#warned = true
      process.emitWarning(`the topic ${cluster.address.topic} of ${cluster.name} holds records of another program, which are passed over; keep it for Millrace alone`)
    }
  }

  /** Throws what waiting cannot mend. */
  #judge(error: unknown): void {
    if (this.#stop.signal.aborted) return
    const { cluster, partition } = this.#options
    const where = `partition ${partition} of the topic ${cluster.address.topic} of ${cluster.name}`
    if (hasCode(error, 'OFFSET_OUT_OF_RANGE')) {
      throw new MillraceError('log_gap', `${where} holds no record ${this.#offset} any more, or ends before it`, { cause: error })
    }
    if (hasCode(error, 'UNKNOWN_TOPIC_ID', 'INCONSISTENT_TOPIC_ID')) throw new MillraceError('log_gap', `${where} is another one now: it was deleted and made anew`, { cause: error })
    const fault = kafkaFault(cluster.name, error)
    if (!fault.retryable) throw fault
    cluster.forgetLayout()
  }
}
