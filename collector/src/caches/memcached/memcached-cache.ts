import { createHash } from 'node:crypto'
import { MillraceError, messageOf } from '../../platform/errors.ts'
import type { Cache, CacheEntry } from '../../ports/cache.ts'
import { CacheGuard } from '../cache-guard.ts'
import { decodeEntry, encodeEntry, isStorable } from '../stored-entry.ts'
import { MemcachedConnection } from './memcached-connection.ts'
import type { MemcachedReply, MemcachedValue } from './memcached-replies.ts'

export interface MemcachedCacheSettings {
  /** Before every key; letters, digits and `:._-`, at most 64. */
  readonly keyPrefix?: string
  /** An entry nobody writes again is gone after this; at most 30 days. */
  readonly lifeMs?: number
  /** How long a read waits for the Memcached before it goes on without. */
  readonly timeoutMs?: number
  readonly warn?: (message: string) => void
  readonly now?: () => number
}

/** Memcached takes more seconds than these for a date. */
const lifeSecondsMax = 2_592_000
/** Memcached's own bound. */
const keyBytesMax = 250
/** A `gets` line; older Memcacheds refuse much longer ones. */
const lineBytesMax = 1_800
/** Others may write the same keys between reading and writing; then again, and in the end without. */
const putRoundsMax = 4

/**
 * A cache that several collectors share, in any Memcached since 1.4: `memcached://host:11211`. Fails with `bad_config` for
 * an address it cannot read. `flush` empties all of the Memcached, which so should belong to Millrace alone.
 *
 * It opens though the Memcached is away, and connects in the background. While it is away, slow or full, `get` answers
 * with nothing within `timeoutMs` (100), and `put` is dropped. Only `flush` fails, with `unavailable`: its caller must
 * know. Values over 1 MB are not kept; an entry lives for `lifeMs` (1 day) from its last write.
 *
 * A put reads with `gets` and writes what is newer with `cas` or `add`, two round trips for any number of keys, so of two
 * writers at once none brings an old version back.
 */
export async function openMemcachedCache(url: string, settings: MemcachedCacheSettings = {}): Promise<Cache> {
  const { keyPrefix = 'millrace:', lifeMs = 86_400_000, timeoutMs = 100, now = () => performance.now() } = settings
  if (!/^[\w:.-]{0,64}$/.test(keyPrefix)) throw new MillraceError('bad_config', `${JSON.stringify(keyPrefix)} cannot begin a key of Memcached`)
  const { host, port } = parseAddress(url)
  const engine = `memcached at ${host}:${port}`
  const guard = new CacheGuard({ engine, timeoutMs, now, warn: settings.warn ?? ((message) => process.emitWarning(message)) })
  const connection = new MemcachedConnection({ host, port, failed: (error) => guard.failed(error) })
  const lifeSeconds = Math.max(1, Math.min(lifeSecondsMax, Math.round(lifeMs / 1_000)))
  // The first readers find it connected, if it answers soon.
  await guard.attempt(() => connection.ready, undefined)
  return {
    get: (keys) => keys.length === 0 ? Promise.resolve(new Map()) : guard.attempt(() => get(connection, keyPrefix, keys), new Map()),
    put: async (entries) => {
      const stored = new Map([...entries].filter(([, entry]) => isStorable(entry)).map(([key, entry]) => [storedKey(keyPrefix, key), entry]))
      if (stored.size > 0) await guard.attempt(() => put(connection, lifeSeconds, stored), undefined)
    },
    flush: () => flush(connection, engine),
    close: async () => connection.close(),
  }
}

function parseAddress(url: string): { host: string, port: number } {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  const plain = parsed !== undefined && parsed.protocol === 'memcached:' && /^\/?$/.test(parsed.pathname) &&
    parsed.username === '' && parsed.password === ''
  if (!plain || parsed.hostname === '') {
    throw new MillraceError('bad_config', 'the address of the Memcached cache must look like memcached://host:11211, without user or path')
  }
  return { host: parsed.hostname.replaceAll(/^\[|\]$/g, ''), port: Number(parsed.port || '11211') }
}

/** Keys that Memcached cannot take are hashed; `#` begins no other key. */
function storedKey(keyPrefix: string, key: string): string {
  if (/^[!"$-~][!-~]*$/.test(key) && keyPrefix.length + key.length <= keyBytesMax) return keyPrefix + key
  return `${keyPrefix}#${createHash('sha256').update(key).digest('base64url')}`
}

async function get(connection: MemcachedConnection, keyPrefix: string, keys: readonly string[]): Promise<ReadonlyMap<string, CacheEntry>> {
  const values = await read(connection, [...new Set(keys.map((key) => storedKey(keyPrefix, key)))])
  const found = new Map<string, CacheEntry>()
  for (const key of keys) {
    const entry = decodeEntry(values.get(storedKey(keyPrefix, key))?.text ?? '')
    if (entry !== undefined) found.set(key, entry)
  }
  return found
}

async function read(connection: MemcachedConnection, keys: readonly string[]): Promise<ReadonlyMap<string, MemcachedValue>> {
  const lines: string[] = []
  let line = ''
  for (const key of keys) {
    if (line.length + key.length > lineBytesMax) {
      lines.push(line)
      line = ''
    }
    line = line === '' ? `gets ${key}` : `${line} ${key}`
  }
  lines.push(line)
  const replies = await connection.send(Buffer.from(lines.map((each) => `${each}\r\n`).join('')), lines.length)
  return new Map(replies.flatMap(valuesOf).map((value) => [value.key, value]))
}

function valuesOf(reply: MemcachedReply): readonly MemcachedValue[] {
  if ('values' in reply) return reply.values
  throw new Error(`Memcached answers ${reply.line}`)
}

async function put(connection: MemcachedConnection, lifeSeconds: number, entries: ReadonlyMap<string, CacheEntry>): Promise<void> {
  let left = [...entries]
  for (let round = 0; round < putRoundsMax && left.length > 0; round += 1) {
    const known = await read(connection, left.map(([key]) => key))
    const newer = left.filter(([key, entry]) => entry.version > (decodeEntry(known.get(key)?.text ?? '')?.version ?? -1))
    if (newer.length === 0) return
    const commands = newer.map(([key, entry]) => writeCommand({ key, entry, lifeSeconds, unique: known.get(key)?.unique }))
    const replies = await connection.send(Buffer.from(commands.join('')), commands.length)
    left = newer.filter((_, index) => isOvertaken(replies[index]))
  }
}

interface Write {
  readonly key: string
  readonly entry: CacheEntry
  readonly lifeSeconds: number
  /** undefined where there was none. */
  readonly unique: string | undefined
}

function writeCommand({ key, entry, lifeSeconds, unique }: Write): string {
  const stored = encodeEntry(entry)
  const bytes = Buffer.byteLength(stored)
  const head = unique === undefined ? `add ${key} 0 ${lifeSeconds} ${bytes}` : `cas ${key} 0 ${lifeSeconds} ${bytes} ${unique}`
  return `${head}\r\n${stored}\r\n`
}

/** Whether another writer came between; throws where Memcached refuses, such as for lack of memory. */
function isOvertaken(reply: MemcachedReply | undefined): boolean {
  const line = reply !== undefined && 'line' in reply ? reply.line : 'no line'
  if (line === 'STORED') return false
  if (line === 'NOT_STORED' || line === 'EXISTS' || line === 'NOT_FOUND') return true
  throw new Error(`Memcached answers ${line}`)
}

async function flush(connection: MemcachedConnection, engine: string): Promise<void> {
  try {
    const [reply] = await connection.send(Buffer.from('flush_all\r\n'), 1)
    if (reply === undefined || !('line' in reply) || reply.line !== 'OK') throw new Error(`Memcached answers ${JSON.stringify(reply)}`)
  } catch (error) {
    throw new MillraceError('unavailable', `the cache (${engine}) cannot be flushed: ${messageOf(error)}`, { retryable: true, cause: error })
  }
}
