import type { Clock } from './clock.ts'

/** Time services slew smaller differences, and a loop that was held up for a while is no jump. */
const jumpMs = 60_000
/** How long whoever depends on the date waits after a jump: time for a person to see it and to set the clock right. */
const doubtMs = 86_400_000

/**
 * Notices that somebody set the machine's clock, by the time that passed meanwhile. What is dropped by its age is lost for good
 * when the clock is wrong by years, and nobody misses it a day later; so after a jump the date is in doubt for a day.
 */
export class ClockWatch {
  readonly #clock: Clock
  #offset: number
  #doubtUntil = Number.NEGATIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
    this.#offset = this.#differenceNow()
  }

  /** Milliseconds that the clock was set forward (or back, below zero) since the last look; 0 if it was not. */
  look(): number {
    const offset = this.#differenceNow()
    const jump = offset - this.#offset
    if (Math.abs(jump) < jumpMs) return 0
    this.#offset = offset
    this.#doubtUntil = this.#clock.elapsed() + doubtMs
    return jump
  }

  get inDoubt(): boolean {
    return this.#clock.elapsed() < this.#doubtUntil
  }

  #differenceNow(): number {
    return this.#clock.now() - this.#clock.elapsed()
  }
}
