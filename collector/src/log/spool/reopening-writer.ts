import type { Clock } from '../../platform/clock.ts'
import { MillraceError, messageOf } from '../../platform/errors.ts'
import type { LogPosition, LogReadiness, LogWriter } from '../../ports/log.ts'

export interface ReopeningOptions {
  readonly partitions: number
  readonly open: () => Promise<LogWriter>
  readonly clock: Clock
}

const firstDelayMs = 250
const delayMsMax = 10_000

/**
 * A writer on a broker that need not be there yet: it is opened in the background, again and again, and appends are
 * refused until it is. A fault that time does not heal (a wrong password, a topic of something else) fails the start.
 */
export class ReopeningWriter implements LogWriter {
  readonly partitions: number
  readonly #options: ReopeningOptions
  readonly #stop = new AbortController()
  #writer: LogWriter | null = null
  #reason = 'the log is being opened'
  #opening: Promise<void> = Promise.resolve()

  private constructor(options: ReopeningOptions) {
    this.partitions = options.partitions
    this.#options = options
  }

  /** Resolves after the first attempt, whether it succeeded or has to be repeated. */
  static async start(options: ReopeningOptions): Promise<ReopeningWriter> {
    const writer = new ReopeningWriter(options)
    await writer.#attempt()
    if (writer.#writer === null) writer.#opening = writer.#repeat()
    return writer
  }

  append(partition: number, payload: Uint8Array, events: number): Promise<LogPosition | null> {
    if (this.#stop.signal.aborted) return Promise.reject(new MillraceError('closed', 'the log is closed'))
    return this.#writer?.append(partition, payload, events) ?? Promise.reject(new MillraceError('unavailable', this.#reason, { retryable: true }))
  }

  readiness(): LogReadiness {
    return this.#writer?.readiness() ?? { ready: false, reason: this.#reason }
  }

  pendingBytes(): number {
    return this.#writer?.pendingBytes() ?? 0
  }

  trim(): Promise<boolean> {
    return this.#writer?.trim() ?? Promise.resolve(false)
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#opening
    await this.#writer?.close()
  }

  async #attempt(): Promise<void> {
    try {
      const writer = await this.#options.open()
      if (this.#stop.signal.aborted) return await writer.close()
      this.#writer = writer
    } catch (error) {
      if (error instanceof MillraceError && !error.retryable) throw error
      this.#reason = messageOf(error)
    }
  }

  async #repeat(): Promise<void> {
    const { clock } = this.#options
    for (let attempt = 0; this.#writer === null && !this.#stop.signal.aborted; attempt += 1) {
      await clock.sleep(Math.min(delayMsMax, firstDelayMs * 2 ** Math.min(attempt, 10)), this.#stop.signal)
      if (this.#stop.signal.aborted) return
      // What looked passing at first and proves lasting stays visible as the reason of not being ready.
      await this.#attempt().catch((error: unknown) => {
        this.#reason = messageOf(error)
      })
    }
  }
}
