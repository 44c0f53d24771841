const pool = new Uint8Array(16 * 256)
/** A pool that lay longer may have been copied meanwhile: a process that was frozen and woken twice would repeat its ids. */
const poolMsMax = 1_000
let used = pool.length
let filledAt = 0

/**
 * A UUIDv7 (RFC 9562): 48 bits of time, then bits from the platform's secure source, which is asked for 256 ids at a
 * time and not before the first.
 */
export function uuidV7(nowMs: number): string {
  if (used >= pool.length || Math.abs(nowMs - filledAt) > poolMsMax) {
    crypto.getRandomValues(pool)
    used = 0
    filledAt = nowMs
  }
  const at = used
  used += 16
  const high = Math.floor(nowMs / 65_536)
  return `${hex(high >>> 24)}${hex(high >>> 16)}${hex(high >>> 8)}${hex(high)}-${hex(nowMs / 256)}${hex(nowMs)}-` +
    `${hex(0x70 | (byte(at) & 0x0f))}${hex(byte(at + 1))}-${hex(0x80 | (byte(at + 2) & 0x3f))}${hex(byte(at + 3))}-` +
    `${hex(byte(at + 4))}${hex(byte(at + 5))}${hex(byte(at + 6))}${hex(byte(at + 7))}${hex(byte(at + 8))}${hex(byte(at + 9))}`
}

function byte(index: number): number {
  return pool[index] ?? 0
}

const hexTexts: readonly string[] = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, '0'))

function hex(value: number): string {
  return hexTexts[value & 0xff] ?? '00'
}
