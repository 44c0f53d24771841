import type { Clock } from './clock.ts'
import type { CollectorHealth } from './collector-health.ts'
import type { QueuedEvent } from './encode-event.ts'
import { BodyBuilder, type EventMemory } from './event-memory.ts'
import type { EventBounds, EventQueue } from './event-queue.ts'
import type { Outcome } from './outcomes.ts'
import { readAnswer } from './read-answer.ts'
import { isRetryable, retryAfterMs } from './retry-policy.ts'
import type { Transport, TransportAnswer, TransportFailure } from './transport.ts'

export interface DeliveryBounds {
  /** Of a body before compression. */
  readonly batchBytesMax: number
  /** An incomplete batch goes when its oldest event waited so long. */
  readonly batchDelayMs: number
  /** An event older than this is given up. */
  readonly ageMsMax: number
}

export interface DeliveryDependencies {
  readonly queue: EventQueue
  readonly memory: EventMemory
  readonly health: CollectorHealth
  readonly transport: Pick<Transport, 'post'>
  /** JSON of what is said once for all events of a body. */
  readonly contextJson: string
  readonly clock: Clock
  /** Events with their last word, in the order of the batch. */
  readonly finished: (settled: readonly SettledEvent[]) => void
  /** Events left the queue for a request: there is more room. */
  readonly taken: () => void
}

export interface SettledEvent {
  readonly event: QueuedEvent
  readonly outcome: Outcome
}

/**
 * Sends the queue in batches, several at a time while the collector is well. After a failure the whole client waits and
 * then tries with a single request (see {@link CollectorHealth}). Events that were not delivered go back to the queue
 * with their ids, so sending one twice stores it once.
 */
export class Delivery {
  readonly #dependencies: DeliveryDependencies
  readonly #bounds: DeliveryBounds
  readonly #bodies = new BodyBuilder()
  #requests = 0
  readonly #inFlight = new Set<readonly QueuedEvent[]>()
  #inFlightEvents = 0
  #wake: { readonly at: number; readonly cancel: () => void } | null = null
  readonly #asideTimers = new Set<() => void>()
  #hurried = false
  #stopped = false
  #failedRequests = 0
  #lastFailure: string | null = null

  constructor(dependencies: DeliveryDependencies, bounds: DeliveryBounds) {
    this.#dependencies = dependencies
    this.#bounds = bounds
  }

  get inFlightEvents(): number {
    return this.#inFlightEvents
  }

  /** Requests that brought no whole answer of a collector, or one that says to come again. */
  get failedRequests(): number {
    return this.#failedRequests
  }

  /** What went wrong last, for people. */
  get lastFailure(): string | null {
    return this.#lastFailure
  }

  /** While hurried, nothing waits for a batch to fill. */
  hurry(hurried: boolean): void {
    this.#hurried = hurried
    this.poke()
  }

  /** Sends nothing more; what was under way is back in the queue. */
  stop(): void {
    this.#stopped = true
    this.#wake?.cancel()
    for (const cancel of this.#asideTimers) cancel()
    for (const events of this.#inFlight) this.#dependencies.queue.putBack(events)
    this.#inFlight.clear()
    this.#inFlightEvents = 0
  }

  /** Sends what can be sent now, and comes back by itself when there is more to do. */
  poke(): void {
    const { queue, clock, health } = this.#dependencies
    while (!this.#stopped && queue.length > 0 && this.#requests < health.requestsMax) {
      const ticks = clock.ticks()
      const wait = Math.max(health.pausedMs(ticks), this.#fillMs(ticks))
      if (wait > 0) return this.#wakeAt(ticks + wait, wait)
      this.#sendNext(ticks)
    }
  }

  /** How long the next batch may wait for more events. */
  #fillMs(ticks: number): number {
    const { queue, health } = this.#dependencies
    if (this.#hurried || queue.length >= health.batchEvents || queue.bytes >= this.#bounds.batchBytesMax) return 0
    return (queue.oldest?.acceptedTicks ?? 0) + this.#bounds.batchDelayMs - ticks
  }

  /** Every call comes by here, so a timer that is early enough stays. */
  #wakeAt(at: number, wait: number): void {
    if (this.#wake !== null) {
      if (this.#wake.at <= at) return
      this.#wake.cancel()
    }
    const cancel = this.#dependencies.clock.after(wait, () => {
      this.#wake = null
      this.poke()
    })
    this.#wake = { at, cancel }
  }

  #sendNext(ticks: number): void {
    const { queue, health, finished, taken } = this.#dependencies
    const limits: EventBounds = { eventsMax: health.batchEvents, bytesMax: this.#bounds.batchBytesMax }
    const expired: SettledEvent[] = []
    const events = queue.take(limits).filter((event) => {
      if (ticks - event.acceptedTicks <= this.#bounds.ageMsMax) return true
      expired.push({ event, outcome: { kind: 'dropped', reason: 'expired' } })
      return false
    })
    if (events.length > 0) {
      this.#requests += 1
      this.#inFlight.add(events)
      this.#inFlightEvents += events.length
    }
    if (expired.length > 0) finished(expired)
    if (events.length > 0) this.#send(events).catch((error: unknown) => process.emitWarning(`@millrace/node: ${String(error)}`))
    taken()
  }

  async #send(events: readonly QueuedEvent[]): Promise<void> {
    const { transport, contextJson, clock, health } = this.#dependencies
    const sentAt = new Date(clock.now()).toISOString()
    const body = this.#bodies.build('{"batch":[', events, `],"sentAt":"${sentAt}","wantResults":true,"context":${contextJson}}`)
    const answer = await transport.post(body, health.requestTimeoutMs)
    this.#bodies.release(body)
    this.#requests -= 1
    if (!this.#inFlight.delete(events)) return
    this.#inFlightEvents -= events.length
    this.#settle(events, answer)
    this.poke()
  }

  #settle(events: readonly QueuedEvent[], answer: TransportAnswer | TransportFailure): void {
    const { finished } = this.#dependencies
    if (answer.status === null) return this.#failed(events, answer.message, { timedOut: answer.timedOut })
    if (isRetryable(answer.status)) return this.#failed(events, `the collector answered ${answer.status}`, answer)
    if (answer.status === 413) return this.#halve(events)
    if (answer.status >= 300) {
      const reason = answer.status === 401 || answer.status === 403 ? 'unauthorized' : 'rejected'
      this.#lastFailure = `the collector answered ${answer.status}`
      return finished(events.map((event) => ({ event, outcome: { kind: 'dropped', reason, status: answer.status } })))
    }
    const outcomes = readAnswer(answer.body, events.length)
    if (outcomes === null) return this.#failed(events, `${answer.status} without the body of a collector`, {})
    const settled: SettledEvent[] = []
    const again: QueuedEvent[] = []
    events.forEach((event, index) => {
      const outcome = outcomes[index] ?? null
      if (outcome === null) again.push(event)
      else settled.push({ event, outcome })
    })
    if (settled.length === 0) return this.#failed(again, 'the collector stored none of a batch', answer)
    this.#dependencies.health.succeeded()
    if (again.length > 0) this.#setAside(again)
    finished(settled)
  }

  #failed(events: readonly QueuedEvent[], message: string, { retryAfter, timedOut = false }: { readonly retryAfter?: string | undefined; readonly timedOut?: boolean }): void {
    const { queue, clock, health } = this.#dependencies
    this.#failedRequests += 1
    this.#lastFailure = message
    queue.putBack(events)
    health.failed(clock.ticks(), { askedMs: retryAfterMs(retryAfter, clock.now()), timedOut })
  }

  /** The collector is well but for these: they wait by themselves, and hold up nobody. */
  #setAside(events: readonly QueuedEvent[]): void {
    const { queue, clock, health } = this.#dependencies
    for (const event of events) {
      event.retries += 1
      event.json = this.#dependencies.memory.detach(event.json)
    }
    queue.setAside(events)
    const cancel = clock.after(health.backoffMs(Math.max(...events.map(({ retries }) => retries))), () => {
      this.#asideTimers.delete(cancel)
      queue.putBack(events)
      this.poke()
    })
    this.#asideTimers.add(cancel)
  }

  #halve(events: readonly QueuedEvent[]): void {
    const [only] = events
    if (events.length === 1 && only !== undefined) {
      return this.#dependencies.finished([{ event: only, outcome: { kind: 'dropped', reason: 'too_large', status: 413 } }])
    }
    this.#dependencies.health.tooLarge(events.length)
    this.#dependencies.queue.putBack(events)
  }
}
