import { LRUCache } from 'lru-cache'
import type { Cache, CacheEntry } from '../../ports/cache.ts'

export interface MemoryCacheBounds {
  readonly entriesMax: number
  /** Over keys and values, as UTF-16. The least recently used go first. */
  readonly bytesMax: number
}

/** What an entry costs beside its texts: map slots and objects, by measure about this much. */
const entryOverheadBytes = 160

/** The cache of one process. A value that alone passes the bound is not kept. */
export function openMemoryCache({ entriesMax, bytesMax }: MemoryCacheBounds): Cache {
  const entries = new LRUCache<string, CacheEntry>({
    max: entriesMax,
    maxSize: bytesMax,
    sizeCalculation: ({ value }, key) => entryOverheadBytes + 2 * (key.length + (value?.length ?? 0)),
  })
  return {
    get: async (keys) => {
      const found = new Map<string, CacheEntry>()
      for (const key of keys) {
        const entry = entries.get(key)
        if (entry !== undefined) found.set(key, entry)
      }
      return found
    },
    put: async (wanted) => {
      for (const [key, entry] of wanted) {
        const known = entries.peek(key)
        if (known === undefined || entry.version > known.version) entries.set(key, entry)
      }
    },
    flush: async () => entries.clear(),
    close: async () => entries.clear(),
  }
}
