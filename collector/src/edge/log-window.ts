export interface LogWindowOptions {
  /** Bytes that may stand in line in the log, and the least that the window is. */
  readonly queuedBytesMax: number
  readonly stepBytes: number
  /** The log's fastest answer is looked for in the last one to two spans of so many milliseconds. */
  readonly fastestSpanMs: number
  /** Milliseconds without an answer after which the window says nothing more. */
  readonly silenceMs: number
}

const defaults: LogWindowOptions = Object.freeze({ queuedBytesMax: 65_536, stepBytes: 16_384, fastestSpanMs: 10_000, silenceMs: 1_000 })

/**
 * How many bytes may be on their way to the log before what comes next only makes its line longer. What is handed over
 * waits there for the write that is under way and for its own, so an answer within twice the fastest one tells of no line; of a later
 * answer the part above that is line. The window gives way by a step for each answer that stood behind more than
 * `queuedBytesMax`, and takes a step back where it was in the way of more: a fast disk, a slow one and a broker far away each
 * get what keeps them busy. (After Brakmo and Peterson, "TCP Vegas", 1995.) A single late answer says little, so
 * one step is all that it costs. It never grows by more than a step beyond what was pending.
 */
export class LogWindow {
  readonly #options: LogWindowOptions
  readonly #now: () => number
  #bytes: number
  #fastest = Number.POSITIVE_INFINITY
  #fastestBefore = Number.POSITIVE_INFINITY
  #spanSince: number
  #answeredAt: number

  /** @param now milliseconds, of a clock that only goes forward. */
  constructor(now: () => number, options: Partial<LogWindowOptions> = {}) {
    this.#options = { ...defaults, ...options }
    this.#now = now
    this.#bytes = 4 * this.#options.queuedBytesMax
    this.#spanSince = now()
    this.#answeredAt = this.#spanSince
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Whether more would not stand in line, where so much is on its way. A log that says nothing at all is for other bounds to judge. */
  allows(pendingBytes: number): boolean {
    return pendingBytes < this.#bytes || this.#now() - this.#answeredAt > this.#options.silenceMs
  }

  /** The log answered after `ms`; `pendingBytes` were on their way when it was asked. */
  answered(ms: number, pendingBytes: number): void {
    const { queuedBytesMax, stepBytes } = this.#options
    this.#noteFastest(ms)
    const withoutLineMs = 2 * Math.min(this.#fastest, this.#fastestBefore)
    const queued = ms <= withoutLineMs ? 0 : pendingBytes * (1 - withoutLineMs / ms)
    if (queued > queuedBytesMax) this.#bytes = Math.max(queuedBytesMax, this.#bytes - stepBytes)
    else if (pendingBytes >= this.#bytes) this.#bytes += stepBytes
  }

  #noteFastest(ms: number): void {
    const now = this.#now()
    this.#answeredAt = now
    if (now - this.#spanSince > this.#options.fastestSpanMs) {
      this.#spanSince = now
      this.#fastestBefore = this.#fastest
      this.#fastest = ms
    }
    this.#fastest = Math.min(this.#fastest, ms)
  }
}
