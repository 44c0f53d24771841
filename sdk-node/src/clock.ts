/** Time as an argument, so that a test can be it. */
export interface Clock {
  /** Epoch milliseconds of the wall: what an event says. A correction may move it either way. */
  now(): number
  /** Milliseconds from some beginning, which only grow: what waits are measured with. */
  ticks(): number
  /** Calls back once after so many milliseconds, without keeping the process alive for it. Returns how to call it off. */
  after(ms: number, callback: () => void): () => void
}

export const systemClock: Clock = {
  now: Date.now,
  ticks: () => performance.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, Math.ceil(ms)).unref()
    return () => clearTimeout(timer)
  },
}
