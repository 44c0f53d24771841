const firstDelayMs = 500
const delayMsMax = 30_000
const retryAfterMsMax = 300_000

/** Statuses that say nothing against the events themselves; a redirect is some other program's answer. */
export function isRetryable(status: number): boolean {
  return status === 408 || status === 429 || status >= 500 || status < 200 || (status >= 300 && status < 400)
}

/** Full jitter over an exponential bound, milliseconds: AWS Architecture Blog, "Exponential Backoff And Jitter" (2015). */
export function backoffMs(failures: number, random: () => number): number {
  return random() * Math.min(delayMsMax, firstDelayMs * 2 ** Math.min(failures, 10))
}

/** A `Retry-After` header, seconds or a date, as milliseconds up to 5 minutes; 0 if there is none or it cannot be read. */
export function retryAfterMs(header: string | undefined, now: number): number {
  if (header === undefined) return 0
  const ms = /^\s*\d+\s*$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - now
  return Number.isFinite(ms) ? Math.min(retryAfterMsMax, Math.max(0, ms)) : 0
}
