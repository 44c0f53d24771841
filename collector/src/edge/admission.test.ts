import { describe, expect, it } from 'vitest'
import { type KeyLimits, noLimits } from '../ports/key.ts'
import { Admission } from './admission.ts'
import { DayUsage } from './day-usage.ts'
import type { KeyInfo } from './key-ring.ts'
import { Refused } from './status.ts'

const midnight = Date.UTC(2026, 0, 2)
const load = { events: 1, bytes: 100 }

function key(limits: Partial<KeyLimits>, id = 'k'): KeyInfo {
  return { workspace: 1, kind: 'write', id, limits: { ...noLimits, ...limits } }
}

/** Null where the key may send; else why not, and for how many seconds. */
function refusal(admission: Admission, info: KeyInfo, now: number): readonly [string, number] | null {
  try {
    admission.check(info, now)
    return null
  } catch (error) {
    if (error instanceof Refused) return [error.reason, error.waitSeconds]
    throw error
  }
}

describe('admission', () => {
  it('lets a key without limits send whatever its workspace may', () => {
    const admission = new Admission(1_000)
    admission.pay(key({}), { events: 999, bytes: 1e12 }, midnight)
    expect(refusal(admission, key({}), midnight)).toBeNull()
    admission.pay(key({}), load, midnight)
    expect(refusal(admission, key({}, 'another of the workspace'), midnight)).toEqual(['workspace_events_per_second', 1])
    expect(refusal(admission, { ...key({}), workspace: 2 }, midnight)).toBeNull()
  })

  it('bounds events a second, with a burst after a pause', () => {
    const admission = new Admission(1e9)
    const info = key({ eventsPerSecond: 10, burstEvents: 100 })
    admission.pay(info, { events: 100, bytes: 0 }, midnight)
    expect(refusal(admission, info, midnight)).toEqual(['key_events_per_second', 1])
    expect(refusal(admission, info, midnight + 101)).toBeNull()
    // One request goes beyond; the next waits until that is paid off.
    admission.pay(info, { events: 51, bytes: 0 }, midnight + 101)
    expect(refusal(admission, info, midnight + 102)).toEqual(['key_events_per_second', 6])
    expect(refusal(admission, info, midnight + 5_300)).toBeNull()
    expect(refusal(admission, key({ eventsPerSecond: 10 }, 'another'), midnight + 102)).toBeNull()
  })

  it('bounds bytes a second', () => {
    const admission = new Admission(1e9)
    const info = key({ bytesPerSecond: 1_000 })
    admission.pay(info, { events: 1, bytes: 400_000 }, midnight)
    // No longer than SDKs wait, so that a raised limit is found out.
    expect(refusal(admission, info, midnight)).toEqual(['key_bytes_per_second', 300])
    expect(refusal(admission, info, midnight + 399_100)).toBeNull()
  })

  it('bounds events a day, not counting what was not stored, until midnight in UTC', () => {
    const admission = new Admission(1e9)
    const info = key({ eventsPerDay: 5 })
    const evening = midnight - 10_000
    admission.pay(info, { events: 5, bytes: 0 }, evening)
    expect(refusal(admission, info, evening)).toEqual(['key_events_per_day', 10])
    admission.refund(info, 2, evening)
    expect(refusal(admission, info, evening)).toBeNull()
    admission.pay(info, { events: 2, bytes: 0 }, evening)
    expect(refusal(admission, info, evening - 3_600_000)).toEqual(['key_events_per_day', 300])
    expect(refusal(admission, info, midnight)).toBeNull()
  })

  it('goes on counting a day after a restart, and not after a clock that was set back', () => {
    const usage = new DayUsage()
    const info = key({ eventsPerDay: 5 })
    new Admission(1e9, usage).pay(info, { events: 5, bytes: 0 }, midnight)
    const restarted = new DayUsage(usage.current)
    expect(refusal(new Admission(1e9, restarted), info, midnight + 1)?.[0]).toBe('key_events_per_day')
    expect(refusal(new Admission(1e9, restarted), info, midnight - 1)?.[0]).toBe('key_events_per_day')
    expect(restarted.of('k', midnight + 86_400_000)).toBe(0)
  })
})
