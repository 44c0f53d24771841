import { closeSync, constants, fdatasyncSync, openSync, readdirSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { MillraceError } from '../../platform/errors.ts'
import { syncDirectory } from '../../platform/sync-directory.ts'
import { readU53, writeU53 } from './frame.ts'
import { hex, type Place } from './position.ts'

/**
 * Where the kernel can be told to return from a write only when it is on disk, one trip to the thread pool does what a write and a
 * sync take two for, and whoever waits for the log waits half as often for a thread and for the event loop. Linux says
 * of O_DSYNC what it says of fdatasync; elsewhere it may stop short of the disk's own cache.
 */
export const writesThrough = process.platform === 'linux'

/** Opens a segment to be written to. */
export function openForWriting(path: string, { create }: { readonly create: boolean }): number {
  const { O_CREAT, O_DSYNC, O_RDWR, O_TRUNC } = constants
  return openSync(path, O_RDWR | (create ? O_CREAT | O_TRUNC : 0) | (writesThrough ? O_DSYNC : 0), 0o600)
}

const magic = 'MILLRACE LOG 1\n\n'

/** A file of the log: frames of one incarnation from `offset` on, behind a header. */
export interface Segment extends Place {
  readonly path: string
}

/** What a segment's header says of everything before it in its incarnation. */
export interface SegmentStart {
  /** Events of each partition. */
  readonly sequences: readonly number[]
  /** Offset of each partition's last frame; -1 where there is none. */
  readonly lastOffsets: readonly number[]
}

export function headerBytes(partitions: number): number {
  return magic.length + 24 + partitions * 16
}

/** In log order. */
export function listSegments(directory: string): readonly Segment[] {
  return readdirSync(directory)
    .flatMap((name) => {
      const match = /^([0-9a-f]{14})-([0-9a-f]{14})\.log$/.exec(name)
      return match === null ? [] : [{
        path: join(directory, name), incarnation: Number.parseInt(match[1] ?? '', 16), offset: Number.parseInt(match[2] ?? '', 16),
      }]
    })
    .toSorted((a, b) => a.incarnation - b.incarnation || a.offset - b.offset)
}

/** Makes a segment durable before anything is written to it: contents first, then its name. */
export function createSegment(directory: string, place: Place, { sequences, lastOffsets }: SegmentStart): { segment: Segment; file: number } {
  const path = join(directory, `${hex(place.incarnation)}-${hex(place.offset)}.log`)
  const bytes = Buffer.alloc(headerBytes(sequences.length))
  bytes.write(magic, 0, 'latin1')
  writeU53(bytes, place.incarnation, 16)
  writeU53(bytes, place.offset, 24)
  bytes.writeUInt32LE(sequences.length, 36)
  sequences.forEach((sequence, partition) => writeU53(bytes, sequence, 40 + partition * 16))
  lastOffsets.forEach((offset, partition) => writeU53(bytes, offset + 1, 48 + partition * 16))
  bytes.writeUInt32LE(crc32(bytes.subarray(36), crc32(bytes.subarray(0, 32))), 32)
  const file = openForWriting(path, { create: true })
  try {
    writeSync(file, bytes, 0, bytes.length, 0)
    fdatasyncSync(file)
    syncDirectory(directory)
  } catch (error) {
    closeSync(file)
    throw error
  }
  return { segment: { ...place, path }, file }
}

/** Null if the header is not whole: the segment was being made when the power went. */
export function readSegmentStart(segment: Segment): SegmentStart | null {
  const file = openSync(segment.path, 'r')
  try {
    const fixed = Buffer.alloc(40)
    if (readSync(file, fixed, 0, 40, 0) < 40 || fixed.toString('latin1', 0, 16) !== magic) return null
    const partitions = fixed.readUInt32LE(36)
    if (partitions === 0 || partitions > 65_535) return null
    const bytes = Buffer.alloc(headerBytes(partitions))
    if (readSync(file, bytes, 0, bytes.length, 0) < bytes.length) return null
    if (bytes.readUInt32LE(32) !== crc32(bytes.subarray(36), crc32(bytes.subarray(0, 32)))) return null
    if (readU53(bytes, 16) !== segment.incarnation || readU53(bytes, 24) !== segment.offset) {
      throw new MillraceError('corrupt', `${segment.path} says it is another segment; was it renamed?`)
    }
    return {
      sequences: Array.from({ length: partitions }, (_, partition) => readU53(bytes, 40 + partition * 16)),
      lastOffsets: Array.from({ length: partitions }, (_, partition) => readU53(bytes, 48 + partition * 16) - 1),
    }
  } finally {
    closeSync(file)
  }
}
