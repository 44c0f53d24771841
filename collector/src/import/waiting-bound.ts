/** How much later a live event may be decided for the sake of history that waits before it, milliseconds. */
const delayMs = 600
/** Of events that wait: fewer would make transactions of next to nothing, and more gain nothing. */
const eventsMin = 400
const eventsMax = 8_000
/** As many as the pump decides in one transaction. */
const turnEventsMax = 4_000
/** What the pump is taken to decide before anything is known. */
const firstPerSecond = 5_000
/** Time over which its speed is averaged, milliseconds. */
const memoryMs = 1_500

/**
 * How many events of imports may wait for the pump. They stand before whatever a shop sends meanwhile, so they are bounded by the time that the pump takes for
 * them, not by their number: on a machine that is busy with other things it decides a tenth of what it could.
 */
export class WaitingBound {
  #perSecond = firstPerSecond
  #measuredAt: number | null = null
  #decided = 0

  get events(): number {
    return Math.max(eventsMin, Math.min(eventsMax, Math.floor(this.#perSecond * delayMs / 1_000)))
  }

  /** Events that go to one partition at once: the pump decides them in one transaction, and nothing else meanwhile. */
  get turnEvents(): number {
    return Math.min(turnEventsMax, Math.ceil(this.events / 2))
  }

  /** Nothing waited until now. */
  begun(now: number): void {
    this.#measuredAt = now
    this.#decided = 0
  }

  /** So many were decided since the last call, with some waiting all the time. */
  decided(events: number, now: number): void {
    this.#decided += events
    const passed = now - (this.#measuredAt ?? now)
    this.#measuredAt ??= now
    if (passed <= 0) return
    const kept = Math.exp(-passed / memoryMs)
    this.#perSecond = this.#perSecond * kept + this.#decided / passed * 1_000 * (1 - kept)
    this.#measuredAt = now
    this.#decided = 0
  }
}
