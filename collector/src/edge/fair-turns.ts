interface Waiter {
  run(): void
}

interface Line {
  readonly waiting: Waiter[]
  /** Milliseconds the key may still use before the next one is served; below zero after a long piece of work. */
  credit: number
}

export interface FairTurnsOptions {
  /** Milliseconds of work before the event loop looks at its sockets again. */
  readonly sliceMs: number
  /** Milliseconds. */
  readonly now: () => number
  /** Runs the work once the event loop has looked at its sockets. */
  readonly later: (work: () => void) => void
}

const defaults: FairTurnsOptions = Object.freeze({ sliceMs: 2, now: () => performance.now(), later: (work: () => void) => void setImmediate(work) })

/** What a key may use of a round before the next key is served, milliseconds. */
const quantumMs = 0.5

/**
 * The thread is one, and reading events is the long part of a request. While less than a slice was used since the event
 * loop last looked at its sockets, work is done at once. What comes beyond that waits in a line for each key, and the
 * lines are served in turns by the time they really use (deficit round robin), a slice at a time: a key with a thousand
 * requests in work delays a key with one by a slice, not by a thousand requests.
 */
export class FairTurns {
  readonly #options: FairTurnsOptions
  readonly #lines = new Map<string, Line>()
  #usedMs = 0
  #scheduled = false

  constructor(options: Partial<FairTurnsOptions> = {}) {
    this.#options = { ...defaults, ...options }
  }

  /** Requests that wait. */
  get waiting(): number {
    let count = 0
    for (const line of this.#lines.values()) count += line.waiting.length
    return count
  }

  /** Does the work now or when it is the key's turn; fails as the work does. */
  run<T>(key: string, work: () => T): T | Promise<T> {
    this.#schedule()
    if (this.#lines.size === 0 && this.#usedMs < this.#options.sliceMs) return this.#timed(work)
    return new Promise((resolve, reject) => {
      const run = (): void => {
        try {
          resolve(this.#timed(work))
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)))
        }
      }
      const line = this.#lines.get(key)
      if (line === undefined) this.#lines.set(key, { waiting: [{ run }], credit: 0 })
      else line.waiting.push({ run })
    })
  }

  #timed<T>(work: () => T): T {
    const { now } = this.#options
    const startedAt = now()
    try {
      return work()
    } finally {
      this.#usedMs += now() - startedAt
    }
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#options.later(() => {
      this.#scheduled = false
      this.#usedMs = 0
      if (this.#lines.size === 0) return
      this.#schedule()
      this.#serve()
    })
  }

  #serve(): void {
    while (this.#usedMs < this.#options.sliceMs) {
      const next = this.#lines.entries().next()
      if (next.done === true) return
      const [key, line] = next.value
      // To the end of the row, whatever is left of it.
      this.#lines.delete(key)
      line.credit += quantumMs
      for (let waiter = line.waiting[0]; waiter !== undefined && line.credit > 0; waiter = line.waiting[0]) {
        line.waiting.shift()
        const before = this.#usedMs
        waiter.run()
        line.credit -= this.#usedMs - before
      }
      if (line.waiting.length > 0) this.#lines.set(key, line)
    }
  }
}
