import { describe, expect, it } from 'vitest'
import { cacheContract } from '../../../test/contracts/cache-contract.ts'
import { openMemoryCache } from './memory-cache.ts'

cacheContract('memory', async () => {
  const cache = openMemoryCache({ entriesMax: 100, bytesMax: 100_000 })
  return { cache, cleanup: () => cache.close() }
})

describe('memory cache', () => {
  it('stays within its bounds and drops the least recently used', async () => {
    const cache = openMemoryCache({ entriesMax: 1_000, bytesMax: 10_000 })
    for (let index = 0; index < 100; index += 1) {
      await cache.put(new Map([[`k${index}`, { version: 1, value: 'x'.repeat(400) }]]))
      await cache.get(['k0'])
    }
    const kept = await cache.get(Array.from({ length: 100 }, (_, index) => `k${index}`))
    expect(kept.size).toBeLessThan(11)
    expect(kept.has('k0')).toBe(true)
    expect(kept.has('k99')).toBe(true)
  })

  it('does not keep a value greater than all of it', async () => {
    const cache = openMemoryCache({ entriesMax: 10, bytesMax: 1_000 })
    await cache.put(new Map([['a', { version: 1, value: 'x'.repeat(1_000) }]]))
    expect((await cache.get(['a'])).size).toBe(0)
  })
})
