import { closeSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../platform/clock.ts'
import { lockData } from '../../platform/data-lock.ts'
import { MillraceError } from '../../platform/errors.ts'
import type { LogPosition } from '../../ports/log.ts'
import { EmbeddedLogReader } from './log-reader.ts'
import { EmbeddedLogWriter, type OpenedLog } from './log-writer.ts'
import { parsePosition } from './position.ts'
import { dropUnbornSegment, isUnborn, recoverSegment } from './recover.ts'
import { createSegment, listSegments, readSegmentStart } from './segments.ts'
import { type Watermark, WatermarkFile } from './watermark.ts'

export interface LogWriterOptions {
  /** Made if missing; one writer at a time. */
  readonly directory: string
  /** 1 to 1024; fixed by the first start. */
  readonly partitions: number
  /** The furthest position that is already decided. A log that ends before it was lost or restored and gets a new incarnation. */
  readonly notBefore: LogPosition | null
  readonly clock: Clock
  /** How long an archived segment is kept, milliseconds. */
  readonly retentionMs: number
  /** 64 MiB unless told. */
  readonly segmentBytesMax?: number
}

const segmentBytesDefault = 67_108_864

/**
 * Opens the log for writing and cuts a torn tail off. Fails with `data_in_use` (another writer), `bad_config` (another
 * number of partitions), `corrupt` (damage before the synced end; nothing is changed).
 */
export async function openLogWriter(options: LogWriterOptions): Promise<EmbeddedLogWriter> {
  const lock = lockData(options.directory)
  try {
    const watermark = WatermarkFile.openForWriting(options.directory, options.partitions)
    try {
      const log = openSegment(options, watermark.read())
      watermark.write(log.end)
      const bounds = { segmentBytesMax: options.segmentBytesMax ?? segmentBytesDefault, retentionMs: options.retentionMs }
      return new EmbeddedLogWriter({ ...log, watermark, lock }, bounds, options.clock)
    } catch (error) {
      watermark.close()
      throw error
    }
  } catch (error) {
    lock.release()
    throw error
  }
}

/** Opens the log for reading; a writer must have made it. Fails with `unavailable` if there is none. */
export async function openLogReader({ directory, clock }: { readonly directory: string; readonly clock: Clock }): Promise<EmbeddedLogReader> {
  const newest = listSegments(directory).findLast((segment) => readSegmentStart(segment) !== null)
  const start = newest === undefined ? null : readSegmentStart(newest)
  if (start === null) throw new MillraceError('unavailable', `there is no log in ${directory} yet`, { retryable: true })
  const partitions = start.sequences.length
  return new EmbeddedLogReader({ directory, partitions, clock, watermark: WatermarkFile.openForReading(directory, partitions) })
}

function openSegment({ directory, partitions, notBefore, clock }: LogWriterOptions, watermark: Watermark | null): Omit<OpenedLog, 'watermark' | 'lock'> {
  let segments = listSegments(directory)
  const unborn = segments.at(-1)
  if (unborn !== undefined && readSegmentStart(unborn) === null && isUnborn(unborn, partitions)) {
    dropUnbornSegment(directory, unborn)
    segments = segments.slice(0, -1)
  }
  const last = segments.at(-1)
  const least = notBefore === null ? null : parsePosition(notBefore)
  const zero = { sequences: Array.from({ length: partitions }, () => 0), lastOffsets: Array.from({ length: partitions }, () => -1) }
  const begin = (incarnation: number): Omit<OpenedLog, 'watermark' | 'lock'> => {
    const place = { incarnation, offset: 0 }
    return { ...createSegment(directory, place, zero), directory, start: zero, end: { ...place, ...zero } }
  }
  if (last === undefined) return begin(Math.max(clock.now(), (least?.incarnation ?? 0) + 1))
  const start = readSegmentStart(last)
  if (start === null) throw new MillraceError('corrupt', `the header of ${join(last.path)} is damaged`)
  if (start.sequences.length !== partitions) {
    throw new MillraceError('bad_config', `the log was made with ${start.sequences.length} partitions, not ${partitions}; they are fixed`)
  }
  const recovered = recoverSegment(last, start, watermark)
  const { end } = recovered
  const reaches = least === null || least.incarnation < end.incarnation || (least.incarnation === end.incarnation && least.offset < end.offset)
  if (reaches) return { ...recovered, directory, start }
  closeSync(recovered.file)
  return begin(Math.max(clock.now(), end.incarnation + 1, (least?.incarnation ?? 0) + 1))
}
