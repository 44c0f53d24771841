/**
 * A versioned cache in front of reads. Losing any entry at any moment changes no answer.
 * A key only moves to greater versions, so a slow writer can never bring an old value back.
 */
export interface CacheEntry {
  readonly version: number
  /** null is a tombstone: the key was merged away or erased at this version. */
  readonly value: string | null
}

export interface Cache {
  /** One round trip; missing keys are absent from the map. */
  get(keys: readonly string[]): Promise<ReadonlyMap<string, CacheEntry>>
  /** Compare-and-set for each: kept only where the version is greater than what is there. */
  put(entries: ReadonlyMap<string, CacheEntry>): Promise<void>
  flush(): Promise<void>
  close(): Promise<void>
}
