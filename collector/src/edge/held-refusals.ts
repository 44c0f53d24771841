import type { Clock } from '../platform/clock.ts'

export interface HeldRefusalsBounds {
  /** As long as the answer asks the sender to wait; up to twice that, so that a crowd that came as one does not come back as one. */
  readonly holdMs: number
  /** Refusals held at once; above, they go out as they come. */
  readonly heldMax: number
}

const defaults: HeldRefusalsBounds = Object.freeze({ holdMs: 1_000, heldMax: 2_048 })

/**
 * What a key sends beyond its share costs most in being received, and a sender that is refused at once sends the next at once. So the
 * answer is held back while the body is thrown away: a connection has one request under way, and a flood of so many
 * connections is no faster than that many refusals a second. Nobody else's requests wait behind it, as they would if the
 * connection of a proxy were not read. Where nobody else sends there is nobody to protect.
 */
export class HeldRefusals {
  readonly #clock: Pick<Clock, 'sleep' | 'elapsed'>
  readonly #bounds: HeldRefusalsBounds
  readonly #random: () => number
  #held = 0
  #lastKey: string | null = null
  /** When a request came of another key than the one before. */
  #changedAt = Number.NEGATIVE_INFINITY

  /** @param random between 0 and 1. */
  constructor(clock: Pick<Clock, 'sleep' | 'elapsed'>, random: () => number, bounds: Partial<HeldRefusalsBounds> = {}) {
    this.#clock = clock
    this.#random = random
    this.#bounds = { ...defaults, ...bounds }
  }

  get held(): number {
    return this.#held
  }

  /** A request of the key has come. */
  seen(key: string): void {
    if (this.#lastKey !== null && key !== this.#lastKey) this.#changedAt = this.#clock.elapsed()
    this.#lastKey = key
  }

  /** Whether keys have taken turns lately, so that one of them can be in the way of another. */
  get severalSend(): boolean {
    return this.#clock.elapsed() - this.#changedAt <= this.#bounds.holdMs
  }

  async hold({ discardBody }: { readonly discardBody: () => void }): Promise<void> {
    const { holdMs, heldMax } = this.#bounds
    if (this.#held >= heldMax || !this.severalSend) return
    this.#held += 1
    try {
      discardBody()
      await this.#clock.sleep(holdMs * (1 + this.#random()))
    } finally {
      this.#held -= 1
    }
  }
}
