import type { Clock } from '../../collector/src/platform/clock.ts'
import { beginMs, type Cancel, type World } from './world.ts'

/**
 * A process of the product on a machine of its own, with its own clock. It can die at any moment (nothing it waits for comes any more)
 * or stand still: what comes meanwhile waits, and what it was about to send leaves late, when others may have taken its place.
 */
export class Machine {
  readonly name: string
  readonly world: World
  readonly clock: Clock
  #alive = true
  #stoppedUntil = 0
  readonly #onDeath: (() => void)[] = []

  constructor(name: string, world: World, { skewMs }: { readonly skewMs: number }) {
    this.name = name
    this.world = world
    this.clock = {
      now: () => beginMs + world.now + skewMs,
      elapsed: () => world.now,
      sleep: (ms, signal) => this.#sleep(ms, signal),
    }
  }

  get alive(): boolean {
    return this.#alive
  }

  /** Until when it stands still. */
  get stoppedUntil(): number {
    return this.#stoppedUntil
  }

  /** Runs after the time, unless it is dead by then; later if it stands still. */
  after(ms: number, run: () => void): Cancel {
    let cancel: Cancel = () => {}
    const attempt = (): void => {
      if (!this.#alive) return
      const rest = this.#stoppedUntil - this.world.now
      if (rest > 0) cancel = this.world.after(rest + this.world.choices.below(4), attempt)
      else run()
    }
    cancel = this.world.after(ms, attempt)
    return () => cancel()
  }

  standStill(ms: number): void {
    if (!this.#alive) return
    this.world.note(`${this.name} stands still for ${ms} ms`)
    this.world.count('processes that stood still')
    this.#stoppedUntil = Math.max(this.#stoppedUntil, this.world.now + ms)
  }

  die(why: string): void {
    if (!this.#alive) return
    this.world.note(`${this.name} dies: ${why}`)
    this.world.count('processes that died')
    this.#alive = false
    for (const run of this.#onDeath) run()
  }

  onDeath(run: () => void): void {
    this.#onDeath.push(run)
  }

  #sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const finish = (): void => {
        cancel()
        signal?.removeEventListener('abort', finish)
        resolve()
      }
      const cancel = this.after(Math.ceil(ms), finish)
      signal?.addEventListener('abort', finish, { once: true })
    })
  }
}
