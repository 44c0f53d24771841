import { backoffMs } from './retry-policy.ts'

export interface HealthBounds {
  readonly connections: number
  readonly batchEventsMax: number
  readonly requestTimeoutMs: number
}

/** While a client closes it has little time left and few requests to make. */
const closingDelayMsMax = 1_000
const requestTimeoutMsMax = 60_000

/**
 * What the answers so far say of the collector, and what follows for the next request.
 *
 * - well: requests go side by side.
 * - failing, after any failure: nothing is sent until the pause is over, then one request alone, the probe. If it fails
 *   the pause grows; if it succeeds the collector is well.
 *
 * An outage so costs one request for each pause, whatever the number of events.
 */
export class CollectorHealth {
  readonly #bounds: HealthBounds
  readonly #random: () => number
  #failures = 0
  #timeouts = 0
  /** Ticks. */
  #pausedUntil = 0
  /** The part of the pause that the collector asked for. */
  #askedUntil = 0
  #closing = false
  /** Smaller after a 413, for a while. */
  #batchEvents: number

  constructor(bounds: HealthBounds, random: () => number) {
    this.#bounds = bounds
    this.#random = random
    this.#batchEvents = bounds.batchEventsMax
  }

  /** Requests that may be under way at a time. */
  get requestsMax(): number {
    return this.#failures > 0 ? 1 : this.#bounds.connections
  }

  get batchEvents(): number {
    return this.#batchEvents
  }

  /** Grows with every request that got no answer: a slow collector would be sent the same events for ever. */
  get requestTimeoutMs(): number {
    const { requestTimeoutMs } = this.#bounds
    return Math.max(requestTimeoutMs, Math.min(requestTimeoutMsMax, requestTimeoutMs * 2 ** Math.min(this.#timeouts, 10)))
  }

  /** Milliseconds until the next request may go. */
  pausedMs(ticks: number): number {
    return Math.max(0, this.#pausedUntil - ticks)
  }

  /** A request failed for reasons that may pass. `askedMs` is what the collector asked to wait, 0 if nothing. */
  failed(ticks: number, { askedMs, timedOut }: { readonly askedMs: number; readonly timedOut: boolean }): void {
    // Requests that were under way together fail together: one outage, counted once.
    if (ticks >= this.#pausedUntil) this.#failures += 1
    if (timedOut) this.#timeouts += 1
    this.#askedUntil = Math.max(this.#askedUntil, ticks + askedMs)
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#askedUntil, ticks + this.backoffMs(this.#failures))
  }

  succeeded(): void {
    this.#failures = 0
    this.#timeouts = 0
    this.#batchEvents = Math.min(this.#bounds.batchEventsMax, this.#batchEvents * 2)
  }

  /** A batch of so many events was refused for its size. */
  tooLarge(events: number): void {
    this.#batchEvents = Math.min(this.#batchEvents, Math.ceil(events / 2))
  }

  backoffMs(failures: number): number {
    return Math.min(this.#closing ? closingDelayMsMax : Infinity, backoffMs(failures, this.#random))
  }

  /** The client closes: of a pause only what the collector asked for remains. */
  hurry(): void {
    this.#closing = true
    this.#pausedUntil = this.#askedUntil
  }
}
