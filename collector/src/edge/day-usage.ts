const dayMs = 86_400_000

/** What the keys used of one day. */
export interface UsageOfDay {
  /** Days since the epoch, in UTC. */
  readonly day: number
  /** Events by the key's id. */
  readonly events: ReadonlyMap<string, number>
}

/** Counts the events of each key over the day in UTC. A clock that is set back counts on in the day it was. */
export class DayUsage {
  #day = 0
  #events = new Map<string, number>()

  constructor(past: UsageOfDay | null = null) {
    if (past === null) return
    this.#day = past.day
    this.#events = new Map(past.events)
  }

  /** `now` in epoch milliseconds. */
  of(key: string, now: number): number {
    this.#turn(now)
    return this.#events.get(key) ?? 0
  }

  /** `events` is below zero where some turn out not to be stored. */
  add(key: string, events: number, now: number): void {
    this.#turn(now)
    this.#events.set(key, Math.max(0, (this.#events.get(key) ?? 0) + events))
  }

  get current(): UsageOfDay {
    return { day: this.#day, events: this.#events }
  }

  #turn(now: number): void {
    const day = Math.floor(now / dayMs)
    if (day <= this.#day) return
    this.#day = day
    this.#events = new Map()
  }
}

/** Seconds until the day in UTC ends. */
export function secondsLeftOfDay(now: number): number {
  return (dayMs - now % dayMs) / 1_000
}
