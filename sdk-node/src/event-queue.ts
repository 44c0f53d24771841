import type { EncodedEvent } from './encode-event.ts'

export interface QueueBounds {
  readonly eventsMax: number
  readonly bytesMax: number
}

export interface BatchBounds {
  readonly eventsMax: number
  readonly bytesMax: number
}

/** Events that wait to be sent, oldest first, bounded in events and bytes. Every operation costs the same from empty to full. */
export class EventQueue {
  readonly #bounds: QueueBounds
  /** Sent before: they go again before the others. */
  readonly #again: EncodedEvent[] = []
  #events: EncodedEvent[] = []
  #taken = 0
  #bytes = 0

  constructor(bounds: QueueBounds) {
    this.#bounds = bounds
  }

  get length(): number {
    return this.#again.length + this.#events.length - this.#taken
  }

  get bytes(): number {
    return this.#bytes
  }

  get oldest(): EncodedEvent | undefined {
    return this.#again[0] ?? this.#events[this.#taken]
  }

  /** Half of both bounds are free. */
  get hasRoom(): boolean {
    return this.length < this.#bounds.eventsMax / 2 && this.#bytes < this.#bounds.bytesMax / 2
  }

  /** False if there is no room: the event is not taken. */
  add(event: EncodedEvent): boolean {
    if (this.length >= this.#bounds.eventsMax || this.#bytes + event.bytes > this.#bounds.bytesMax) return false
    this.#events.push(event)
    this.#bytes += event.bytes
    return true
  }

  /** Takes events back that could not be delivered; they were accepted, so no bound refuses them. */
  putBack(events: readonly EncodedEvent[]): void {
    this.#again.unshift(...events)
    for (const { bytes } of events) this.#bytes += bytes
  }

  /** The next events up to the bounds, at least one if there is one. */
  take({ eventsMax, bytesMax }: BatchBounds): readonly EncodedEvent[] {
    const batch: EncodedEvent[] = []
    let bytes = 0
    for (let next = this.oldest; next !== undefined && batch.length < eventsMax; next = this.oldest) {
      if (batch.length > 0 && bytes + next.bytes + 1 > bytesMax) break
      if (this.#again.length > 0) this.#again.shift()
      else this.#taken += 1
      batch.push(next)
      bytes += next.bytes + 1
    }
    this.#bytes -= batch.reduce((sum, event) => sum + event.bytes, 0)
    this.#compact()
    return batch
  }

  /** Moving the rest to the front now and then keeps a take from costing the length of the queue. */
  #compact(): void {
    if (this.#taken < 1_024 || this.#taken * 2 < this.#events.length) return
    this.#events = this.#events.slice(this.#taken)
    this.#taken = 0
  }
}
