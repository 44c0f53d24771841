import type { BatchCounts } from '../ports/oltp.ts'

/** Counts a batch as it is frozen: totals, minutes of receivedAt, months of event time. */
export class BatchTally {
  #stored = 0
  #duplicate = 0
  #quarantined = 0
  #first = Infinity
  #last = -Infinity
  readonly #months = new Set<number>()
  /** Minute to [stored, duplicate, quarantined]. */
  readonly #minutes = new Map<number, [number, number, number]>()

  store(receivedAt: number, month: number): void {
    this.#stored += 1
    this.#months.add(month)
    this.#minute(receivedAt)[0] += 1
  }

  drop(receivedAt: number, why: 'duplicate' | 'quarantined'): void {
    if (why === 'duplicate') this.#duplicate += 1
    else this.#quarantined += 1
    this.#minute(receivedAt)[why === 'duplicate' ? 1 : 2] += 1
  }

  counts(): BatchCounts {
    const accepted = this.#stored + this.#duplicate + this.#quarantined
    return { accepted, stored: this.#stored, duplicate: this.#duplicate, quarantined: this.#quarantined }
  }

  /** The span of receivedAt; `fallback` for a batch without events. */
  times(fallback: number): { readonly firstReceivedAt: number; readonly lastReceivedAt: number } {
    if (this.#first === Infinity) return { firstReceivedAt: fallback, lastReceivedAt: fallback }
    return { firstReceivedAt: this.#first, lastReceivedAt: this.#last }
  }

  /** JSON of minute (epoch minutes) to [stored, duplicate, quarantined]. */
  minutes(): string {
    return JSON.stringify(Object.fromEntries(this.#minutes))
  }

  months(): string {
    return [...this.#months].toSorted((a, b) => a - b).join(',')
  }

  #minute(receivedAt: number): [number, number, number] {
    this.#first = Math.min(this.#first, receivedAt)
    this.#last = Math.max(this.#last, receivedAt)
    const minute = Math.floor(receivedAt / 60_000)
    let counts = this.#minutes.get(minute)
    if (counts === undefined) {
      counts = [0, 0, 0]
      this.#minutes.set(minute, counts)
    }
    return counts
  }
}
