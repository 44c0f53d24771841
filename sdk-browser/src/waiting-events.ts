/** An event as it will be sent. */
export interface WaitingEvent {
  readonly json: string
  /** UTF-8 bytes of `json`. */
  readonly bytes: number
  /** Epoch milliseconds. */
  readonly calledAt: number
}

const eventsMax = 1_000
const bytesMax = 262_144

/** Events that wait to be sent, oldest first: at most 1,000 and 256 KiB. */
export class WaitingEvents {
  #events: WaitingEvent[] = []
  #bytes = 0

  get length(): number {
    return this.#events.length
  }

  /** The oldest make room for the newest; the answer is how many did. */
  add(event: WaitingEvent): number {
    this.#events.push(event)
    this.#bytes += event.bytes
    return this.#shrink()
  }

  /** As `add`, for events that were taken and not delivered: they are older than all others. */
  putBack(events: readonly WaitingEvent[]): number {
    this.#events.unshift(...events)
    for (const { bytes } of events) this.#bytes += bytes
    return this.#shrink()
  }

  /** The oldest that fit together. */
  take(limit: { readonly events: number; readonly bytes: number }): readonly WaitingEvent[] {
    let bytes = 0
    const fit = this.#events.slice(0, limit.events).findIndex((event) => (bytes += event.bytes + 1) > limit.bytes)
    const taken = this.#events.splice(0, fit === -1 ? limit.events : fit)
    for (const event of taken) this.#bytes -= event.bytes
    return taken
  }

  /** Gives up what was called before that moment. */
  expire(before: number): number {
    const fresh = this.#events.filter(({ calledAt }) => calledAt >= before)
    const expired = this.#events.length - fresh.length
    this.#events = fresh
    this.#bytes = fresh.reduce((sum, { bytes }) => sum + bytes, 0)
    return expired
  }

  #shrink(): number {
    let dropped = 0
    while (this.#events.length > eventsMax || this.#bytes > bytesMax) {
      this.#bytes -= this.#events.shift()?.bytes ?? 0
      dropped += 1
    }
    return dropped
  }
}
