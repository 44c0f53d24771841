/** The time and timers as an argument, so that a test can be them. */
export interface Clock {
  /** Epoch milliseconds. Jumps when somebody sets the machine's clock: for what is stored and compared with other times. */
  now(): number
  /** Milliseconds since some moment, never set by anybody: for how long something takes, and for deadlines. */
  elapsed(): number
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const finish = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', finish)
        resolve()
      }
      const timer = setTimeout(finish, ms)
      signal?.addEventListener('abort', finish, { once: true })
    }),
}

/** What is left of a delay that began at a stored time, milliseconds; nothing if the clock was set back behind that time since. */
export function restOfDelay(delayMs: number, since: number, now: number): number {
  return now < since ? 0 : Math.max(0, since + delayMs - now)
}
