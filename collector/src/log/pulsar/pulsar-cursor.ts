import type { Clock } from '../../platform/clock.ts'
import { messageOf } from '../../platform/errors.ts'
import type { LogCursor, LogRecord, ReadBounds } from '../../ports/log.ts'
import type { MessageId } from './message-id.ts'
import type { MessageStream, OpenStream, ReceivedMessage } from './message-stream.ts'
import { positionText } from './position.ts'

export interface PulsarCursorOptions {
  readonly partition: number
  readonly incarnation: number
  readonly after: MessageId | null
  readonly openStream: OpenStream
  readonly clock: Clock
  readonly report: (message: string) => void
  readonly closed: () => void
}

const reopenMs = [50, 2_000] as const

/**
 * Records of one partition in order, over a stream that may break: it is opened again behind the last message that came.
 * A broker that is away shows as nothing coming; it never fails a read.
 */
export class PulsarCursor implements LogCursor {
  readonly #options: PulsarCursorOptions
  readonly #stop = new AbortController()
  #stream: MessageStream | null = null
  #queue: LogRecord[] = []
  /** Records at the front of the queue that came by an earlier stream, which counts them no more. */
  #stale = 0
  /** Taken before the stream that gave them was here to be told. */
  #untold = 0
  #last: MessageId | null
  #arrived = new AbortController()
  #foreign = 0

  constructor(options: PulsarCursorOptions) {
    this.#options = options
    this.#last = options.after
    void this.#connect()
  }

  async next({ maxRecords, maxBytes, waitMs }: ReadBounds): Promise<readonly LogRecord[]> {
    if (this.#queue.length === 0 && waitMs > 0 && !this.#stop.signal.aborted) await this.#wait(waitMs)
    if (this.#stop.signal.aborted) return []
    let bytes = 0
    const end = this.#queue.findIndex(({ payload }, index) => {
      bytes += payload.length
      return index >= maxRecords || (index > 0 && bytes > maxBytes)
    })
    const taken = this.#queue.splice(0, end < 0 ? this.#queue.length : end)
    const stale = Math.min(this.#stale, taken.length)
    this.#stale -= stale
    this.#tell(taken.length - stale)
    return taken
  }

  async close(): Promise<void> {
    if (this.#stop.signal.aborted) return
    this.#stop.abort()
    this.#arrived.abort()
    this.#options.closed()
    await this.#stream?.close()
  }

  async #wait(waitMs: number): Promise<void> {
    const arrived = new AbortController()
    this.#arrived = arrived
    await this.#options.clock.sleep(waitMs, arrived.signal)
  }

  async #connect(): Promise<void> {
    const { partition, openStream, clock, report } = this.#options
    for (let attempt = 0; !this.#stop.signal.aborted; attempt += 1) {
      try {
        const stream = await openStream(partition, this.#last, {
          message: (message) => this.#take(message),
          ended: (reason) => this.#reopen(reason),
        })
        this.#stream = stream
        this.#tell(0)
        if (this.#stop.signal.aborted) await stream.close()
        return
      } catch (error) {
        if (attempt === 0) report(`partition ${partition} of the log cannot be read, trying on: ${messageOf(error)}`)
        await clock.sleep(Math.min(reopenMs[1], reopenMs[0] * 2 ** Math.min(attempt, 6)), this.#stop.signal)
      }
    }
  }

  #reopen(reason: string): void {
    if (this.#stop.signal.aborted) return
    this.#stream = null
    this.#stale = this.#queue.length
    this.#untold = 0
    this.#options.report(`partition ${this.#options.partition} of the log is read again: ${reason}`)
    void this.#options.clock.sleep(reopenMs[0], this.#stop.signal).then(() => this.#connect())
  }

  #take({ id, payload, publishedAt, events }: ReceivedMessage): void {
    const { partition, incarnation } = this.#options
    const position = positionText({ incarnation, ...id })
    // A stream that was opened again may begin before the place that was asked for, never after it.
    if (this.#last !== null && position <= positionText({ incarnation, ...this.#last })) {
      this.#tell(1)
      return
    }
    this.#last = id
    const count = Number(events)
    if (events === undefined || !Number.isSafeInteger(count)) {
      this.#tell(1)
      this.#skipForeign(position)
      return
    }
    this.#queue.push({ partition, position, appendedAt: publishedAt, events: count, sequence: undefined, payload })
    this.#arrived.abort()
  }

  #tell(taken: number): void {
    this.#untold += taken
    if (this.#stream === null || this.#untold === 0) return
    this.#stream.taken(this.#untold)
    this.#untold = 0
  }

  #skipForeign(position: string): void {
    this.#foreign += 1
    if (this.#foreign === 1) this.#options.report(`a message that Millrace did not write is skipped in partition ${this.#options.partition} of the log, at ${position}; there may be more`)
  }
}
