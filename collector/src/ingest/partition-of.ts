/**
 * The partition of a key, for ever the same: FNV-1a over the UTF-16 units, then the finish of MurmurHash3, since
 * FNV's low bits alone are uneven. Changing it would send a retry to another partition than the first try.
 */
export function partitionOf(partitionKey: string, partitions: number): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < partitionKey.length; index += 1) {
    hash = Math.imul(hash ^ partitionKey.charCodeAt(index), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) % partitions
}
