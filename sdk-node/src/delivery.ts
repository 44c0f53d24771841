import type { EventResult } from '@millrace/schemas'
import type { EncodedEvent } from './encode-event.ts'
import type { EventQueue } from './event-queue.ts'
import { backoffMs, isRetryable, retryAfterMs } from './retry-policy.ts'
import type { Transport, TransportAnswer } from './transport.ts'

/** Why an accepted event was given up. */
export type DropReason = 'expired' | 'rejected' | 'unauthorized' | 'too_large'

/** What finally became of an accepted event. */
export type Outcome =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'quarantined'; readonly reason: string }
  | { readonly kind: 'dropped'; readonly reason: DropReason; readonly status?: number }

export interface DeliveryBounds {
  readonly batchEventsMax: number
  /** Of a body before compression. */
  readonly batchBytesMax: number
  /** An incomplete batch goes when its oldest event waited so long. */
  readonly batchDelayMs: number
  readonly connections: number
  /** An event older than this is given up. */
  readonly ageMsMax: number
}

export interface DeliveryDependencies {
  readonly queue: EventQueue
  readonly transport: Pick<Transport, 'post'>
  /** JSON of what is said once for all events of a body. */
  readonly contextJson: string
  readonly now: () => number
  readonly random: () => number
  readonly finished: (event: EncodedEvent, outcome: Outcome) => void
}

/**
 * Sends the queue in batches, several at a time while the collector is well. After a failure the whole client waits,
 * longer with each further one, and then tries with a single request: an outage costs a handful of requests, and no
 * event. Events go back to the front of the queue with their ids, so sending one twice stores it once.
 */
export class Delivery {
  readonly #dependencies: DeliveryDependencies
  readonly #bounds: DeliveryBounds
  #inFlight = 0
  #inFlightEvents = 0
  #failures = 0
  #pausedUntil = 0
  #timer: NodeJS.Timeout | null = null
  #hurried = false
  #stopped = false
  /** Smaller after a 413, for a while. */
  #batchEvents: number

  constructor(dependencies: DeliveryDependencies, bounds: DeliveryBounds) {
    this.#dependencies = dependencies
    this.#bounds = bounds
    this.#batchEvents = bounds.batchEventsMax
  }

  get inFlightEvents(): number {
    return this.#inFlightEvents
  }

  /** While hurried, nothing waits for a batch to fill. */
  hurry(hurried: boolean): void {
    this.#hurried = hurried
    this.poke()
  }

  stop(): void {
    this.#stopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  /** Sends what can be sent now, and comes back by itself when there is more to do. */
  poke(): void {
    const { queue, now } = this.#dependencies
    while (!this.#stopped && queue.length > 0 && this.#inFlight < (this.#failures > 0 ? 1 : this.#bounds.connections)) {
      const wait = this.#waitMs(now())
      if (wait > 0) {
        this.#wake(wait)
        return
      }
      this.#sendNext()
    }
  }

  #waitMs(now: number): number {
    const { queue } = this.#dependencies
    if (this.#pausedUntil > now) return this.#pausedUntil - now
    if (this.#hurried || queue.length >= this.#batchEvents || queue.bytes >= this.#bounds.batchBytesMax) return 0
    return (queue.oldest?.acceptedAt ?? 0) + this.#bounds.batchDelayMs - now
  }

  #wake(wait: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.poke()
    }, Math.ceil(wait)).unref()
  }

  #sendNext(): void {
    const { queue, now } = this.#dependencies
    const taken = queue.take({ eventsMax: this.#batchEvents, bytesMax: this.#bounds.batchBytesMax })
    const events = taken.filter((event) => !this.#expire(event, now()))
    if (events.length === 0) return
    this.#inFlight += 1
    this.#inFlightEvents += events.length
    void this.#send(events).finally(() => {
      this.#inFlight -= 1
      this.poke()
    })
  }

  #expire(event: EncodedEvent, now: number): boolean {
    if (now - event.acceptedAt <= this.#bounds.ageMsMax) return false
    this.#dependencies.finished(event, { kind: 'dropped', reason: 'expired' })
    return true
  }

  async #send(events: readonly EncodedEvent[]): Promise<void> {
    const { transport, contextJson, now } = this.#dependencies
    const sentAt = new Date(now()).toISOString()
    const body = `{"batch":[${events.map(({ json }) => json).join(',')}],"sentAt":"${sentAt}","wantResults":true,"context":${contextJson}}`
    const answer = await transport.post(body).catch(() => null)
    this.#inFlightEvents -= events.length
    if (this.#stopped) {
      this.#dependencies.queue.putBack(events)
      return
    }
    this.#settle(events, answer)
  }

  #settle(events: readonly EncodedEvent[], answer: TransportAnswer | null): void {
    const { finished } = this.#dependencies
    if (answer === null || isRetryable(answer.status)) return this.#retry(events, answer)
    if (answer.status === 413) return this.#halve(events)
    if (answer.status !== 200) {
      const reason = answer.status === 401 || answer.status === 403 ? 'unauthorized' : 'rejected'
      for (const event of events) finished(event, { kind: 'dropped', reason, status: answer.status })
      return
    }
    const results = readResults(answer.body, events.length)
    // Some other program answered in the collector's place.
    if (results === null) return this.#retry(events, null)
    const again: EncodedEvent[] = []
    events.forEach((event, index) => {
      const outcome = outcomeOf(results[index])
      if (outcome === null) again.push(event)
      else finished(event, outcome)
    })
    if (again.length > 0) return this.#retry(again, null)
    this.#failures = 0
    this.#batchEvents = Math.min(this.#bounds.batchEventsMax, this.#batchEvents * 2)
  }

  #retry(events: readonly EncodedEvent[], answer: TransportAnswer | null): void {
    const { queue, now, random } = this.#dependencies
    queue.putBack(events)
    // Requests that were under way together fail together: one outage, counted once.
    const at = now()
    if (at >= this.#pausedUntil) this.#failures += 1
    const wait = Math.max(backoffMs(this.#failures, random), retryAfterMs(answer?.retryAfter, at))
    this.#pausedUntil = Math.max(this.#pausedUntil, at + wait)
  }

  #halve(events: readonly EncodedEvent[]): void {
    const [only] = events
    if (events.length === 1 && only !== undefined) {
      this.#dependencies.finished(only, { kind: 'dropped', reason: 'too_large', status: 413 })
      return
    }
    this.#batchEvents = Math.ceil(events.length / 2)
    this.#dependencies.queue.putBack(events)
  }
}

/** The results of a 200 in the order of the batch; null if the body is not the collector's. */
function readResults(body: string, count: number): readonly unknown[] | null {
  try {
    const parsed: unknown = JSON.parse(body)
    const results: unknown = Reflect.get(Object(parsed), 'results')
    return Array.isArray(results) && results.length === count ? results : null
  } catch {
    return null
  }
}

/** null: to be sent again. */
function outcomeOf(entry: unknown): Outcome | null {
  const result: unknown = Reflect.get(Object(entry), 'result' satisfies keyof EventResult)
  if (result === 'retry') return null
  if (result === 'duplicate') return { kind: 'duplicate' }
  if (result === 'quarantined') return { kind: 'quarantined', reason: String(Reflect.get(Object(entry), 'reason')) }
  return { kind: 'delivered' }
}
