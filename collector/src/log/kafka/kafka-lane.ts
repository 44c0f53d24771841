import type { Clock } from '../../platform/clock.ts'
import { MillraceError, messageOf } from '../../platform/errors.ts'
import type { LogPosition } from '../../ports/log.ts'
import { hasCode, kafkaFault, signsOf } from './kafka-fault.ts'
import { kafkaPosition } from './kafka-position.ts'
import type { RecordToWrite } from './kafka-record.ts'
import { batchBytesMax, type KafkaTopic } from './kafka-topic.ts'

/** Who the broker takes this lane for; it knows a batch that is sent again by these three. */
export interface Producer {
  readonly id: bigint
  readonly epoch: number
  /** Of the next record. */
  sequence: number
}

/** What a lane needs of the brokers; its errors are raw. */
export interface LaneBroker {
  readonly name: string
  newProducer(): Promise<Pick<Producer, 'id' | 'epoch'>>
  /** Everything that has to be had before anything is sent. */
  route(partition: number): Promise<SendBatch>
  /** The partition may be led elsewhere now. */
  forgetLayout(): void
}

/** The offset of the batch's first record; null where the broker only says that it has it already. */
export type SendBatch = (records: readonly RecordToWrite[], producer: Producer) => Promise<bigint | null>

export interface LaneDependencies {
  readonly broker: LaneBroker
  readonly clock: Clock
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

const backoffMs = [20, 1_000] as const
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
    const { broker, clock, health, signal } = this.#dependencies
    const deadline = batch[0]?.deadline ?? 0
    if (this.#producer !== null && this.#producer.sequence > sequenceMax) this.#producer = null
    // Whether the broker may hold it though nobody knows.
    let unknown = false
    let lasting = false
    let fault = new MillraceError('unavailable', `${broker.name} was not asked in time`, { retryable: true })
    for (let attempt = 0; !signal.aborted && performance.now() < deadline; attempt += 1) {
      const before: boolean = unknown
      try {
        const { send, producer } = await this.#within(deadline, this.#route())
        unknown = true
        const first = await this.#within(deadline, send(batch, producer))
        producer.sequence += batch.length
        health(null)
        this.#answer(batch, first)
        return
      } catch (error) {
        if (isAnswer(error) && !hasCode(error, ...unclear)) unknown = before
        fault = kafkaFault(broker.name, error)
        if (hasCode(error, ...strangers)) {
          this.#producer = null
          // It forgot the producer: a batch sent before cannot be told from a new one any more.
          if (unknown) break
        }
        lasting = isLasting(error, fault)
        if (lasting) break
      }
      health(fault)
      broker.forgetLayout()
      await clock.sleep(Math.min(backoffMs[1], backoffMs[0] * 2 ** Math.min(attempt, 6), Math.max(0, deadline - performance.now())), signal)
    }
    health(fault)
    if (unknown) this.#producer = null
    const error = givenUp(fault, { unknown, lasting, closed: signal.aborted })
    for (const { reject } of batch) reject(error)
  }

  #answer(batch: readonly Waiting[], first: bigint | null): void {
    const { incarnation } = this.#dependencies.topic()
    for (const [index, { resolve }] of batch.entries()) {
      resolve(first === null ? null : kafkaPosition({ incarnation, offset: first + BigInt(index) }))
    }
  }

  async #route(): Promise<{ readonly send: SendBatch, readonly producer: Producer }> {
    const { broker, partition } = this.#dependencies
    const send = await broker.route(partition)
    if (this.#producer === null) {
      const made = await broker.newProducer()
      // An earlier question that was left alone may have been answered meanwhile.
      this.#producer ??= { ...made, sequence: 0 }
    }
    return { send, producer: this.#producer }
  }

  /** A broker that is silent until the deadline is left alone. */
  async #within<T>(deadline: number, work: Promise<T>): Promise<T> {
    const { broker, clock, signal } = this.#dependencies
    const answered = new AbortController()
    const late = clock.sleep(Math.max(0, deadline - performance.now()), AbortSignal.any([answered.signal, signal])).then((): never => {
      throw new MillraceError('unavailable', `${broker.name} does not answer in time`, { retryable: true })
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

function givenUp(fault: MillraceError, { unknown, lasting, closed }: { unknown: boolean, lasting: boolean, closed: boolean }): MillraceError {
  const options = { retryable: true, cause: fault }
  if (unknown) return new MillraceError('outcome_unknown', `nobody knows whether the record is stored: ${messageOf(fault)}`, options)
  if (closed) return new MillraceError('closed', 'the log was closed before the record was stored', { cause: fault })
  return new MillraceError(lasting ? 'log_failed' : 'unavailable', messageOf(fault), options)
}
