import type { WebSocket } from 'ws'
import type { Clock } from '../../../platform/clock.ts'
import { MillraceError, messageOf } from '../../../platform/errors.ts'
import { decodeMessageId, type MessageId } from '../message-id.ts'
import { eventsProperty, type PartitionProducer } from '../partition-producer.ts'
import type { ProducerSettings } from '../pulsar-transport.ts'
import type { SequenceLane } from '../sequence-numbers.ts'

export interface WebSocketProducerOptions extends ProducerSettings {
  readonly clock: Clock
  /** Opens a socket whose first message gets the number after `initialSequenceId`. */
  readonly connect: (producer: string, initialSequenceId: number) => Promise<WebSocket>
}

/**
 * One message: queued → sent on this connection → answered and gone. A lost connection makes it queued again, in its place.
 * The proxy numbers what it gets from `initialSequenceId` on, so the queue's numbers rise by one without a hole.
 */
interface Sending {
  readonly id: string
  sequence: number
  readonly frame: string
  /** When it was handed in, by performance.now(). */
  readonly since: number
  /** It was sent on an earlier connection and may be stored. */
  resent: boolean
  readonly resolve: (id: MessageId | null) => void
  readonly reject: (error: MillraceError) => void
}

/** On their way at once; the proxy refuses more than 1,000 of them. */
const windowMax = 500
const reconnectMs = [50, 2_000] as const
const expireEveryMs = 100

/**
 * Publishes to one partition through the broker's WebSocket proxy. After a lost connection what was not answered is sent
 * again in order under the same numbers, and the broker drops what it has. Without a connection messages wait for one;
 * once it was missing for as long as a message may wait, new ones are refused at once.
 */
export class WebSocketProducer implements PartitionProducer {
  readonly #options: WebSocketProducerOptions
  readonly #stop = new AbortController()
  readonly #expiry: NodeJS.Timeout
  #lane: SequenceLane
  #queue: Sending[] = []
  /** Messages at the front of the queue that went out on this connection. */
  #sent = 0
  #nextId = 0
  #socket: WebSocket | null = null
  #trouble: string | null = 'not connected yet'
  /** Since when there is no connection, by performance.now(). */
  #lostAt = performance.now()
  /** A number of the lane was stored in this process: the ones after it are new to the broker. */
  #proven = false
  #drained: () => void = () => {}

  private constructor(options: WebSocketProducerOptions) {
    this.#options = options
    this.#lane = options.lane
    this.#expiry = setInterval(() => this.#expire(), expireEveryMs).unref()
  }

  /** Fails as the first connection does. */
  static async open(options: WebSocketProducerOptions): Promise<WebSocketProducer> {
    const producer = new WebSocketProducer(options)
    try {
      await producer.#connect()
      return producer
    } catch (error) {
      clearInterval(producer.#expiry)
      throw error
    }
  }

  send(payload: Uint8Array, events: number): Promise<MessageId | null> {
    if (this.#socket === null && performance.now() - this.#lostAt > this.#options.appendTimeoutMs) {
      return Promise.reject(new MillraceError('unavailable', this.#trouble ?? 'the connection to the broker was lost', { retryable: true }))
    }
    return new Promise((resolve, reject) => {
      const id = String(this.#nextId)
      this.#nextId += 1
      const base64 = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('base64')
      const frame = `{"payload":"${base64}","properties":{"${eventsProperty}":"${events}"},"context":"${id}"}`
      this.#queue.push({ id, sequence: this.#lane.next(), frame, since: performance.now(), resent: false, resolve, reject })
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
    this.#socket?.close()
    this.#socket = null
  }

  #flush(): void {
    while (this.#socket !== null && this.#sent < Math.min(this.#queue.length, windowMax)) {
      this.#socket.send(this.#queue[this.#sent]?.frame ?? '')
      this.#sent += 1
    }
  }

  async #connect(): Promise<void> {
    this.#renumberIfBroken()
    const first = this.#first()
    const socket = await this.#options.connect(this.#lane.producer, first - 1)
    if (this.#stop.signal.aborted) return socket.terminate()
    // What waited for the connection may have been given up, and the numbers of the rest would not fit.
    if (this.#first() !== first) {
      socket.terminate()
      throw new MillraceError('unavailable', 'the connection came too late for a message', { retryable: true })
    }
    socket.on('message', (data) => this.#take(socket, String(data)))
    socket.once('close', (_code, reason) => this.#lost(socket, String(reason)))
    this.#socket = socket
    this.#trouble = null
    this.#flush()
  }

  /** The number of the first message that a connection would carry. */
  #first(): number {
    return this.#queue[0]?.sequence ?? this.#lane.peek()
  }

  #take(socket: WebSocket, text: string): void {
    try {
      this.#settle(socket, readAnswer(text))
    } catch (error) {
      this.#trouble = `the broker gave an answer that cannot be read: ${messageOf(error)}`
      socket.terminate()
    }
  }

  #settle(socket: WebSocket, answer: Answer): void {
    const index = this.#queue.findIndex(({ id }) => id === answer.context)
    const sending = this.#queue[index]
    if (socket !== this.#socket || sending === undefined) return
    if (answer.messageId === undefined) {
      this.#trouble = `the broker refused a message: ${answer.error}`
      socket.terminate()
      return
    }
    const id = decodeMessageId(Buffer.from(answer.messageId, 'base64'))
    if (id === null && !(sending.resent && this.#proven)) {
      // Numbers that were used: the file of the numbers was restored from an earlier day. The message is not stored.
      this.#renumber(this.#options.rename())
      socket.terminate()
      return
    }
    if (id !== null) this.#proven = true
    this.#queue.splice(index, 1)
    this.#sent -= 1
    sending.resolve(id)
    this.#settled()
  }

  #lost(socket: WebSocket, reason: string): void {
    if (socket !== this.#socket) return
    this.#socket = null
    this.#lostAt = performance.now()
    this.#trouble ??= reason === '' ? 'the connection to the broker was lost' : `the broker closed the connection: ${reason}`
    for (const sending of this.#queue.slice(0, this.#sent)) sending.resent = true
    this.#sent = 0
    void this.#reconnect()
  }

  async #reconnect(): Promise<void> {
    for (let attempt = 0; this.#socket === null && !this.#stop.signal.aborted; attempt += 1) {
      await this.#options.clock.sleep(Math.min(reconnectMs[1], reconnectMs[0] * 2 ** Math.min(attempt, 6)), this.#stop.signal)
      if (this.#stop.signal.aborted) return
      await this.#connect().catch((error: unknown) => {
        this.#trouble = messageOf(error)
      })
    }
  }

  /** What waited too long is given up, oldest first, and so is a connection that left it without an answer. */
  #expire(): void {
    const due = performance.now() - this.#options.appendTimeoutMs
    const late = this.#queue.findIndex(({ since }) => since > due)
    const expired = this.#queue.splice(0, late < 0 ? this.#queue.length : late)
    if (expired.length === 0) return
    for (const [index, { resent, reject }] of expired.entries()) {
      const sent = resent || index < this.#sent
      const words = `the broker did not answer within ${this.#options.appendTimeoutMs} ms${this.#trouble === null ? '' : ` (${this.#trouble})`}`
      reject(new MillraceError(sent ? 'outcome_unknown' : 'unavailable', words, { retryable: true }))
    }
    this.#sent = Math.max(0, this.#sent - expired.length)
    this.#socket?.terminate()
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

interface Answer {
  readonly context: string
  readonly messageId: string | undefined
  readonly error: string
}

function readAnswer(text: string): Answer {
  const value: unknown = JSON.parse(text)
  const [context, messageId, error] = ['context', 'messageId', 'errorMsg'].map((name): unknown => Reflect.get(Object(value), name))
  return { context: String(context), messageId: typeof messageId === 'string' ? messageId : undefined, error: String(error ?? 'without a reason') }
}
