import type { QueuedEvent } from './encode-event.ts'

/** How much the queue, or a batch taken from it, holds at most. */
export interface EventBounds {
  readonly eventsMax: number
  /** UTF-8 bytes of the events' JSON. */
  readonly bytesMax: number
}

/** Events that wait to be sent, oldest first, bounded in events and bytes. Every operation costs the same from empty to full. */
export class EventQueue {
  readonly #bounds: EventBounds
  /** Sent before: they go again before the others. */
  #again: QueuedEvent[] = []
  #events: QueuedEvent[] = []
  #taken = 0
  #bytes = 0
  /** Waiting for a time of their own. */
  readonly #aside = new Set<QueuedEvent>()

  constructor(bounds: EventBounds) {
    this.#bounds = bounds
  }

  /** Events that can be taken now. */
  get length(): number {
    return this.#again.length + this.#events.length - this.#taken
  }

  /** All events held here, those set aside too. */
  get held(): number {
    return this.length + this.#aside.size
  }

  /** Of all events held here. */
  get bytes(): number {
    return this.#bytes
  }

  /** Of the events that can be taken, the first. */
  get oldest(): QueuedEvent | undefined {
    return this.#again[0] ?? this.#events[this.#taken]
  }

  /** Half of both bounds are free. */
  get hasRoom(): boolean {
    return this.held <= this.#bounds.eventsMax / 2 && this.#bytes <= this.#bounds.bytesMax / 2
  }

  /** Whether an event of this size may be added. */
  takes(bytes: number): boolean {
    return this.held < this.#bounds.eventsMax && this.#bytes + bytes <= this.#bounds.bytesMax
  }

  /** Adds an event behind the others. The caller has asked {@link takes}, or has a reason to go beyond the bounds. */
  add(event: QueuedEvent): void {
    this.#events.push(event)
    this.#bytes += event.bytes
  }

  /** Takes events back that could not be delivered, in the order of their calls; they were accepted, so no bound refuses them. */
  putBack(events: readonly QueuedEvent[]): void {
    for (const event of events) {
      if (!this.#aside.delete(event)) this.#bytes += event.bytes
    }
    this.#again = [...this.#again, ...events].sort((a, b) => a.number - b.number)
  }

  /** Takes events back that may not be sent before {@link putBack} is called with them. */
  setAside(events: readonly QueuedEvent[]): void {
    for (const event of events) {
      this.#aside.add(event)
      this.#bytes += event.bytes
    }
  }

  /** The next events up to the bounds, at least one if there is one. */
  take({ eventsMax, bytesMax }: EventBounds): readonly QueuedEvent[] {
    const batch: QueuedEvent[] = []
    let bytes = 0
    let again = 0
    for (;;) {
      const next = again < this.#again.length ? this.#again[again] : this.#events[this.#taken]
      if (next === undefined || batch.length === eventsMax) break
      if (batch.length > 0 && bytes + next.bytes + 1 > bytesMax) break
      if (again < this.#again.length) again += 1
      else this.#taken += 1
      batch.push(next)
      bytes += next.bytes + 1
    }
    if (again > 0) this.#again = this.#again.slice(again)
    this.#bytes -= bytes - batch.length
    this.#compact()
    return batch
  }

  /** Takes everything there is. */
  takeAll(): readonly QueuedEvent[] {
    const all = [...this.#again, ...this.#events.slice(this.#taken), ...this.#aside].sort((a, b) => a.number - b.number)
    this.#again = []
    this.#events = []
    this.#taken = 0
    this.#bytes = 0
    this.#aside.clear()
    return all
  }

  /** Moving the rest to the front now and then keeps a take from costing the length of the queue. */
  #compact(): void {
    if (this.#taken < 1_024 || this.#taken * 2 < this.#events.length) return
    this.#events = this.#events.slice(this.#taken)
    this.#taken = 0
  }
}
