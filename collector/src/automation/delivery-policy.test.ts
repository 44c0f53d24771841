import { describe, expect, it } from 'vitest'
import type { DeliveryRow, EndpointRow } from '../ports/automation-store.ts'
import { afterAttempt, type AttemptResult, retryAfterMs } from './delivery-policy.ts'

const day = 86_400_000
const fresh: DeliveryRow = {
  workspace: 1, automation: 'abandoned-cart', webhookId: 'm', profileId: 'p', body: '{}', dueAt: 0, createdAt: 0, state: 'waiting', reason: null,
  attempts: 0, round: 0, roundStartedAt: null, nextAt: 0, sentAt: null,
}

function result(part: Partial<AttemptResult>): AttemptResult {
  return { at: 0, durationMs: 0, status: null, error: null, retryAfterMs: null, ...part }
}

/** Tries at once when the time has come, until the delivery no longer waits. */
function fail(status: number): { readonly waitsMs: readonly number[]; readonly delivery: DeliveryRow; readonly endpoint: EndpointRow | null } {
  let delivery = fresh
  let endpoint: EndpointRow | null = null
  const waitsMs: number[] = []
  while (delivery.nextAt !== null && delivery.attempts < 100) {
    const at = delivery.nextAt
    const after = afterAttempt(delivery, result({ at, status }), { endpoint, random: 0 })
    if (after.delivery.nextAt !== null) waitsMs.push(after.delivery.nextAt - at)
    delivery = after.delivery
    endpoint = after.endpoint ?? endpoint
  }
  return { waitsMs, delivery, endpoint }
}

describe('what a try makes of its delivery', () => {
  it('is sent by 2xx, and heals the endpoint', () => {
    const endpoint = { workspace: 1, automation: 'abandoned-cart', failingSince: 5, disabledAt: null, disabledReason: null }
    const after = afterAttempt(fresh, result({ status: 204, at: 7, durationMs: 3 }), { endpoint, random: 0 })
    expect(after).toMatchObject({ delivery: { state: 'sent', attempts: 1, sentAt: 10, nextAt: null }, endpoint: { failingSince: null } })
    expect(afterAttempt(fresh, result({ status: 200 }), { endpoint: null, random: 0 }).endpoint).toBeNull()
  })

  it('waits longer and longer while the receiver fails, and disables it after three days', () => {
    const { waitsMs, delivery, endpoint } = fail(500)
    expect(waitsMs).toEqual([5_000, 30_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, day, day, 23_065_000])
    expect(delivery).toMatchObject({ state: 'parked', reason: 'endpoint_disabled' })
    expect(endpoint).toMatchObject({ failingSince: 0, disabledReason: 'failing' })
  })

  it('still waits after a day of 500', () => {
    const { waitsMs } = fail(500)
    expect(waitsMs.slice(0, 7).reduce((sum, ms) => sum + ms, 0)).toBeLessThan(day)
  })

  it('gives up one message that keeps failing at a receiver that takes others', () => {
    const tried = { ...fresh, round: 9, attempts: 9, roundStartedAt: 0 }
    expect(afterAttempt(tried, result({ status: 500, at: 3 * day }), { endpoint: null, random: 0 })).toMatchObject({
      delivery: { state: 'parked', reason: 'retries_exhausted' }, endpoint: { failingSince: 3 * day, disabledAt: null },
    })
  })

  it.each([408, 425, 429, 500, 503])('tries again after %d', (status) => {
    expect(afterAttempt(fresh, result({ status }), { endpoint: null, random: 0.5 }).delivery).toMatchObject({ state: 'waiting', nextAt: 5_500 })
  })

  it.each(['timeout', 'network', 'tls', 'dns', 'interrupted'] as const)('tries again after %s', (error) => {
    expect(afterAttempt(fresh, result({ error }), { endpoint: null, random: 0 }).delivery).toMatchObject({ state: 'waiting', nextAt: 5_000 })
  })

  it.each([301, 302, 400, 404, 422])('parks after %d', (status) => {
    expect(afterAttempt(fresh, result({ status }), { endpoint: null, random: 0 })).toMatchObject({ delivery: { state: 'parked', reason: 'refused' }, endpoint: null })
  })

  it('disables the endpoint after 410, and parks what may not be asked', () => {
    expect(afterAttempt(fresh, result({ status: 410 }), { endpoint: null, random: 0 })).toMatchObject({ delivery: { reason: 'gone' }, endpoint: { disabledReason: 'gone' } })
    expect(afterAttempt(fresh, result({ error: 'address_refused' }), { endpoint: null, random: 0 })).toMatchObject({ delivery: { reason: 'address_refused' }, endpoint: null })
  })

  it('honours Retry-After, up to a day', () => {
    const wait = (ms: number): number | null => afterAttempt(fresh, result({ status: 429, retryAfterMs: ms }), { endpoint: null, random: 0 }).delivery.nextAt
    expect([wait(1_000), wait(60_000), wait(9 * day)]).toEqual([5_000, 60_000, day])
    expect(retryAfterMs('120', 0)).toBe(120_000)
    expect(retryAfterMs('Thu, 01 Jan 1970 00:01:00 GMT', 1_000)).toBe(59_000)
    expect(retryAfterMs('Thu, 01 Jan 1970 00:00:00 GMT', 1_000)).toBe(0)
    expect([retryAfterMs('soon', 0), retryAfterMs('-5', 0), retryAfterMs(undefined, 0)]).toEqual([null, null, null])
  })
})
