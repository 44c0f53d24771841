import { MillraceError, messageOf } from '../../platform/errors.ts'
import type { LogPosition, LogReadiness, LogWriter } from '../../ports/log.ts'
import type { KafkaCluster } from './kafka-cluster.ts'
import { KafkaLane } from './kafka-lane.ts'
import { kafkaPosition } from './kafka-position.ts'
import { producingAt } from './kafka-producing.ts'
import { type KafkaTopic, makeTopic, recordBytesMax } from './kafka-topic.ts'

export interface KafkaWriterSettings {
  readonly partitions: number
  readonly topic: KafkaTopic
  /** How long an append may take before it fails, milliseconds. */
  readonly appendTimeoutMs: number
}

/** How often it is asked whether a broker that failed is back. */
const healMs = 500
/** How long `close` waits for what is under way. */
const closeMs = 5_000

/** One of any number of producers of the topic. */
export class KafkaLogWriter implements LogWriter {
  readonly partitions: number
  readonly #cluster: KafkaCluster
  readonly #lanes: readonly KafkaLane[]
  readonly #closing = new AbortController()
  readonly #stop = new AbortController()
  #topic: KafkaTopic
  #pendingBytes = 0
  #fault: MillraceError | null = null
  #healing: Promise<void> | null = null

  constructor(cluster: KafkaCluster, { partitions, topic, appendTimeoutMs }: KafkaWriterSettings) {
    this.partitions = partitions
    this.#cluster = cluster
    this.#topic = topic
    const broker = producingAt(cluster)
    this.#lanes = Array.from({ length: partitions }, (_, partition) => new KafkaLane({
      broker, clock: cluster.clock, partition, appendTimeoutMs, signal: this.#stop.signal, topic: () => this.#topic, health: (fault) => this.#note(fault),
    }))
  }

  async append(partition: number, payload: Uint8Array, events: number): Promise<LogPosition | null> {
    const lane = this.#lanes[partition]
    if (lane === undefined) throw new MillraceError('internal', `there is no partition ${partition}`)
    if (this.#closing.signal.aborted) throw new MillraceError('closed', 'the log is closed')
    if (payload.length > recordBytesMax) {
      throw new MillraceError('log_failed', `a record of ${payload.length} bytes is over the bound of the Kafka log, ${recordBytesMax}`)
    }
    this.#pendingBytes += payload.length
    try {
      return await lane.append(payload, events)
    } finally {
      this.#pendingBytes -= payload.length
    }
  }

  readiness(): LogReadiness {
    if (this.#closing.signal.aborted) return { ready: false, reason: 'the log is closed' }
    return this.#fault === null ? { ready: true } : { ready: false, reason: messageOf(this.#fault) }
  }

  pendingBytes(): number {
    return this.#pendingBytes
  }

  /** Waits five seconds for what is under way; what is not stored by then fails. */
  /** The archiver's acknowledgement already deleted the records; the broker removes their files in its own time. */
  trim(): Promise<boolean> {
    return Promise.resolve(true)
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    const idle = new AbortController()
    const late = this.#cluster.clock.sleep(closeMs, idle.signal).then(() => this.#stop.abort())
    await Promise.all(this.#lanes.map((lane) => lane.idle()))
    idle.abort()
    await late
    await this.#healing
    await this.#cluster.close()
  }

  #note(fault: MillraceError | null): void {
    this.#fault = fault
    if (fault !== null && !this.#closing.signal.aborted) this.#healing ??= this.#heal()
  }

  /** Until the broker answers; a topic that is gone is made again, and sorts after its earlier life. */
  async #heal(): Promise<void> {
    const { clock } = this.#cluster
    while (this.#fault !== null && !this.#closing.signal.aborted) {
      await clock.sleep(healMs, this.#closing.signal)
      if (this.#closing.signal.aborted) break
      try {
        const notBefore = kafkaPosition({ incarnation: this.#topic.incarnation, offset: 0n })
        this.#topic = await this.#cluster.patiently(() => makeTopic(this.#cluster, { partitions: this.partitions, notBefore }))
        this.#fault = null
      } catch (error) {
        this.#fault = error instanceof MillraceError ? error : new MillraceError('unavailable', messageOf(error), { retryable: true, cause: error })
      }
    }
    this.#healing = null
  }
}
