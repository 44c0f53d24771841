import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import type { Cache } from '../ports/cache.ts'
import { openMemcachedCache } from './memcached/memcached-cache.ts'
import { openRedisCache } from './redis/redis-cache.ts'

/** Takes connections and answers nothing, or nonsense. */
async function playedBy(answer: string, work: (port: number) => Promise<void>): Promise<void> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).on('data', () => answer === '' || socket.write(answer))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  try {
    await work(typeof address === 'object' && address !== null ? address.port : 0)
  } finally {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
}

const settings = { timeoutMs: 20, warn: () => {} }
const engines: ReadonlyArray<readonly [string, (port: number) => Promise<Cache>]> = [
  ['redis', (port) => openRedisCache(`redis://127.0.0.1:${port}`, settings)],
  ['memcached', (port) => openMemcachedCache(`memcached://127.0.0.1:${port}`, settings)],
]

describe.each(engines)('a cache on a %s that is no such thing', (_, open) => {
  it.each(['', 'HTTP/1.1 400 Bad Request\r\n\r\n', '\0'.repeat(5_000)])('answers nothing and fails nobody (%j)', async (answer) => {
    await playedBy(answer, async (port) => {
      const cache = await open(port)
      for (let round = 0; round < 5; round += 1) {
        await cache.put(new Map([['a', { version: 1, value: 'x' }]]))
        expect(await cache.get(['a'])).toEqual(new Map())
      }
      await cache.close()
    })
  })
})

it.each([
  () => openRedisCache('http://host'), () => openRedisCache('redis://host/x'), () => openMemcachedCache('memcached://'),
  () => openMemcachedCache('memcached://user:x@host'), () => openMemcachedCache('memcached://host', { keyPrefix: 'a b' }),
])('an address that no cache can have is refused (%#)', async (open) => {
  await expect(open()).rejects.toMatchObject({ code: 'bad_config' })
})
