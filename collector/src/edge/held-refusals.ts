import type { Clock } from '../platform/clock.ts'

export interface HeldRefusalsBounds {
  /** As long as the answer asks the sender to wait. */
  readonly holdMs: number
  /** Refusals held at once; above, they go out as they come. */
  readonly heldMax: number
}

const defaults: HeldRefusalsBounds = Object.freeze({ holdMs: 1_000, heldMax: 2_048 })

/**
 * What a key sends beyond its share costs most in being received, and a sender that is refused at once sends the next at once. So the
 * answer is held back while the body is thrown away: a connection has one request under way, and a flood of so many
 * connections is no faster than that many refusals a second. Nobody else's requests wait behind it, as they would if the
 * connection of a proxy were not read.
 */
export class HeldRefusals {
  readonly #clock: Pick<Clock, 'sleep'>
  readonly #bounds: HeldRefusalsBounds
  #held = 0

  constructor(clock: Pick<Clock, 'sleep'>, bounds: Partial<HeldRefusalsBounds> = {}) {
    this.#clock = clock
    this.#bounds = { ...defaults, ...bounds }
  }

  get held(): number {
    return this.#held
  }

  async hold({ discardBody }: { readonly discardBody: () => void }): Promise<void> {
    if (this.#held >= this.#bounds.heldMax) return
    this.#held += 1
    try {
      discardBody()
      await this.#clock.sleep(this.#bounds.holdMs)
    } finally {
      this.#held -= 1
    }
  }
}
