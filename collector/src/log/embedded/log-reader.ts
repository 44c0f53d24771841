import type { Clock } from '../../platform/clock.ts'
import { MillraceError } from '../../platform/errors.ts'
import type { LogCursor, LogHead, LogPosition, LogReader } from '../../ports/log.ts'
import { type Acknowledged, readAcknowledged, writeAcknowledged } from './acknowledged.ts'
import { EmbeddedLogCursor } from './log-cursor.ts'
import { parsePosition, type Place, positionText } from './position.ts'
import { listSegments, readSegmentStart, type Segment } from './segments.ts'
import { isBeyond, WatermarkPoll } from './watermark-poll.ts'
import type { WatermarkFile } from './watermark.ts'

export interface LogReaderDependencies {
  readonly directory: string
  readonly partitions: number
  readonly clock: Clock
  readonly watermark: WatermarkFile
}

/** Reads the writer's files, from the same process or another; it never writes to them. */
export class EmbeddedLogReader implements LogReader {
  readonly partitions: number
  readonly #directory: string
  readonly #watermark: WatermarkFile
  readonly #poll: WatermarkPoll
  readonly #cursors = new Set<EmbeddedLogCursor>()
  #acknowledged: Acknowledged
  #closed = false

  constructor({ directory, partitions, clock, watermark }: LogReaderDependencies) {
    this.partitions = partitions
    this.#directory = directory
    this.#watermark = watermark
    this.#poll = new WatermarkPoll(watermark, clock)
    this.#acknowledged = readAcknowledged(directory)
  }

  async open(partition: number, after: LogPosition | null): Promise<LogCursor> {
    if (!Number.isInteger(partition) || partition < 0 || partition >= this.partitions) {
      throw new MillraceError('internal', `there is no partition ${partition}`)
    }
    const place = after === null ? null : parsePosition(after)
    if (place !== null && !isBeyond(await this.#poll.read(), place)) {
      throw new MillraceError('log_gap', `the log ends before ${String(after)}, which is decided already; was it lost or restored? Start the collector again`)
    }
    const { segment, offset } = this.#find(partition, place)
    const cursor: EmbeddedLogCursor = new EmbeddedLogCursor({
      directory: this.#directory, partition, poll: this.#poll, segment, offset, after: place,
      closed: () => this.#cursors.delete(cursor),
    })
    this.#cursors.add(cursor)
    return cursor
  }

  async heads(): Promise<readonly LogHead[]> {
    const { incarnation, sequences, lastOffsets } = await this.#poll.read()
    return sequences.map((sequence, partition) => {
      const offset = lastOffsets[partition] ?? -1
      return { partition, position: offset < 0 ? null : positionText({ incarnation, offset }), sequence }
    })
  }

  async acknowledge(partition: number, position: LogPosition): Promise<void> {
    const before = this.#acknowledged.get(partition)
    if (before !== undefined && before >= position) return
    this.#acknowledged = new Map(this.#acknowledged).set(partition, position)
    writeAcknowledged(this.#directory, this.#acknowledged)
  }

  /** How far the partition was acknowledged, also by an earlier process. */
  acknowledged(partition: number): LogPosition | null {
    return this.#acknowledged.get(partition) ?? null
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await Promise.all([...this.#cursors].map((cursor) => cursor.close()))
    this.#poll.close()
    this.#watermark.close()
  }

  /** The segment to start in and the offset in it. */
  #find(partition: number, after: Place | null): { segment: Segment; offset: number } {
    const segments = listSegments(this.#directory)
    const oldest = segments[0]
    if (oldest === undefined) throw new MillraceError('log_gap', `the log's files are gone from ${this.#directory}`)
    if (after === null) return { segment: oldest, offset: oldest.offset }
    const holding = segments.findLast(({ incarnation, offset }) => incarnation === after.incarnation && offset <= after.offset)
    if (holding !== undefined) return { segment: holding, offset: after.offset }
    // Its segment was removed: no gap as long as nothing of this partition stood between the position and what is kept.
    const next = segments.find(({ incarnation, offset }) => incarnation > after.incarnation || (incarnation === after.incarnation && offset > after.offset))
    const before = next === undefined ? undefined : readSegmentStart(next)?.lastOffsets[partition]
    const seen = next?.incarnation === after.incarnation ? after.offset : -1
    if (next === undefined || before === undefined || before > seen) {
      throw new MillraceError('log_gap', `records of partition ${partition} after ${positionText(after)} are not in the log any more; rebuild from the archive`)
    }
    return { segment: next, offset: next.offset }
  }
}
