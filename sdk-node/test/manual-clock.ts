import type { Clock } from '../src/clock.ts'

interface Timer {
  readonly at: number
  readonly callback: () => void
}

/** A clock that stands still until the test moves it. */
export class ManualClock implements Clock {
  readonly #timers = new Set<Timer>()
  #ticks = 0
  /** What a correction of the wall clock did to it. */
  jumpedMs = 0

  now(): number {
    return Date.UTC(2026, 0, 1) + this.#ticks + this.jumpedMs
  }

  ticks(): number {
    return this.#ticks
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#ticks + ms, callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Lets so much time pass, each timer at its own moment, and promises settle in between. */
  async pass(ms: number): Promise<void> {
    const end = this.#ticks + ms
    for (;;) {
      await settlePromises()
      const next = [...this.#timers].sort((a, b) => a.at - b.at)[0]
      if (next === undefined || next.at > end) break
      this.#timers.delete(next)
      this.#ticks = Math.max(this.#ticks, next.at)
      next.callback()
    }
    this.#ticks = end
    await settlePromises()
  }
}

/** No promise of these tests waits for the outside world. */
async function settlePromises(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
}
