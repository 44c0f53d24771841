import type { Clock } from '../platform/clock.ts'
import { MillraceError } from '../platform/errors.ts'
import type { KeyList, KeyRing } from './key-ring.ts'

export interface KeyRefresh {
  /** The keys as the store has them now. */
  source(): Promise<KeyList>
  readonly ring: KeyRing
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Writes a list that differs from the last one down for the next start. */
  remember(list: KeyList): Promise<void>
  /** Told once when asking or remembering begins to fail, not each time. */
  report(error: unknown): void
  /** How often the store is asked, and how long it has to answer, milliseconds; their sum must stay below 5 s. Default 2,000. */
  readonly everyMs?: number
}

/**
 * Keeps the ring equal to the store until `signal`: a key revoked while the store answers is refused at most
 * 5 s later. While the store does not answer, the last list stays.
 */
export async function refreshKeys(refresh: KeyRefresh): Promise<void> {
  const { clock, signal, ring } = refresh
  const everyMs = refresh.everyMs ?? 2_000
  let last = ''
  let failing = false
  while (!signal.aborted) {
    try {
      const list = await withinTime(refresh, everyMs)
      const text = JSON.stringify(list)
      if (text !== last) {
        ring.replace(list)
        await refresh.remember(list)
        last = text
      }
      failing = false
    } catch (error) {
      if (!failing && !signal.aborted) refresh.report(error)
      failing = true
    }
    await clock.sleep(everyMs, signal)
  }
}

/** A list that comes too late is not used: a newer one may have come before it. */
async function withinTime({ source, clock, signal }: KeyRefresh, ms: number): Promise<KeyList> {
  const stop = new AbortController()
  const late = clock.sleep(ms, AbortSignal.any([signal, stop.signal])).then((): KeyList => {
    throw new MillraceError('unavailable', `the list of keys did not come within ${ms} ms`, { retryable: true })
  })
  try {
    return await Promise.race([source(), late])
  } finally {
    // Its own rejection, once stopped, is nobody's business.
    late.catch(() => undefined)
    stop.abort()
  }
}
