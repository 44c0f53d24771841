import type { Clock } from './clock.ts'

/** Wakes whoever waits; a wake while nobody waits is remembered, so none is lost. */
export class Signal {
  readonly #clock: Clock
  #pending = false
  #waiting: AbortController | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  wake(): void {
    this.#pending = true
    // With a reason of its own: the usual one is an error with a stack, which costs more than all the rest here.
    this.#waiting?.abort('woken')
  }

  /** Resolves at the next wake, or after `timeoutMs`. */
  async wait(timeoutMs: number): Promise<void> {
    if (!this.#pending) {
      this.#waiting = new AbortController()
      await this.#clock.sleep(timeoutMs, this.#waiting.signal)
      this.#waiting = null
    }
    this.#pending = false
  }
}
