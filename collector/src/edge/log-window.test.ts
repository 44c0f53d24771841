import { describe, expect, it } from 'vitest'
import { LogWindow } from './log-window.ts'

const mib = 1_048_576

/** A log that takes `syncMs` a write and moves `bytesPerMs`; the window is kept full. Answers its size in the end. */
function settledWindow({ syncMs, bytesPerMs, answers }: { syncMs: number; bytesPerMs: number; answers: number }): number {
  let now = 0
  const window = new LogWindow(() => now)
  // Somebody found it empty once.
  window.answered(syncMs, 1_000)
  for (let answer = 0; answer < answers; answer += 1) {
    // Half of what is pending is in the write under way, half in the next one.
    const ms = 2 * (syncMs + window.bytes / 2 / bytesPerMs)
    now += ms / 2
    // Once in a while it is idle.
    if (answer % 50 === 0) window.answered(syncMs, 1_000)
    window.answered(ms, window.bytes)
  }
  return window.bytes
}

describe('the window of a log', () => {
  it('is small where a write is quick, and large where only large writes keep the log busy', () => {
    const quick = settledWindow({ syncMs: 0.2, bytesPerMs: mib, answers: 1_000 })
    const disk = settledWindow({ syncMs: 5, bytesPerMs: mib / 5, answers: 1_000 })
    const broker = settledWindow({ syncMs: 50, bytesPerMs: mib / 10, answers: 1_000 })
    expect(quick).toBeGreaterThan(65_536)
    expect(quick).toBeLessThan(262_144)
    expect(disk).toBeGreaterThan(1.5 * quick)
    expect(broker).toBeGreaterThan(disk)
    expect(broker).toBeLessThan(4 * mib)
  })

  it('never closes, and gives way by a step for a late answer, however late', () => {
    const window = new LogWindow(() => 0, { queuedBytesMax: 1_000, stepBytes: 100 })
    window.answered(1, 500)
    expect([window.allows(3_999), window.allows(4_000)]).toEqual([true, false])
    window.answered(10_000, 4_000)
    expect([window.allows(3_899), window.allows(3_900)]).toEqual([true, false])
    for (let answer = 0; answer < 100; answer += 1) window.answered(10_000, 4_000)
    expect([window.allows(999), window.allows(1_000)]).toEqual([true, false])
  })

  it('does not grow where nobody asks for more', () => {
    const window = new LogWindow(() => 0, { queuedBytesMax: 1_000, stepBytes: 100 })
    for (let answer = 0; answer < 100; answer += 1) window.answered(1, 500)
    expect(window.bytes).toBe(4_000)
    window.answered(2, 4_000)
    expect(window.bytes).toBe(4_100)
  })

  it('judges by how fast the log was lately', () => {
    let now = 0
    const window = new LogWindow(() => now, { queuedBytesMax: 1_000, stepBytes: 100, fastestSpanMs: 100 })
    window.answered(1, 0)
    window.answered(10, 4_000)
    expect(window.bytes).toBe(3_900)
    // The log has moved to a slower disk, and both spans have seen nothing faster.
    for (now = 101; now < 310; now += 1) window.answered(10, 100)
    window.answered(10, 4_000)
    expect(window.bytes).toBe(4_000)
  })

  it('says nothing where the log says nothing', () => {
    let now = 0
    const window = new LogWindow(() => now, { silenceMs: 1_000 })
    expect(window.allows(64 * mib)).toBe(false)
    now = 1_001
    expect(window.allows(64 * mib)).toBe(true)
  })
})
