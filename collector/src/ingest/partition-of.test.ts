import { describe, expect, it } from 'vitest'
import { partitionOf } from './partition-of.ts'

describe('partitionOf', () => {
  it('never changes: a retry after an upgrade must meet its first try', () => {
    expect([
      partitionOf('1:userId:42', 16),
      partitionOf('1:anonymousId:5c1a3b07-1a52-4b8e-9a39-0d6f9b3a2c11', 16),
      partitionOf('2:email:jane@shop.example', 16),
      partitionOf('1:message:é', 4),
      partitionOf('', 4),
    ]).toEqual([5, 6, 15, 0, 3])
  })

  it('spreads neighbouring keys evenly', () => {
    for (const partitions of [1, 4, 16, 100]) {
      const counts = Array.from({ length: partitions }, () => 0)
      for (let id = 0; id < 100_000; id += 1) {
        const partition = partitionOf(`1:userId:${id}`, partitions)
        counts[partition] = (counts[partition] ?? NaN) + 1
      }
      expect(counts).toHaveLength(partitions)
      expect(Math.max(...counts)).toBeLessThan((100_000 / partitions) * 1.15)
      expect(Math.min(...counts)).toBeGreaterThan((100_000 / partitions) * 0.85)
    }
  })
})
