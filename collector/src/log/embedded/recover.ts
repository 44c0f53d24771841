import { closeSync, fdatasyncSync, fstatSync, ftruncateSync, readSync, rmSync, statSync } from 'node:fs'
import { MillraceError } from '../../platform/errors.ts'
import { syncDirectory } from '../../platform/sync-directory.ts'
import { frameHeaderBytes, isWhole, payloadBytesMax, readHeader, voidPartition } from './frame.ts'
import { headerBytes, openForWriting, type Segment, type SegmentStart } from './segments.ts'
import { readSegmentBytes, syncedMarkAfter } from './whole-frames.ts'
import type { Watermark } from './watermark.ts'

export interface Recovered {
  readonly segment: Segment
  readonly file: number
  /** The durable end of the log and what is before it. */
  readonly end: Watermark
}

/**
 * Opens the last segment for writing and finds the end of what is whole. A bad frame after the last synced mark is a
 * torn write: the file is cut there, even if whole frames follow, since a disk writes back in any order, unless one of those
 * says that it was written after the bad one was synced. A bad frame
 * before the mark is corruption: the file is kept as it is and the error names it. The mark is the greatest of those
 * that whole frames carry and the watermark's.
 */
export function recoverSegment(segment: Segment, start: SegmentStart, watermark: Watermark | null): Recovered {
  const file = openForWriting(segment.path, { create: false })
  try {
    const scan = scanFrames(file, segment, start)
    const known = watermark !== null && watermark.incarnation === segment.incarnation ? watermark.offset : 0
    const behind = fstatSync(file).size > filePosition(segment, start, scan.end)
      ? syncedMarkAfter(readSegmentBytes(segment, start.sequences.length), filePosition(segment, start, scan.end)) : 0
    const mark = Math.max(scan.syncedBefore, known, behind)
    if (scan.end < mark) {
      throw new MillraceError('corrupt', `${segment.path} is damaged at byte ${filePosition(segment, start, scan.end)}: ` +
        `its frames were synced up to ${filePosition(segment, start, mark)}. The file is left as it is; \`millrace repair log\` goes on without what is damaged`)
    }
    const length = filePosition(segment, start, scan.end)
    if (fstatSync(file).size > length) ftruncateSync(file, length)
    // What is whole but was never synced becomes durable before anybody reads it.
    fdatasyncSync(file)
    return { segment, file, end: { incarnation: segment.incarnation, offset: scan.end, sequences: scan.sequences, lastOffsets: scan.lastOffsets } }
  } catch (error) {
    closeSync(file)
    throw error
  }
}

/** A segment is written to only once its header is durable: one that is longer than its header was whole at some time. */
export function isUnborn(segment: Segment, partitions: number): boolean {
  return statSync(segment.path).size <= headerBytes(partitions)
}

/** Removes a segment whose header never became whole; nothing can be in it. */
export function dropUnbornSegment(directory: string, segment: Segment): void {
  rmSync(segment.path)
  syncDirectory(directory)
}

export function filePosition(segment: Segment, start: SegmentStart, offset: number): number {
  return headerBytes(start.sequences.length) + offset - segment.offset
}

export interface Scan {
  readonly end: number
  readonly syncedBefore: number
  readonly sequences: readonly number[]
  readonly lastOffsets: readonly number[]
}

/** Reads frames from the start until one is not whole. */
export function scanFrames(file: number, segment: Segment, start: SegmentStart): Scan {
  const sequences = [...start.sequences]
  const lastOffsets = [...start.lastOffsets]
  let offset = segment.offset
  let syncedBefore = 0
  let chunk = Buffer.alloc(1_048_576)
  let filled = 0
  let at = 0
  for (;;) {
    const header = readHeader(chunk.subarray(0, filled), at)
    const wanted = frameHeaderBytes + (header?.length ?? 0)
    if (header === null || at + wanted > filled) {
      // The rest of the chunk is moved to the front and more is read behind it; nothing more means the end.
      const size = Math.max(1_048_576, Math.min(wanted, frameHeaderBytes + payloadBytesMax) * 2)
      const next = Buffer.alloc(size)
      const kept = chunk.copy(next, 0, at, filled)
      const read = readSync(file, next, kept, size - kept, filePosition(segment, start, offset) + kept)
      if (read === 0) return { end: offset, syncedBefore, sequences, lastOffsets }
      chunk = next
      filled = kept + read
      at = 0
      const again = readHeader(chunk.subarray(0, filled), 0)
      if (again === null && filled >= frameHeaderBytes) return { end: offset, syncedBefore, sequences, lastOffsets }
      continue
    }
    if (!isWhole(chunk.subarray(0, filled), at, { header, offset, incarnation: segment.incarnation })) {
      return { end: offset, syncedBefore, sequences, lastOffsets }
    }
    if (header.partition !== voidPartition) {
      sequences[header.partition] = header.sequence + header.events
      lastOffsets[header.partition] = offset
    }
    syncedBefore = Math.max(syncedBefore, header.syncedBefore)
    offset += wanted
    at += wanted
  }
}
