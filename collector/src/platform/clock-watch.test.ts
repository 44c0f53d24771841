import { expect, it } from 'vitest'
import { ClockWatch } from './clock-watch.ts'

const hour = 3_600_000

function watched(): { time: { wall: number; elapsed: number }; watch: ClockWatch } {
  const time = { wall: 1_000_000_000, elapsed: 0 }
  return { time, watch: new ClockWatch({ now: () => time.wall, elapsed: () => time.elapsed, sleep: async () => {} }) }
}

it('time that passes is no jump, nor is a clock that is slewed', () => {
  const { time, watch } = watched()
  for (let step = 0; step < 100; step += 1) {
    time.wall += hour + 50
    time.elapsed += hour
    expect(watch.look()).toBe(0)
  }
  expect(watch.inDoubt).toBe(false)
})

it.each([[hour], [-hour], [10 * 365 * 24 * hour]])('a clock that is set by %i ms is told once, and the date is in doubt for a day', (jump) => {
  const { time, watch } = watched()
  time.wall += jump
  expect(watch.look()).toBe(jump)
  expect(watch.look()).toBe(0)
  expect(watch.inDoubt).toBe(true)
  time.wall += 25 * hour
  time.elapsed += 25 * hour
  expect(watch.look()).toBe(0)
  expect(watch.inDoubt).toBe(false)
})
