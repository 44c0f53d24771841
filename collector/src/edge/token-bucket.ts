interface Bucket {
  /** Below zero after a request larger than what was left. */
  tokens: number
  filledAt: number
}

/** Workspaces remembered at a time; one that is forgotten starts with a full bucket. */
const bucketsMax = 10_000

/**
 * A token bucket for each workspace: a second's worth of events may come at once. A request is let in while anything
 * is left and then pays for all its events, so that it can be refused before it is parsed and never half-way.
 */
export class TokenBuckets {
  readonly #perSecond: number
  readonly #buckets = new Map<number, Bucket>()

  constructor(eventsPerSecondMax: number) {
    this.#perSecond = eventsPerSecondMax
  }

  /** Whole seconds until the workspace may send again; 0: now. `now` in epoch milliseconds. */
  waitSeconds(workspace: number, now: number): number {
    const { tokens } = this.#filled(workspace, now)
    return tokens > 0 ? 0 : Math.ceil((1 - tokens) / this.#perSecond)
  }

  pay(workspace: number, events: number, now: number): void {
    this.#filled(workspace, now).tokens -= events
  }

  #filled(workspace: number, now: number): Bucket {
    const bucket = this.#buckets.get(workspace)
    if (bucket === undefined) return this.#open(workspace, now)
    const elapsedMs = Math.max(0, now - bucket.filledAt)
    bucket.tokens = Math.min(this.#perSecond, bucket.tokens + elapsedMs * this.#perSecond / 1_000)
    bucket.filledAt = now
    return bucket
  }

  #open(workspace: number, now: number): Bucket {
    if (this.#buckets.size >= bucketsMax) {
      const oldest = this.#buckets.keys().next()
      if (oldest.done !== true) this.#buckets.delete(oldest.value)
    }
    const bucket = { tokens: this.#perSecond, filledAt: now }
    this.#buckets.set(workspace, bucket)
    return bucket
  }
}
