import fc from 'fast-check'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { StartedEngine } from '../../../scripts/engines/started-engine.ts'
import type { Cache, CacheEntry } from '../../src/ports/cache.ts'
import { propertySettings } from '../property-settings.ts'

const backMsMax = 20_000

/** What a cache on an engine of its own promises when that engine dies, hangs or forgets. Stops the engine at the end. */
export function cacheOutageContract(name: string, engine: StartedEngine, open: () => Promise<Cache>): void {
  describe(`cache outage: ${name}`, () => {
    let cache: Cache
    let other: Cache

    beforeEach(async () => {
      cache = await open()
      other = await open()
      await cache.flush()
    })

    afterEach(async () => {
      await cache.close()
      await other.close()
    })

    afterAll(() => engine.stop())

    it('answers nothing at once after kill -9, and works again after a restart', async () => {
      await cache.put(new Map([['a', { version: 1, value: 'one' }]]))
      expect((await cache.get(['a'])).size).toBe(1)
      await engine.kill()
      const startedMs = performance.now()
      for (let round = 0; round < 20; round += 1) {
        expect(await cache.get(['a', 'b'])).toEqual(new Map())
        await cache.put(new Map([['a', { version: 2, value: 'two' }]]))
      }
      // 40 calls without an engine: one wait at most for each rest of the guard, not one a call.
      expect(performance.now() - startedMs).toBeLessThan(1_000)
      await expect(cache.flush()).rejects.toMatchObject({ code: 'unavailable', retryable: true })
      const late = await open()
      expect(await late.get(['a'])).toEqual(new Map())
      await engine.restart()
      for (const each of [cache, other, late]) await untilItKeeps(each)
      await late.close()
    })

    it('loses nothing but entries when the engine is killed under calls', async () => {
      const rounds = Array.from({ length: 400 }, async (_, index) => {
        await cache.put(new Map([[`k${index % 7}`, entryOf(`k${index % 7}`, index)]]))
        for (const [key, entry] of await other.get(['k0', 'k3', 'k6'])) expect(entry).toEqual(entryOf(key, entry.version))
        if (index === 200) await engine.kill()
      })
      await Promise.all(rounds)
      await engine.restart()
      await untilItKeeps(cache)
      await untilItKeeps(other)
    })

    it('never gives what was not put, nor an older version, while it is emptied at random moments', async () => {
      await untilItKeeps(cache)
      await untilItKeeps(other)
      const step = fc.record({
        what: fc.constantFrom('put', 'put', 'put', 'get', 'get', 'flush'), key: fc.constantFrom('x', 'y', 'z'),
        version: fc.integer({ min: 0, max: 30 }), first: fc.boolean(), together: fc.boolean(),
      })
      await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        await cache.flush()
        const greatest = new Map<string, number>()
        let underWay: Array<Promise<unknown>> = []
        for (const { what, key, version, first, together } of steps) {
          const chosen = first ? cache : other
          // Calls in groups at once, flushes alone: between two flushes the model knows the greatest version put.
          if (what === 'flush' || !together) await Promise.all(underWay.splice(0))
          if (what === 'flush') {
            await chosen.flush()
            greatest.clear()
          } else if (what === 'put') {
            greatest.set(key, Math.max(version, greatest.get(key) ?? 0))
            underWay.push(chosen.put(new Map([[key, entryOf(key, version)]])))
          } else {
            underWay.push(chosen.get([key]).then((found) => {
              for (const entry of found.values()) expect(entry).toEqual(entryOf(key, entry.version))
            }))
          }
        }
        await Promise.all(underWay)
        underWay = []
        const wanted = new Map([...greatest].map(([key, version]) => [key, entryOf(key, version)]))
        expect(await cache.get(['x', 'y', 'z'])).toEqual(wanted)
      }), propertySettings(40))
    })

    it('keeps many keys of one put, with keys of any length and characters', async () => {
      await untilItKeeps(cache)
      const entries = new Map(Array.from({ length: 300 }, (_, index) => [`key ${index} ä\r\n${'k'.repeat(index)}`, entryOf('many', index)]))
      await cache.put(entries)
      expect(await other.get([...entries.keys()])).toEqual(entries)
    })

    it('does not keep a value over its bound, and goes on', async () => {
      await untilItKeeps(cache)
      await cache.put(new Map([['big', { version: 1, value: 'ä'.repeat(600_000) }], ['small', { version: 1, value: 'x' }]]))
      expect(await cache.get(['big', 'small'])).toEqual(new Map([['small', { version: 1, value: 'x' }]]))
    })
  })
}

function entryOf(key: string, version: number): CacheEntry {
  return { version, value: version % 5 === 0 ? null : `${key}@${version}` }
}

/** The guard rests and the connection is made anew in the background, so keeping begins at some moment, soon. */
async function untilItKeeps(cache: Cache): Promise<void> {
  await expect.poll(async () => {
    await cache.put(new Map([['probe', { version: 1, value: 'kept' }]]))
    return (await cache.get(['probe'])).get('probe')
  }, { timeout: backMsMax, interval: 20 }).toEqual({ version: 1, value: 'kept' })
}
