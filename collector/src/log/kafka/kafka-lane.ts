import type { Connection } from '@platformatic/kafka'
import { MillraceError, messageOf } from '../../platform/errors.ts'
import type { LogPosition } from '../../ports/log.ts'
import type { KafkaCluster } from './kafka-cluster.ts'
import { hasCode, kafkaFault, signsOf } from './kafka-fault.ts'
import { kafkaPosition } from './kafka-position.ts'
import { encodeRecord } from './kafka-record.ts'
import { batchBytesMax, type KafkaTopic } from './kafka-topic.ts'

export interface LaneDependencies {
  readonly cluster: KafkaCluster
  readonly partition: number
  readonly appendTimeoutMs: number
  /** Gives up when aborted. */
  readonly signal: AbortSignal
  topic(): KafkaTopic
  /** null: the broker answered. */
  health(fault: MillraceError | null): void
}

interface Waiting {
  readonly payload: Uint8Array
  readonly events: number
  /** On the clock of `performance.now`. */
  readonly deadline: number
  resolve(position: LogPosition | null): void
  reject(error: MillraceError): void
}

/** Who the broker takes this lane for; it knows a batch that is sent again by these three. */
interface Producer {
  readonly id: bigint
  readonly epoch: number
  sequence: number
}

interface Route {
  readonly connection: Connection
  readonly producer: Producer
}

/** Connections a broker; the lanes share them. */
const connectionsMax = 4
const backoffMs = [20, 1_000] as const
/** How long the broker may wait for the copies. */
const copiesTimeoutMs = 5_000
const sequenceMax = 1_000_000_000

/** Answers after which the batch may be stored or not; every other answer with an error says that it is not. */
const unclear = ['REQUEST_TIMED_OUT', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND']
const strangers = ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'UNKNOWN_PRODUCER_ID', 'INVALID_PRODUCER_EPOCH']

/**
 * The appends of one partition, in order: one batch is under way at a time, and what comes meanwhile makes the next. A
 * batch whose answer is lost is sent again under the same producer and sequence, by which the broker stores it once. A
 * batch that is given up ends the producer, so that no later batch can be taken for it.
 */
export class KafkaLane {
  readonly #dependencies: LaneDependencies
  readonly #waiting: Waiting[] = []
  #running: Promise<void> | null = null
  #producer: Producer | null = null

  constructor(dependencies: LaneDependencies) {
    this.#dependencies = dependencies
  }

  append(payload: Uint8Array, events: number): Promise<LogPosition | null> {
    return new Promise((resolve, reject) => {
      const deadline = performance.now() + this.#dependencies.appendTimeoutMs
      this.#waiting.push({ payload, events, deadline, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    // What is appended in the same turn makes one batch.
    await Promise.resolve()
    while (this.#waiting.length > 0) await this.#store(this.#take())
    this.#running = null
  }

  #take(): readonly Waiting[] {
    let bytes = 0
    const end = this.#waiting.findIndex(({ payload }, index) => {
      bytes += payload.length
      return index > 0 && bytes > batchBytesMax
    })
    return this.#waiting.splice(0, end < 0 ? this.#waiting.length : end)
  }

  async #store(batch: readonly Waiting[]): Promise<void> {
    const { cluster, health, signal } = this.#dependencies
    const deadline = batch[0]?.deadline ?? 0
    // Whether the broker may hold it though nobody knows.
    let unknown = false
    let fault = new MillraceError('unavailable', `${cluster.name} was not asked in time`, { retryable: true })
    for (let attempt = 0; !signal.aborted && performance.now() < deadline; attempt += 1) {
      const before: boolean = unknown
      try {
        const route = await this.#within(deadline, this.#route())
        unknown = true
        const first = await this.#within(deadline, this.#send(batch, route))
        route.producer.sequence += batch.length
        health(null)
        this.#answer(batch, first)
        return
      } catch (error) {
        if (isAnswer(error) && !hasCode(error, ...unclear)) unknown = before
        fault = kafkaFault(cluster.name, error)
        if (hasCode(error, ...strangers)) {
          this.#producer = null
          // It forgot the producer: a batch sent before cannot be told from a new one any more.
          if (unknown) break
        }
        if (isLasting(error, fault)) break
      }
      health(fault)
      cluster.forgetLayout()
      await cluster.clock.sleep(Math.min(backoffMs[1], backoffMs[0] * 2 ** Math.min(attempt, 6), Math.max(0, deadline - performance.now())), signal)
    }
    health(fault)
    if (unknown) this.#producer = null
    const error = givenUp(fault, unknown, signal.aborted)
    for (const { reject } of batch) reject(error)
  }

  #answer(batch: readonly Waiting[], first: bigint | null): void {
    const { incarnation } = this.#dependencies.topic()
    for (const [index, { resolve }] of batch.entries()) {
      resolve(first === null ? null : kafkaPosition({ incarnation, offset: first + BigInt(index) }))
    }
  }

  /** Everything that has to be had before anything is sent. */
  async #route(): Promise<Route> {
    const { cluster, partition } = this.#dependencies
    const connection = await cluster.connection(await cluster.leaderOf(partition), `lane ${partition % connectionsMax}`)
    if (this.#producer === null || this.#producer.sequence > sequenceMax) {
      const { producerId, producerEpoch } = await cluster.ask(cluster.package.initProducerIdV4.api, null, 0)
      this.#producer = { id: producerId, epoch: producerEpoch, sequence: 0 }
    }
    return { connection, producer: this.#producer }
  }

  /** The offset of the batch's first record; null where the broker only says that it has it already. */
  async #send(batch: readonly Waiting[], { connection, producer: { id, epoch, sequence } }: Route): Promise<bigint | null> {
    const { partition, cluster: { address: { topic }, package: kafka } } = this.#dependencies
    const messages = batch.map(({ payload, events }) => encodeRecord({ topic, partition, payload, events }))
    try {
      const response = await kafka.produceV9.api.async(connection, kafka.ProduceAcks.ALL, copiesTimeoutMs, messages, {
        producerId: id, producerEpoch: epoch, sequences: new kafka.NumericMap([[`${topic}:${partition}`, sequence]]),
      })
      const offset = typeof response === 'boolean' ? undefined : response.responses[0]?.partitionResponses[0]?.baseOffset
      return offset === undefined || offset < 0n ? null : offset
    } catch (error) {
      if (hasCode(error, 'DUPLICATE_SEQUENCE_NUMBER')) return null
      throw error
    }
  }

  /** A broker that is silent until the deadline is left alone. */
  async #within<T>(deadline: number, work: Promise<T>): Promise<T> {
    const { cluster, signal } = this.#dependencies
    const answered = new AbortController()
    const late = cluster.clock.sleep(Math.max(0, deadline - performance.now()), AbortSignal.any([answered.signal, signal])).then((): never => {
      throw new MillraceError('unavailable', `${cluster.name} does not answer in time`, { retryable: true })
    })
    try {
      return await Promise.race([work, late])
    } finally {
      answered.abort()
      late.catch(() => undefined)
      work.catch(() => undefined)
    }
  }
}

/** The broker said so, which settles what it did; a connection that broke settles nothing. */
function isAnswer(error: unknown): boolean {
  return signsOf(error).some(({ answered }) => answered)
}

function isLasting(error: unknown, fault: MillraceError): boolean {
  return !fault.retryable || hasCode(error, 'MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD', 'CORRUPT_MESSAGE', 'POLICY_VIOLATION')
}

function givenUp(fault: MillraceError, unknown: boolean, closed: boolean): MillraceError {
  const options = { retryable: true, cause: fault }
  if (unknown) return new MillraceError('outcome_unknown', `nobody knows whether the record is stored: ${messageOf(fault)}`, options)
  if (closed) return new MillraceError('closed', 'the log was closed before the record was stored', { cause: fault })
  if (!fault.retryable) return new MillraceError('log_failed', messageOf(fault), options)
  return new MillraceError('unavailable', messageOf(fault), options)
}
