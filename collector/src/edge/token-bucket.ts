export interface BucketSize {
  readonly perSecond: number
  /** What may come at once after a pause. */
  readonly burst: number
}

interface Bucket {
  /** Below zero after a request larger than what was left. */
  tokens: number
  filledAt: number
}

/** Owners remembered at a time; one that is forgotten starts with a full bucket. */
const bucketsMax = 10_000

/**
 * A token bucket for each owner. A request is let in while anything is left and then pays for all it carries, so that
 * it can be refused before it is read and never half-way.
 */
export class TokenBuckets<Owner> {
  readonly #buckets = new Map<Owner, Bucket>()

  /** Seconds until the owner may send again; 0: now. `now` in epoch milliseconds. */
  waitSeconds(owner: Owner, size: BucketSize, now: number): number {
    const { tokens } = this.#filled(owner, size, now)
    return tokens > 0 ? 0 : (1 - tokens) / size.perSecond
  }

  pay(owner: Owner, { size, amount }: { readonly size: BucketSize; readonly amount: number }, now: number): void {
    this.#filled(owner, size, now).tokens -= amount
  }

  #filled(owner: Owner, { perSecond, burst }: BucketSize, now: number): Bucket {
    const bucket = this.#buckets.get(owner)
    if (bucket === undefined) return this.#open(owner, burst, now)
    const elapsedMs = Math.max(0, now - bucket.filledAt)
    bucket.tokens = Math.min(burst, bucket.tokens + elapsedMs * perSecond / 1_000)
    bucket.filledAt = now
    return bucket
  }

  #open(owner: Owner, burst: number, now: number): Bucket {
    if (this.#buckets.size >= bucketsMax) {
      const oldest = this.#buckets.keys().next()
      if (oldest.done !== true) this.#buckets.delete(oldest.value)
    }
    const bucket = { tokens: burst, filledAt: now }
    this.#buckets.set(owner, bucket)
    return bucket
  }
}
