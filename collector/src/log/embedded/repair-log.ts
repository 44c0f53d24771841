import { copyFileSync, existsSync, fsyncSync, ftruncateSync, mkdirSync, openSync, closeSync, writeSync } from 'node:fs'
import { basename, join } from 'node:path'
import { lockData } from '../../platform/data-lock.ts'
import { syncDirectory } from '../../platform/sync-directory.ts'
import { MillraceError } from '../../platform/errors.ts'
import type { LogPosition } from '../../ports/log.ts'
import { encodeHeader, frameHeaderBytes, payloadBytesMax, voidPartition } from './frame.ts'
import { parsePosition, type Place } from './position.ts'
import { isUnborn } from './recover.ts'
import { headerBytes, listSegments, readSegmentStart, type Segment } from './segments.ts'
import { frameAt, nextWholeFrame, readSegmentBytes, type SegmentBytes } from './whole-frames.ts'
import { type Watermark, WatermarkFile } from './watermark.ts'

/** A part of a segment that cannot be read. */
export interface LogDamage {
  readonly path: string
  /** Bytes of the file, the second exclusive. */
  readonly from: number
  readonly to: number
  /** Events that stood there and were not decided yet, by partition: they are lost, unless their senders still have them. */
  readonly lost: ReadonlyMap<number, number>
}

export interface RepairOptions {
  readonly directory: string
  readonly partitions: number
  /** How far each partition is decided: what stands before that is kept in the tiers. */
  readonly decided: ReadonlyMap<number, { readonly position: LogPosition; readonly sequence: number }>
}

/**
 * Makes a log with damaged segments readable again: what is damaged is copied to `damaged/` beside them and covered by frames
 * that belong to no partition, so that everything else keeps its place. Answers what was damaged; an intact log stays as it
 * is. Fails with `data_in_use` while a collector runs, `corrupt` where the header of a segment is damaged.
 */
export function repairLog(options: RepairOptions): readonly LogDamage[] {
  const { directory } = options
  const lock = lockData(directory)
  try {
    const walk = new Walk(options)
    return listSegments(directory).flatMap((segment) => walk.repair(segment))
  } finally {
    lock.release()
  }
}

class Walk {
  readonly #directory: string
  readonly #partitions: number
  readonly #decided: RepairOptions['decided']
  /** Events of each partition up to where the walk is, in this incarnation. */
  #sequences: number[] = []
  #incarnation = -1

  constructor({ directory, partitions, decided }: RepairOptions) {
    this.#directory = directory
    this.#partitions = partitions
    this.#decided = decided
  }

  repair(segment: Segment): readonly LogDamage[] {
    const start = readSegmentStart(segment)
    if (start === null) {
      if (isUnborn(segment, this.#partitions)) return []
      throw new MillraceError('corrupt', `the header of ${segment.path} is damaged; move the file away: what it holds cannot be read`)
    }
    if (segment.incarnation !== this.#incarnation) this.#sequences = [...start.sequences]
    this.#incarnation = segment.incarnation
    const bytes = readSegmentBytes(segment, start.sequences.length)
    const end = this.#syncedEnd(bytes)
    const damages: LogDamage[] = []
    for (let at = headerBytes(start.sequences.length); at < end.at;) {
      const frame = frameAt(bytes, at)
      if (frame === null) {
        const to = nextWholeFrame(bytes, at + 1)?.at ?? end.at
        damages.push({ path: segment.path, from: at, to, lost: this.#lostBefore(bytes, to, end.sequences) })
        at = to
      } else {
        this.#pass(frame.header.partition, frame.header.sequence + frame.header.events)
        at += frameHeaderBytes + frame.header.length
      }
    }
    if (damages.length > 0) this.#cover(bytes, damages)
    return damages
  }

  #pass(partition: number, sequence: number): void {
    if (partition !== voidPartition) this.#sequences[partition] = sequence
  }

  /** Where the synced part of the file ends, and what had been appended by then. */
  #syncedEnd({ segment, bytes, partitions }: SegmentBytes): { readonly at: number; readonly sequences: readonly number[] } {
    const next = listSegments(this.#directory).find((other) => other.incarnation === segment.incarnation && other.offset > segment.offset)
    const filePositionOf = (offset: number): number => headerBytes(partitions) + offset - segment.offset
    if (next !== undefined) return { at: filePositionOf(next.offset), sequences: readSegmentStart(next)?.sequences ?? this.#sequences }
    const mark = readMark(this.#directory, partitions)
    if (mark?.incarnation === segment.incarnation && mark.offset >= segment.offset) return { at: filePositionOf(mark.offset), sequences: mark.sequences }
    // Without a mark what follows the last whole frame counts as a torn write, which the next start cuts off.
    return { at: this.#lastWhole({ segment, bytes, partitions }), sequences: this.#sequences }
  }

  #lastWhole(segment: SegmentBytes): number {
    let end = headerBytes(segment.partitions)
    for (let frame = nextWholeFrame(segment, end); frame !== null; frame = nextWholeFrame(segment, end)) end = frame.at + frameHeaderBytes + frame.header.length
    return end
  }

  /** By the numbers of the first whole frame of each partition behind the damage; where none is left, by those of the end. */
  #lostBefore(segment: SegmentBytes, to: number, endSequences: readonly number[]): ReadonlyMap<number, number> {
    const resumed = new Map<number, number>()
    for (let frame = nextWholeFrame(segment, to); frame !== null; frame = nextWholeFrame(segment, frame.at + frameHeaderBytes + frame.header.length)) {
      if (!resumed.has(frame.header.partition)) resumed.set(frame.header.partition, frame.header.sequence)
    }
    const lost = new Map<number, number>()
    this.#sequences.forEach((before, partition) => {
      const decided = this.#decided.get(partition)
      const kept = decided !== undefined && parsePosition(decided.position).incarnation === this.#incarnation ? Math.max(before, decided.sequence) : before
      const after = resumed.get(partition) ?? endSequences[partition] ?? before
      if (after > kept) lost.set(partition, after - kept)
      this.#sequences[partition] = Math.max(before, after)
    })
    return lost
  }

  #cover({ segment, bytes, partitions }: SegmentBytes, damages: readonly LogDamage[]): void {
    const aside = join(this.#directory, 'damaged')
    mkdirSync(aside, { recursive: true, mode: 0o700 })
    const copy = join(aside, basename(segment.path))
    if (!existsSync(copy)) copyFileSync(segment.path, copy)
    syncDirectory(aside)
    const file = openSync(segment.path, 'r+')
    try {
      for (const { from, to } of damages) {
        const place = { incarnation: segment.incarnation, offset: segment.offset + from - headerBytes(partitions) }
        const frames = voidFrames(place, bytes.subarray(from, to), to - from)
        writeSync(file, frames, 0, frames.length, from)
        if (to >= bytes.length) ftruncateSync(file, to)
      }
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  }
}

/** Frames of no partition over `length` bytes; what stood there stays in them as far as there is room for it. */
function voidFrames({ incarnation, offset }: Place, content: Uint8Array, length: number): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < length;) {
    const rest = length - at
    // No frame is as short as a header, so what remains behind a full one must not be either.
    const size = rest <= payloadBytesMax ? rest : Math.min(payloadBytesMax, rest - 2 * frameHeaderBytes)
    const payload = Buffer.alloc(size - frameHeaderBytes)
    payload.set(content.subarray(at + frameHeaderBytes, at + size))
    const header = { length: payload.length, offset: offset + at, sequence: 0, syncedBefore: offset + at, appendedAt: 0, events: 0, partition: voidPartition }
    parts.push(encodeHeader(header, payload, incarnation), payload)
    at += size
  }
  return Buffer.concat(parts)
}

function readMark(directory: string, partitions: number): Watermark | null {
  if (!existsSync(join(directory, 'synced'))) return null
  const file = WatermarkFile.openForReading(directory, partitions)
  try {
    return file.read()
  } finally {
    file.close()
  }
}
