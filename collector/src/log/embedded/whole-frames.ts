import { readFileSync } from 'node:fs'
import { type FrameHeader, frameHeaderBytes, isWhole, readHeader } from './frame.ts'
import { headerBytes, type Segment } from './segments.ts'

export interface FoundFrame {
  readonly header: FrameHeader
  /** Of its first byte, in the file. */
  readonly at: number
}

export interface SegmentBytes {
  readonly segment: Segment
  readonly bytes: Buffer
  readonly partitions: number
}

export function readSegmentBytes(segment: Segment, partitions: number): SegmentBytes {
  return { segment, bytes: readFileSync(segment.path), partitions }
}

/** The frame that begins at a byte of the file; null if none does, or it is not whole. */
export function frameAt({ segment, bytes, partitions }: SegmentBytes, at: number): FoundFrame | null {
  const header = readHeader(bytes, at)
  const offset = segment.offset + at - headerBytes(partitions)
  if (header === null || header.offset !== offset) return null
  return isWhole(bytes, at, { header, offset, incarnation: segment.incarnation }) ? { header, at } : null
}

/** The first whole frame at or after a byte. A frame says where it stands and is checked to its end, so no payload is taken for one. */
export function nextWholeFrame(segment: SegmentBytes, from: number): FoundFrame | null {
  for (let at = from; at + frameHeaderBytes <= segment.bytes.length; at += 1) {
    const found = frameAt(segment, at)
    if (found !== null) return found
  }
  return null
}

/** What whole frames from a byte on say was synced before them: the greatest offset, 0 if there are none. */
export function syncedMarkAfter(segment: SegmentBytes, from: number): number {
  let mark = 0
  for (let frame = nextWholeFrame(segment, from); frame !== null; frame = nextWholeFrame(segment, frame.at + frameHeaderBytes + frame.header.length)) {
    mark = Math.max(mark, frame.header.syncedBefore)
  }
  return mark
}
