import { keep, type Shelf } from './frame.ts'

const delayMsMax = 300_000

export interface SendingTimes {
  /** Failures in a row. */
  failures: number
  /** Calls `send` after that time at the latest. */
  plan(delayMs: number): void
  /** No page of this origin starts a request within that time. */
  hold(ms: number): void
  /** How long nobody may start a request; 0 or less if one may. */
  waitMs(): number
  /** Full jitter over a doubling bound; at least as long as the collector asks for, in seconds or by a date. */
  later(retryAfter?: string | null): void
  succeeded(): void
}

/** When to send next: the next timer of this page, and one moment that all pages of an origin share. */
export function sendingTimes(shelf: Shelf, name: string, send: () => void): SendingTimes {
  let until = 0
  let timerAt = Infinity
  const times: SendingTimes = {
    failures: 0,
    plan: (delayMs) => {
      const at = Date.now() + delayMs
      if (timerAt <= at) return
      timerAt = at
      // A later one that was planned before still comes, and finds nothing to do.
      setTimeout(() => {
        timerAt = Infinity
        send()
      }, delayMs)
    },
    hold: (ms) => {
      until = Date.now() + ms
      keep(shelf, name, String(until))
    },
    waitMs: () => {
      const ms = Math.max(until, +(shelf[name] ?? 0)) - Date.now()
      // A clock that was set back must not hold anything for ever.
      return ms > delayMsMax ? 0 : ms
    },
    later: (retryAfter) => {
      const asked = retryAfter ?? ''
      const askedMs = +asked * 1_000 || Date.parse(asked) - Date.now() || 0
      const delayMs = Math.min(delayMsMax, Math.max(askedMs, Math.random() * 1_000 * 2 ** times.failures++))
      times.hold(delayMs)
      times.plan(delayMs)
    },
    succeeded: () => {
      times.failures = until = 0
      delete shelf[name]
    },
  }
  return times
}
