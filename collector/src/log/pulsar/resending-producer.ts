import type { Clock } from '../../platform/clock.ts'
import { MillraceError, messageOf } from '../../platform/errors.ts'
import type { MessageId } from './message-id.ts'
import type { PartitionProducer } from './partition-producer.ts'
import type { ProducerSettings } from './pulsar-transport.ts'
import type { SequenceLane } from './sequence-numbers.ts'

export interface Outgoing {
  readonly id: string
  readonly sequence: number
  readonly payload: Uint8Array
  readonly events: number
}

export interface ProducerListener {
  /** The message with this {@link Outgoing.id} is durable; null where the broker had its number already. */
  answered(id: string, messageId: MessageId | null): void
  /** The connection is over, or as good as over. */
  lost(reason: string): void
}

export interface ProducerConnection {
  send(message: Outgoing): void
  /** Ends it at once; nothing is heard of it after. */
  end(): void
}

/** Connects as a producer of this name. The first message sent will have the number `first`, each later one the next. */
export type ConnectProducer = (name: string, first: number, listener: ProducerListener) => Promise<ProducerConnection>

export interface ResendingProducerOptions extends ProducerSettings {
  readonly clock: Clock
  readonly connect: ConnectProducer
}

/**
 * One message: queued → sent on this connection → answered and gone. A lost connection makes it queued again, in its place.
 * The queue's numbers rise by one without a hole: the WebSocket proxy numbers by itself, from the first on.
 */
interface Sending extends Outgoing {
  sequence: number
  /** When it was handed in, by performance.now(). */
  readonly since: number
  /** It was sent on an earlier connection and may be stored. */
  resent: boolean
  readonly resolve: (id: MessageId | null) => void
  readonly reject: (error: MillraceError) => void
}

/** On their way at once; a producer refuses more than 1,000. */
const windowMax = 500
const reconnectMs = [50, 2_000] as const
const expireEveryMs = 100

/**
 * Publishes to one partition. After a lost connection what was not answered is sent again in order under the same
 * numbers, and the broker drops what it has. Without a connection messages wait for one; once it was missing for as long
 * as a message may wait, new ones are refused at once.
 */
export class ResendingProducer implements PartitionProducer {
  readonly #options: ResendingProducerOptions
  readonly #stop = new AbortController()
  readonly #expiry: NodeJS.Timeout
  #lane: SequenceLane
  #queue: Sending[] = []
  /** Messages at the front of the queue that went out on this connection. */
  #sent = 0
  #nextId = 0
  #connection: ProducerConnection | null = null
  #trouble: string | null = 'not connected yet'
  /** Since when there is no connection, by performance.now(). */
  #lostAt = performance.now()
  /** A number of the lane was stored in this process: the ones after it are new to the broker. */
  #proven = false
  #drained: () => void = () => {}

  private constructor(options: ResendingProducerOptions) {
    this.#options = options
    this.#lane = options.lane
    this.#expiry = setInterval(() => this.#expire(), expireEveryMs).unref()
  }

  /** Fails as the first connection does. */
  static async open(options: ResendingProducerOptions): Promise<ResendingProducer> {
    const producer = new ResendingProducer(options)
    try {
      await producer.#connect()
      return producer
    } catch (error) {
      clearInterval(producer.#expiry)
      throw error
    }
  }

  send(payload: Uint8Array, events: number): Promise<MessageId | null> {
    if (this.#connection === null && performance.now() - this.#lostAt > this.#options.appendTimeoutMs) {
      return Promise.reject(new MillraceError('unavailable', this.#trouble ?? 'the connection to the broker was lost', { retryable: true }))
    }
    return new Promise((resolve, reject) => {
      const id = String(this.#nextId)
      this.#nextId += 1
      this.#queue.push({ id, sequence: this.#lane.next(), payload, events, since: performance.now(), resent: false, resolve, reject })
      this.#flush()
    })
  }

  trouble(): string | null {
    return this.#trouble
  }

  async close(): Promise<void> {
    if (this.#queue.length > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve
      })
    }
    this.#stop.abort()
    clearInterval(this.#expiry)
    this.#trouble = 'closed'
    this.#connection?.end()
    this.#connection = null
  }

  #flush(): void {
    while (this.#connection !== null && this.#sent < Math.min(this.#queue.length, windowMax)) {
      const sending = this.#queue[this.#sent]
      this.#sent += 1
      if (sending !== undefined) this.#connection.send(sending)
    }
  }

  async #connect(): Promise<void> {
    this.#renumberIfBroken()
    const first = this.#first()
    let over: string | null = null
    const connection: ProducerConnection = await this.#options.connect(this.#lane.producer, first, {
      answered: (id, messageId) => {
        if (connection === this.#connection) this.#settle(id, messageId)
      },
      lost: (reason) => {
        over = reason
        if (this.#connection !== null && connection === this.#connection) this.#lose(reason)
      },
    })
    if (this.#stop.signal.aborted) return connection.end()
    // What waited for the connection may have been given up, and the numbers of the rest would not fit.
    if (over !== null || this.#first() !== first) {
      connection.end()
      throw new MillraceError('unavailable', over ?? 'the connection came too late for a message', { retryable: true })
    }
    this.#connection = connection
    this.#trouble = null
    this.#flush()
  }

  /** The number of the first message that a connection would carry. */
  #first(): number {
    return this.#queue[0]?.sequence ?? this.#lane.peek()
  }

  #settle(id: string, messageId: MessageId | null): void {
    const index = this.#queue.findIndex((sending) => sending.id === id)
    const sending = this.#queue[index]
    if (sending === undefined) return
    if (messageId === null && !(sending.resent && this.#proven)) {
      // Numbers that were used: the file of the numbers was restored from an earlier day. The message is not stored.
      this.#renumber(this.#options.rename())
      this.#lose('the numbers of the producer had been used before; it goes on under a new name')
      return
    }
    if (messageId !== null) this.#proven = true
    this.#queue.splice(index, 1)
    this.#sent -= 1
    sending.resolve(messageId)
    this.#settled()
  }

  #lose(reason: string): void {
    this.#connection?.end()
    this.#connection = null
    this.#lostAt = performance.now()
    this.#trouble = reason
    for (const sending of this.#queue.slice(0, this.#sent)) sending.resent = true
    this.#sent = 0
    void this.#reconnect()
  }

  async #reconnect(): Promise<void> {
    for (let attempt = 0; this.#connection === null && !this.#stop.signal.aborted; attempt += 1) {
      await this.#options.clock.sleep(Math.min(reconnectMs[1], reconnectMs[0] * 2 ** Math.min(attempt, 6)), this.#stop.signal)
      if (this.#stop.signal.aborted) return
      await this.#connect().catch((error: unknown) => {
        this.#trouble = messageOf(error)
      })
    }
  }

  /** What waited too long is given up, oldest first, and so is a connection that left it without an answer. */
  #expire(): void {
    const { appendTimeoutMs } = this.#options
    const due = performance.now() - appendTimeoutMs
    const late = this.#queue.findIndex(({ since }) => since > due)
    const expired = this.#queue.splice(0, late < 0 ? this.#queue.length : late)
    if (expired.length === 0) return
    for (const [index, { resent, reject }] of expired.entries()) {
      const sent = resent || index < this.#sent
      const words = `the broker did not answer within ${appendTimeoutMs} ms${this.#trouble === null ? '' : ` (${this.#trouble})`}`
      reject(new MillraceError(sent ? 'outcome_unknown' : 'unavailable', words, { retryable: true }))
    }
    this.#sent = Math.max(0, this.#sent - expired.length)
    if (this.#connection !== null) this.#lose('the broker does not answer')
    this.#settled()
  }

  #settled(): void {
    if (this.#queue.length === 0) this.#drained()
    else this.#flush()
  }

  /** Answers come in order; if ever one did not, the numbers of the queue have a hole that the proxy would close. */
  #renumberIfBroken(): void {
    const broken = this.#queue.some(({ sequence }, index) => index > 0 && sequence !== (this.#queue[index - 1]?.sequence ?? 0) + 1)
    if (broken) this.#renumber(this.#options.rename())
  }

  #renumber(lane: SequenceLane): void {
    this.#lane = lane
    this.#proven = false
    for (const sending of this.#queue) sending.sequence = lane.next()
  }
}
