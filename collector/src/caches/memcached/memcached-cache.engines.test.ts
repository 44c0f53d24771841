import { it } from 'vitest'
import { startMemcached } from '../../../../scripts/engines/memcached.ts'
import { cacheContract } from '../../../test/contracts/cache-contract.ts'
import { cacheOutageContract } from '../../../test/contracts/cache-outage-contract.ts'
import { openMemcachedCache } from './memcached-cache.ts'

const engine = await startMemcached()

if ('missing' in engine) {
  it.skip(`memcached: ${engine.missing}`, () => {})
} else {
  const open = () => openMemcachedCache(engine.url, { warn: () => {} })

  cacheContract('memcached', async () => {
    const cache = await open()
    await cache.flush()
    return { cache, cleanup: () => cache.close() }
  })

  cacheOutageContract('memcached', engine, open)
}
