import { describe, expect, it } from 'vitest'
import { WaitingBound } from './waiting-bound.ts'

/** The bound after so many seconds at a speed, with a look every ten milliseconds and transactions of so many events. */
function after(bound: WaitingBound, perSecond: number, seconds: number): number {
  let decided = 0
  for (let ms = 10; ms <= seconds * 1_000; ms += 10) {
    const done = Math.floor(perSecond * ms / 1_000 / bound.turnEvents) * bound.turnEvents
    bound.decided(Math.max(0, done - decided), ms)
    decided = Math.max(decided, done)
  }
  return bound.events
}

describe('what of history may wait for the pump', () => {
  it.each([[20_000, 8_000, 8_000], [6_000, 2_400, 4_800], [1_200, 500, 1_000], [100, 400, 400]])('at %i events a second is between %i and %i', (perSecond, least, most) => {
    const bound = new WaitingBound()
    bound.begun(0)
    const events = after(bound, perSecond, 20)
    expect(events).toBeGreaterThanOrEqual(least)
    expect(events).toBeLessThanOrEqual(most)
    expect(bound.turnEvents).toBe(Math.min(4_000, Math.ceil(events / 2)))
  })

  it('does not shrink while nothing waits', () => {
    const bound = new WaitingBound()
    bound.begun(0)
    const busy = after(bound, 20_000, 10)
    bound.begun(1_000_000)
    bound.decided(0, 1_000_010)
    expect(bound.events).toBeGreaterThan(busy * 0.95)
  })

  it('counts what is decided within one tick of the clock', () => {
    const bound = new WaitingBound()
    bound.begun(5)
    bound.decided(1_000, 5)
    bound.decided(0, 105)
    expect(bound.events).toBeGreaterThan(3_000)
  })
})
