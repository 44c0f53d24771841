import { crc32 } from 'node:zlib'

/**
 * The form of a frame: a header of 48 bytes, then the payload.
 *
 *   0 length of the payload u32 · 4 checksum u32 · 8 offset u64 · 16 sequence u64 · 24 synced before u64
 *   32 appendedAt u64 · 40 events u32 · 44 partition u16 · 46 zero u16
 *
 * The checksum covers everything after it, the offset too, and starts from the incarnation: a frame that stands in
 * another place or another log is no frame. CRC-32 from zlib runs at memory speed; CRC-32C in JavaScript does not.
 */
export const frameHeaderBytes = 48
export const payloadBytesMax = 16 * 1024 * 1024
/** Of frames that cover damage: no log has so many partitions, so every reader passes them over. */
export const voidPartition = 65_535

export interface FrameHeader {
  readonly length: number
  readonly offset: number
  readonly sequence: number
  /** Everything before this offset was synced when the frame was written. */
  readonly syncedBefore: number
  readonly appendedAt: number
  readonly events: number
  readonly partition: number
}

/** Fills a header for the payload. */
export function encodeHeader(header: FrameHeader, payload: Uint8Array, incarnation: number): Buffer {
  const bytes = Buffer.alloc(frameHeaderBytes)
  bytes.writeUInt32LE(header.length, 0)
  writeU53(bytes, header.offset, 8)
  writeU53(bytes, header.sequence, 16)
  writeU53(bytes, header.syncedBefore, 24)
  writeU53(bytes, header.appendedAt, 32)
  bytes.writeUInt32LE(header.events, 40)
  bytes.writeUInt16LE(header.partition, 44)
  bytes.writeUInt32LE(checksum(bytes, payload, incarnation), 4)
  return bytes
}

/** The header at `at`, unchecked but for its bounds; null if there is no whole header or its length cannot be. */
export function readHeader(bytes: Buffer, at: number): FrameHeader | null {
  if (at + frameHeaderBytes > bytes.length) return null
  const length = bytes.readUInt32LE(at)
  if (length === 0 || length > payloadBytesMax) return null
  return {
    length,
    offset: readU53(bytes, at + 8),
    sequence: readU53(bytes, at + 16),
    syncedBefore: readU53(bytes, at + 24),
    appendedAt: readU53(bytes, at + 32),
    events: bytes.readUInt32LE(at + 40),
    partition: bytes.readUInt16LE(at + 44),
  }
}

/** Whether the frame at `at` is whole and belongs where it is. */
export function isWhole(bytes: Buffer, at: number, { header, offset, incarnation }: { header: FrameHeader; offset: number; incarnation: number }): boolean {
  const end = at + frameHeaderBytes + header.length
  if (end > bytes.length || header.offset !== offset) return false
  const payload = bytes.subarray(at + frameHeaderBytes, end)
  return bytes.readUInt32LE(at + 4) === checksum(bytes.subarray(at, at + frameHeaderBytes), payload, incarnation)
}

function checksum(header: Buffer, payload: Uint8Array, incarnation: number): number {
  const start = crc32(header.subarray(0, 4), incarnation % 4_294_967_296)
  return crc32(payload, crc32(header.subarray(8), start))
}

export function writeU53(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32LE(value % 4_294_967_296, at)
  bytes.writeUInt32LE(Math.floor(value / 4_294_967_296), at + 4)
}

export function readU53(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at + 4) * 4_294_967_296 + bytes.readUInt32LE(at)
}
