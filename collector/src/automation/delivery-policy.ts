import type { DeliveryRow, EndpointRow } from '../ports/automation-store.ts'

/** Why a try had no answer. */
export type AttemptError = 'timeout' | 'network' | 'tls' | 'dns' | 'address_refused' | 'interrupted'

/** Why a delivery is parked. */
export type ParkReason = 'refused' | 'gone' | 'address_refused' | 'retries_exhausted' | 'endpoint_disabled' | 'automation_disabled'

export interface AttemptResult {
  readonly at: number
  readonly durationMs: number
  /** HTTP status; null where there was no answer in time. */
  readonly status: number | null
  readonly error: AttemptError | null
  /** What the receiver asks for, milliseconds from the answer; null if it asks for nothing. */
  readonly retryAfterMs: number | null
}

export interface AfterAttempt {
  readonly delivery: DeliveryRow
  /** null where nothing changes. */
  readonly endpoint: EndpointRow | null
}

/** Waits after the first, second ... try; the last one repeats until a message or its endpoint is given up. */
const waitsMs = [5_000, 30_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 86_400_000]
/** A receiver may ask for more patience than the schedule has, but not for ever. */
const retryAfterMsMax = 86_400_000
/** How long an endpoint, or one message, may fail. */
const givenUpAfterMs = 3 * 86_400_000
const retryableStatuses = new Set([408, 425, 429])

/**
 * What a try makes of its delivery and of the endpoint.
 *
 * waiting → sent (2xx) | waiting (no answer, 408, 425, 429, 5xx) | parked (410, which disables the endpoint; any other
 * status; an address that may not be asked; three days of failure). A parked delivery waits again when it is replayed.
 *
 * @param random between 0 and 1: waits are lengthened by up to a fifth, so that what failed together does not return together.
 */
export function afterAttempt(delivery: DeliveryRow, result: AttemptResult, { endpoint, random }: { endpoint: EndpointRow | null; random: number }): AfterAttempt {
  const end = result.at + result.durationMs
  const tried = { ...delivery, attempts: delivery.attempts + 1, round: delivery.round + 1, roundStartedAt: delivery.roundStartedAt ?? result.at }
  const ref = { workspace: delivery.workspace, automation: delivery.automation }
  if (result.status !== null && result.status >= 200 && result.status < 300) {
    const recovered = endpoint !== null && endpoint.failingSince !== null ? { ...ref, failingSince: null, disabledAt: null, disabledReason: null } : null
    return { delivery: { ...tried, state: 'sent', reason: null, nextAt: null, sentAt: end }, endpoint: recovered }
  }
  if (result.status === 410) {
    return { delivery: parked(tried, 'gone'), endpoint: { ...ref, failingSince: endpoint?.failingSince ?? result.at, disabledAt: end, disabledReason: 'gone' } }
  }
  if (result.error === 'address_refused') return { delivery: parked(tried, 'address_refused'), endpoint: null }
  if (result.status !== null && result.status < 500 && !retryableStatuses.has(result.status)) return { delivery: parked(tried, 'refused'), endpoint: null }
  const failingSince = endpoint?.failingSince ?? result.at
  if (end - failingSince >= givenUpAfterMs) {
    return { delivery: parked(tried, 'endpoint_disabled'), endpoint: { ...ref, failingSince, disabledAt: end, disabledReason: 'failing' } }
  }
  const failing = endpoint?.failingSince == null ? { ...ref, failingSince, disabledAt: null, disabledReason: null } : null
  if (end - tried.roundStartedAt >= givenUpAfterMs) return { delivery: parked(tried, 'retries_exhausted'), endpoint: failing }
  const wait = (waitsMs[Math.min(tried.round, waitsMs.length) - 1] ?? 0) * (1 + random / 5)
  const asked = Math.min(result.retryAfterMs ?? 0, retryAfterMsMax)
  // The last try is made when three days are over, not long after.
  const lastAt = Math.min(failingSince, tried.roundStartedAt) + givenUpAfterMs
  return { delivery: { ...tried, nextAt: Math.min(end + Math.round(Math.max(wait, asked)), lastAt) }, endpoint: failing }
}

export function parked(delivery: DeliveryRow, reason: ParkReason): DeliveryRow {
  return { ...delivery, state: 'parked', reason, nextAt: null }
}

/** Retry-After as seconds or as an HTTP date; null for anything else. */
export function retryAfterMs(header: string | undefined, now: number): number | null {
  if (header === undefined) return null
  const text = header.trim()
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000
  const instant = /^[A-Z][a-z]{2}, /.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(instant) ? null : Math.max(0, instant - now)
}
