interface Flush {
  /** Events accepted before it that have no outcome yet. */
  remaining: number
  /** The number of the last event it waits for. */
  readonly last: number
  readonly resolve: () => void
}

/** Flushes that wait for the events accepted before them. */
export class OpenFlushes {
  #open: Flush[] = []

  get any(): boolean {
    return this.#open.length > 0
  }

  /** Resolves when so many events numbered up to `last` have been {@link settled}. */
  add(remaining: number, last: number): Promise<void> {
    if (remaining === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#open.push({ remaining, last, resolve })
    })
  }

  /** An event has its outcome. */
  settled(number: number): void {
    if (this.#open.length === 0) return
    let done = false
    for (const flush of this.#open) {
      if (number > flush.last) continue
      flush.remaining -= 1
      done ||= flush.remaining === 0
    }
    if (!done) return
    for (const { remaining, resolve } of this.#open) if (remaining === 0) resolve()
    this.#open = this.#open.filter(({ remaining }) => remaining > 0)
  }

  /** Nothing more will be settled. */
  giveUp(): void {
    for (const { resolve } of this.#open.splice(0)) resolve()
  }
}
