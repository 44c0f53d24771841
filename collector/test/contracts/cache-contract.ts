import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Cache } from '../../src/ports/cache.ts'

export interface CacheUnderTest {
  readonly cache: Cache
  cleanup(): Promise<void>
}

/** What every cache promises; a driver joins with one call. */
export function cacheContract(name: string, make: () => Promise<CacheUnderTest>): void {
  describe(`cache contract: ${name}`, () => {
    let under: CacheUnderTest

    beforeEach(async () => {
      under = await make()
    })

    afterEach(() => under.cleanup())

    it('gives what was put, and leaves out what was not', async () => {
      await under.cache.put(new Map([['a', { version: 1, value: 'ä "quoted"' }], ['b', { version: 2, value: '' }]]))
      expect(await under.cache.get(['a', 'b', 'c'])).toEqual(new Map([['a', { version: 1, value: 'ä "quoted"' }], ['b', { version: 2, value: '' }]]))
      expect(await under.cache.get([])).toEqual(new Map())
    })

    it('never goes back to an older version, nor changes one', async () => {
      await under.cache.put(new Map([['a', { version: 5, value: 'five' }]]))
      await under.cache.put(new Map([['a', { version: 4, value: 'four' }]]))
      await under.cache.put(new Map([['a', { version: 5, value: 'other five' }]]))
      expect((await under.cache.get(['a'])).get('a')).toEqual({ version: 5, value: 'five' })
      await under.cache.put(new Map([['a', { version: 6, value: 'six' }]]))
      expect((await under.cache.get(['a'])).get('a')).toEqual({ version: 6, value: 'six' })
    })

    it('keeps a tombstone against older values', async () => {
      await under.cache.put(new Map([['a', { version: 3, value: null }]]))
      await under.cache.put(new Map([['a', { version: 2, value: 'old' }]]))
      expect((await under.cache.get(['a'])).get('a')).toEqual({ version: 3, value: null })
    })

    it('forgets everything when flushed', async () => {
      await under.cache.put(new Map([['a', { version: 3, value: 'x' }]]))
      await under.cache.flush()
      expect(await under.cache.get(['a'])).toEqual(new Map())
      await under.cache.put(new Map([['a', { version: 1, value: 'y' }]]))
      expect((await under.cache.get(['a'])).get('a')).toEqual({ version: 1, value: 'y' })
    })
  })
}
