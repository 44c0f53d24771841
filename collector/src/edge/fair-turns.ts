interface Waiter {
  readonly bytes: number
  run(): void
}

interface Line {
  /** Empty while a key pays off what it was served at once. */
  readonly waiting: Waiter[]
  /** Of all that wait. */
  bytes: number
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
  /** Whether what comes behind takes more; where it does not, lines stand until {@link FairTurns.goOn}. */
  readonly hasRoom: () => boolean
}

const defaults: FairTurnsOptions = Object.freeze({ sliceMs: 0.5, now: () => performance.now(), later: (work: () => void) => void setImmediate(work), hasRoom: () => true })

/** About so much of what was done last counts for what a byte costs. */
const averagedBytes = 4 * 1024 * 1024

/** What a key may use of a round before the next key is served, milliseconds. */
const quantumMs = 0.25

/**
 * The thread is one, and reading events is the long part of a request. While less than a slice was used since the event
 * loop last looked at its sockets, work is done at once. What comes beyond that waits in a line for each key, and the
 * lines are served in turns by the time they really use (deficit round robin), a slice at a time: a key with a thousand
 * requests in work delays a key with one by a slice, not by a thousand requests. A key that has nothing in line is served at once, if it
 * asks for no more than its turn would be, and pays that off before the next time. A slice is short because a request goes
 * around the loop several times (its body, its place in the log's next write, the sync, the answer), and because Node
 * accepts one new connection each time around.
 */
export class FairTurns {
  readonly #options: FairTurnsOptions
  readonly #lines = new Map<string, Line>()
  #waiting = 0
  #usedMs = 0
  #msPerByte = 0
  #scheduled = false

  constructor(options: Partial<FairTurnsOptions> = {}) {
    this.#options = { ...defaults, ...options }
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.#waiting
  }

  /** How long a request of the key that comes now will wait for its turn, milliseconds, by what the last ones took. */
  expectedWaitMs(key: string): number {
    return (this.#lines.get(key)?.bytes ?? 0) * this.#msPerByte * this.#lines.size
  }

  /** Does the work, which is on `bytes`, now or when it is the key's turn; fails as the work does. */
  run<T>(key: string, bytes: number, work: () => T): T | Promise<T> {
    this.#schedule()
    const stands = this.#waiting > 0 || !this.#options.hasRoom()
    if (!stands && this.#usedMs < this.#options.sliceMs) return this.#timed(bytes, work)
    if (stands && !this.#lines.has(key) && bytes * this.#msPerByte <= quantumMs) return this.#inAdvance(key, bytes, work)
    return new Promise((resolve, reject) => {
      const run = (): void => {
        try {
          resolve(this.#timed(bytes, work))
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)))
        }
      }
      this.#waiting += 1
      const line = this.#lines.get(key)
      if (line === undefined) this.#lines.set(key, { waiting: [{ run, bytes }], bytes, credit: 0 })
      else {
        line.waiting.push({ run, bytes })
        line.bytes += bytes
      }
    })
  }

  /** There may be room again. */
  goOn(): void {
    if (this.#lines.size > 0) this.#schedule()
  }

  /** Its line stands behind those of all others, so that a key is served in advance once a round. */
  #inAdvance<T>(key: string, bytes: number, work: () => T): T {
    const before = this.#usedMs
    try {
      return this.#timed(bytes, work)
    } finally {
      this.#lines.set(key, { waiting: [], bytes: 0, credit: before - this.#usedMs })
    }
  }

  #timed<T>(bytes: number, work: () => T): T {
    const { now } = this.#options
    const startedAt = now()
    try {
      return work()
    } finally {
      const tookMs = now() - startedAt
      this.#usedMs += tookMs
      // Weighed by bytes, so that a thousand small requests say no more than a large one.
      const weight = Math.min(0.5, bytes / averagedBytes)
      if (bytes > 0) this.#msPerByte += (tookMs / bytes - this.#msPerByte) * weight
    }
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#options.later(() => {
      this.#scheduled = false
      this.#usedMs = 0
      if (this.#lines.size === 0 || !this.#options.hasRoom()) return
      this.#schedule()
      this.#serve()
    })
  }

  #serve(): void {
    while (this.#usedMs < this.#options.sliceMs && this.#options.hasRoom()) {
      const next = this.#lines.entries().next()
      if (next.done === true) return
      const [key, line] = next.value
      // To the end of the row, whatever is left of it.
      this.#lines.delete(key)
      line.credit += quantumMs
      for (let waiter = line.waiting[0]; waiter !== undefined && line.credit > 0; waiter = line.waiting[0]) {
        line.waiting.shift()
        line.bytes -= waiter.bytes
        this.#waiting -= 1
        const before = this.#usedMs
        waiter.run()
        line.credit -= this.#usedMs - before
      }
      if (line.waiting.length > 0 || (line.credit < 0 && this.#waiting > 0)) this.#lines.set(key, line)
    }
  }
}
