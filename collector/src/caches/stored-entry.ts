import type { CacheEntry } from '../ports/cache.ts'

/** Versions are written with leading zeros, so that texts order as versions do: exact over all of 2^53. */
export const versionDigits = 16
/** A longer value is not kept: Memcached's own bound is 1 MiB with key and header. */
const valueBytesMax = 1_000_000

/** Whether an engine outside of this process can keep the entry. */
export function isStorable({ version, value }: CacheEntry): boolean {
  return Number.isSafeInteger(version) && version >= 0 && (value === null || Buffer.byteLength(value) <= valueBytesMax)
}

/** 16 digits of the version, then `-` for a tombstone or `+` and the value. */
export function encodeEntry({ version, value }: CacheEntry): string {
  return String(version).padStart(versionDigits, '0') + (value === null ? '-' : `+${value}`)
}

/** undefined for what is no entry of ours. */
export function decodeEntry(stored: string): CacheEntry | undefined {
  const kind = stored[versionDigits]
  const version = stored.slice(0, versionDigits)
  if ((kind !== '+' && kind !== '-') || !/^\d+$/.test(version)) return undefined
  return { version: Number(version), value: kind === '-' ? null : stored.slice(versionDigits + 1) }
}
