import { afterEach, describe, expect, it, vi } from 'vitest'
import { uuidV7 } from './uuid-v7.ts'

afterEach(() => vi.restoreAllMocks())

describe('uuidV7', () => {
  it('has the form of RFC 9562 and carries the time', () => {
    const now = Date.UTC(2026, 10, 24, 12, 34, 56, 789)
    const id = uuidV7(now)
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toBe(now)
  })

  it('asks the secure source not at import, and anew after a pause: a process woken twice would repeat its ids', async () => {
    const asked = vi.spyOn(crypto, 'getRandomValues')
    vi.resetModules()
    const fresh = await import('./uuid-v7.ts')
    expect(asked).not.toHaveBeenCalled()
    for (const [now, times] of [[10_000, 1], [10_500, 1], [13_000, 2], [13_001, 2], [5_000, 3]] as const) {
      fresh.uuidV7(now)
      expect(asked).toHaveBeenCalledTimes(times)
    }
  })

  it('never repeats itself, also beyond one filling of the pool', () => {
    expect(new Set(Array.from({ length: 10_000 }, () => uuidV7(1))).size).toBe(10_000)
  })
})
