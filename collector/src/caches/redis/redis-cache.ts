import type { Redis } from 'ioredis'
import { MillraceError, messageOf } from '../../platform/errors.ts'
import { optionalPackage } from '../../platform/optional-package.ts'
import type { Cache, CacheEntry } from '../../ports/cache.ts'
import { CacheGuard } from '../cache-guard.ts'
import { decodeEntry, encodeEntry, isStorable, versionDigits } from '../stored-entry.ts'

export interface RedisCacheSettings {
  /** Before every key, so that a Redis can be shared. */
  readonly keyPrefix?: string
  /** An entry nobody writes again is gone after this, so that keys of the past cannot fill the Redis. */
  readonly lifeMs?: number
  /** How long a read waits for the Redis before it goes on without. */
  readonly timeoutMs?: number
  readonly warn?: (message: string) => void
  readonly now?: () => number
}

const flushTimeoutMs = 30_000

/**
 * Compare-and-set for all keys of one put. ARGV: life in milliseconds, then one stored text a key. What is there and
 * is no entry of ours counts as absent.
 */
const putScript = `
for index, key in ipairs(KEYS) do
  local stored = ARGV[index + 1]
  local known = redis.pcall('GETRANGE', key, 0, ${versionDigits - 1})
  local ours = type(known) == 'string' and #known == ${versionDigits} and not string.find(known, '%D')
  local newer = not ours or string.sub(stored, 1, ${versionDigits}) > known
  if newer then redis.call('SET', key, stored, 'PX', ARGV[1]) end
end
return 1
`

/**
 * A cache that several collectors share, in Redis 6 or later or Valkey: `redis://[user:password@]host:6379/0`, `rediss:`
 * for TLS. One primary, not a Redis Cluster: a put's keys lie in several slots. Needs the package `ioredis`
 * (`package_missing`); fails with `bad_config` for an address it cannot read.
 *
 * It opens though the Redis is away, and connects in the background. While it is away, slow or full, `get` answers with
 * nothing within `timeoutMs` (100), and `put` is dropped. Only `flush` fails, with `unavailable`: its caller must know.
 * An entry lives for `lifeMs` (1 day) from its last write.
 */
export async function openRedisCache(url: string, settings: RedisCacheSettings = {}): Promise<Cache> {
  const { keyPrefix = 'millrace:', lifeMs = 86_400_000, timeoutMs = 100, now = () => performance.now() } = settings
  const engine = `redis at ${checkedHost(url)}`
  const guard = new CacheGuard({ engine, timeoutMs, now, warn: settings.warn ?? ((message) => process.emitWarning(message)) })
  const client = await connect(url, guard)
  return {
    get: (keys) => keys.length === 0 ? Promise.resolve(new Map()) : guard.attempt(() => get(client, keyPrefix, keys), new Map()),
    put: async (entries) => {
      const stored = [...entries].filter(([, entry]) => isStorable(entry)).map(([key, entry]) => [keyPrefix + key, encodeEntry(entry)] as const)
      if (stored.length === 0) return
      await guard.attempt(() => put(client, lifeMs, stored), undefined)
    },
    flush: () => flush(client, keyPrefix, engine),
    close: async () => client.disconnect(),
  }
}

/** Host and port for messages; the address itself may hold a password. */
function checkedHost(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed !== undefined && /^rediss?:$/.test(parsed.protocol) && parsed.hostname !== '' && /^(?:\/\d*)?$/.test(parsed.pathname)) {
    return `${parsed.hostname}:${parsed.port || '6379'}`
  }
  throw new MillraceError('bad_config', 'the address of the Redis cache must look like redis://[user:password@]host:6379/0 or rediss://…')
}

async function connect(url: string, guard: CacheGuard): Promise<Redis> {
  const ioredis = await optionalPackage('redis', 'ioredis', () => import('ioredis'))
  const client = new ioredis.Redis(url, {
    lazyConnect: true,
    connectTimeout: 2_000,
    // A connection that went silent with calls waiting is replaced, and its calls are let go.
    socketTimeout: 5_000,
    // Nothing waits for a Redis that is away: a call without a connection fails at once.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempts) => Math.min(1_000, attempts * 50),
  })
  client.on('error', (error) => guard.failed(error))
  // The first readers find it connected, if it answers soon; the wait is bounded by the guard.
  await guard.attempt(async () => {
    await client.connect()
  }, undefined)
  return client
}

async function get(client: Redis, keyPrefix: string, keys: readonly string[]): Promise<ReadonlyMap<string, CacheEntry>> {
  const stored = await client.mget(keys.map((key) => keyPrefix + key))
  const found = new Map<string, CacheEntry>()
  for (const [index, key] of keys.entries()) {
    const entry = decodeEntry(stored[index] ?? '')
    if (entry !== undefined) found.set(key, entry)
  }
  return found
}

async function put(client: Redis, lifeMs: number, stored: ReadonlyArray<readonly [string, string]>): Promise<void> {
  await client.eval(putScript, stored.length, ...stored.map(([key]) => key), lifeMs, ...stored.map(([, text]) => text))
}

/** By prefix and in steps: the Redis may hold what others put there, and must not stand still. */
async function flush(client: Redis, keyPrefix: string, engine: string): Promise<void> {
  const pattern = `${keyPrefix.replaceAll(/[\\*?[\]]/g, (special) => `\\${special}`)}*`
  const deadline = AbortSignal.timeout(flushTimeoutMs)
  try {
    let cursor = '0'
    do {
      const [next, keys] = await client.scan(cursor, 'MATCH', pattern, 'COUNT', 1_000)
      if (keys.length > 0) await client.unlink(...keys)
      deadline.throwIfAborted()
      cursor = next
    } while (cursor !== '0')
  } catch (error) {
    throw new MillraceError('unavailable', `the cache (${engine}) cannot be flushed: ${messageOf(error)}`, { retryable: true, cause: error })
  }
}
