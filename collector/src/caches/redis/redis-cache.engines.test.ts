import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { startRedis } from '../../../../scripts/engines/redis.ts'
import { cacheContract } from '../../../test/contracts/cache-contract.ts'
import { cacheOutageContract } from '../../../test/contracts/cache-outage-contract.ts'
import { openRedisCache } from './redis-cache.ts'

const engine = await startRedis()
const open = (url: string, keyPrefix = 'millrace:') => openRedisCache(url, { keyPrefix, warn: () => {} })

if ('missing' in engine) {
  it.skip(`redis: ${engine.missing}`, () => {})
} else {
  cacheContract('redis', async () => {
    const cache = await open(engine.url)
    await cache.flush()
    return { cache, cleanup: () => cache.close() }
  })

  describe('redis cache', () => {
    it('gives entries an end, and a flush leaves what others keep there', async () => {
      const cache = await openRedisCache(engine.url, { keyPrefix: 'a*[b]:', lifeMs: 60_000 })
      const client = new Redis(engine.url)
      await client.set('a-other', 'kept')
      await client.set('axb:other', 'kept')
      await cache.put(new Map([['k', { version: 1, value: 'v' }]]))
      expect(await client.pttl('a*[b]:k')).toBeGreaterThan(50_000)
      expect(await client.pttl('a*[b]:k')).toBeLessThanOrEqual(60_000)
      await cache.flush()
      expect(await client.mget('a-other', 'axb:other', 'a*[b]:k')).toEqual(['kept', 'kept', null])
      await cache.close()
      client.disconnect()
    })

    it('counts what is not its own as absent, and writes over it', async () => {
      const cache = await open(engine.url, 'odd:')
      const client = new Redis(engine.url)
      await client.hset('odd:hash', 'field', 'x')
      await client.set('odd:text', 'zzzzzzzzzzzzzzzzzzzzz')
      expect(await cache.get(['text'])).toEqual(new Map())
      const entry = { version: 1, value: 'v' }
      await cache.put(new Map([['hash', entry], ['text', entry]]))
      expect(await cache.get(['hash', 'text'])).toEqual(new Map([['hash', entry], ['text', entry]]))
      await cache.close()
      client.disconnect()
    })

    it('keeps every version of 2^53 apart', async () => {
      const cache = await open(engine.url, 'great:')
      const version = Number.MAX_SAFE_INTEGER
      await cache.put(new Map([['k', { version: version - 1, value: 'before' }]]))
      await cache.put(new Map([['k', { version, value: 'last' }]]))
      await cache.put(new Map([['k', { version: version - 1, value: 'again' }]]))
      expect((await cache.get(['k'])).get('k')).toEqual({ version, value: 'last' })
      await cache.close()
    })
  })

  cacheOutageContract('redis', engine, () => open(engine.url))
}
