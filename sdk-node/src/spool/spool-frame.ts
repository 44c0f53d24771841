import { crc32 } from 'node:zlib'
import type { EventBytes } from '../event-memory.ts'

/**
 * One event on disk: a header of 24 bytes, then the message id, then the event's JSON, both UTF-8.
 *
 *   0 length of all after the header u32 · 4 checksum u32 · 8 acceptedAt f64 · 16 length of the message id u32
 *   20 number in the segment u32
 *
 * The checksum covers everything behind it, and the number makes a frame that stands in another place no frame.
 */
const headerBytes = 24
/** Above any event; a greater length is damage. */
const lengthMax = 1_048_576

export interface SpooledEvent {
  readonly messageId: string
  readonly json: EventBytes
  /** Epoch milliseconds. */
  readonly acceptedAt: number
}

export function encodeFrame({ messageId, json: { chunk, start, end }, acceptedAt }: SpooledEvent, numberInSegment: number): Buffer {
  const idBytes = Buffer.byteLength(messageId)
  const length = idBytes + end - start
  const frame = Buffer.allocUnsafe(headerBytes + length)
  frame.writeUInt32LE(length, 0)
  frame.writeDoubleLE(acceptedAt, 8)
  frame.writeUInt32LE(idBytes, 16)
  frame.writeUInt32LE(numberInSegment, 20)
  frame.write(messageId, headerBytes, 'utf8')
  chunk.bytes.copy(frame, headerBytes + idBytes, start, end)
  frame.writeUInt32LE(crc32(frame.subarray(8)), 4)
  return frame
}

/**
 * The events of a segment by their number, and the bytes from the first frame on that is not whole: a torn write at the
 * end of a crashed process's file, or damage.
 */
export function decodeFrames(bytes: Buffer): { readonly events: readonly SpooledEvent[]; readonly damagedBytes: number } {
  const events: SpooledEvent[] = []
  const chunk = { bytes, pooled: false, events: 0 }
  let at = 0
  while (at + headerBytes <= bytes.length) {
    const length = bytes.readUInt32LE(at)
    const end = at + headerBytes + length
    const idEnd = at + headerBytes + bytes.readUInt32LE(at + 16)
    if (length > lengthMax || end > bytes.length || idEnd > end || bytes.readUInt32LE(at + 20) !== events.length) break
    if (bytes.readUInt32LE(at + 4) !== crc32(bytes.subarray(at + 8, end))) break
    events.push({
      messageId: bytes.toString('utf8', at + headerBytes, idEnd), json: { chunk, start: idEnd, end }, acceptedAt: bytes.readDoubleLE(at + 8),
    })
    chunk.events += 1
    at = end
  }
  return { events, damagedBytes: bytes.length - at }
}
