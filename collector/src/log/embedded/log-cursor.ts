import { closeSync, openSync, readSync } from 'node:fs'
import { MillraceError } from '../../platform/errors.ts'
import type { LogCursor, LogRecord, ReadBounds } from '../../ports/log.ts'
import { type FrameHeader, frameHeaderBytes, isWhole, readHeader } from './frame.ts'
import { type Place, positionText } from './position.ts'
import { filePosition } from './recover.ts'
import { listSegments, readSegmentStart, type Segment, type SegmentStart } from './segments.ts'
import { isBeyond, type WatermarkPoll } from './watermark-poll.ts'
import type { Watermark } from './watermark.ts'

export interface LogCursorOptions {
  readonly directory: string
  readonly partition: number
  readonly poll: WatermarkPoll
  readonly segment: Segment
  /** Offset of the first frame to look at. */
  readonly offset: number
  /** The frame here was seen already. */
  readonly after: Place | null
  readonly closed: () => void
}

interface OpenSegment {
  readonly segment: Segment
  readonly start: SegmentStart
  readonly file: number
}

const chunkBytes = 262_144
/** Bytes of other partitions passed over before others get their turn on the event loop. */
const yieldBytes = 4_194_304

/** Reads the frames of one partition in log order, up to the watermark. */
export class EmbeddedLogCursor implements LogCursor {
  readonly #options: LogCursorOptions
  #open: OpenSegment
  #offset: number
  #chunk = Buffer.allocUnsafe(chunkBytes)
  /** Offset of the chunk's first byte, and how many of its bytes are filled. */
  #chunkOffset = 0
  #chunkFilled = 0
  /** The durable end in this incarnation: what the file holds after it may still change. */
  #limit = 0
  #closed = false

  constructor(options: LogCursorOptions) {
    this.#options = options
    this.#open = openSegment(options.segment)
    this.#offset = options.offset
  }

  async next({ maxRecords, maxBytes, waitMs }: ReadBounds): Promise<readonly LogRecord[]> {
    const deadline = performance.now() + waitMs
    const found: LogRecord[] = []
    let end = await this.#options.poll.read()
    while (!this.#closed) {
      const passed = this.#collect(end, found, { maxRecords, maxBytes })
      if (found.length > 0 || this.#closed) return found
      if (passed) {
        await new Promise((resolve) => setImmediate(resolve))
        continue
      }
      const restMs = deadline - performance.now()
      if (restMs <= 0) return found
      end = await this.#options.poll.advance(this.#place(), restMs)
    }
    return found
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    closeSync(this.#open.file)
    this.#options.closed()
    this.#options.poll.wake()
  }

  #place(): Place {
    return { incarnation: this.#open.segment.incarnation, offset: this.#offset }
  }

  /** Moves on until the bounds are reached, the durable end, or `yieldBytes` without a record: only then true. */
  #collect(end: Watermark, found: LogRecord[], { maxRecords, maxBytes }: Pick<ReadBounds, 'maxRecords' | 'maxBytes'>): boolean {
    const { partition, after } = this.#options
    let bytes = 0
    let passed = 0
    while (isBeyond(end, this.#place()) && passed < yieldBytes) {
      this.#limit = end.incarnation === this.#open.segment.incarnation ? end.offset : Number.MAX_SAFE_INTEGER
      const header = this.#header()
      if (header === null) {
        this.#nextSegment()
        continue
      }
      const incarnation = this.#open.segment.incarnation
      const frameBytes = frameHeaderBytes + header.length
      const seen = after !== null && after.incarnation === incarnation && this.#offset <= after.offset
      if (header.partition !== partition || seen) {
        passed += frameBytes
      } else {
        if (found.length >= maxRecords || (found.length > 0 && bytes + header.length > maxBytes)) return false
        const payload = this.#payload(header)
        found.push({
          partition, position: positionText(this.#place()), appendedAt: header.appendedAt, events: header.events,
          sequence: header.sequence, payload,
        })
        bytes += header.length
      }
      this.#offset += frameBytes
    }
    return isBeyond(end, this.#place())
  }

  /** The header at the offset; null at the end of the segment. */
  #header(): FrameHeader | null {
    if (this.#available(frameHeaderBytes) < frameHeaderBytes) return null
    const header = readHeader(this.#chunk, this.#offset - this.#chunkOffset)
    if (header === null || header.offset !== this.#offset) throw this.#corrupt()
    return header
  }

  #payload(header: FrameHeader): Buffer {
    const frameBytes = frameHeaderBytes + header.length
    if (this.#available(frameBytes) < frameBytes) throw this.#corrupt()
    const at = this.#offset - this.#chunkOffset
    if (!isWhole(this.#chunk.subarray(0, this.#chunkFilled), at, { header, offset: this.#offset, incarnation: this.#open.segment.incarnation })) {
      throw this.#corrupt()
    }
    // A copy: the chunk is written over, the record is kept.
    return Buffer.from(this.#chunk.subarray(at + frameHeaderBytes, at + frameBytes))
  }

  /** Makes the chunk hold `wanted` bytes from the offset on, if the file has them; answers how many it holds. */
  #available(wanted: number): number {
    const held = this.#chunkOffset + this.#chunkFilled - this.#offset
    if (this.#offset >= this.#chunkOffset && held >= wanted) return held
    if (this.#chunk.length < wanted) this.#chunk = Buffer.allocUnsafe(wanted)
    else if (this.#chunk.length > chunkBytes && wanted <= chunkBytes) this.#chunk = Buffer.allocUnsafe(chunkBytes)
    this.#chunkOffset = this.#offset
    this.#chunkFilled = 0
    const position = filePosition(this.#open.segment, this.#open.start, this.#offset)
    while (this.#chunkFilled < wanted) {
      const read = readSync(this.#open.file, this.#chunk, this.#chunkFilled, this.#chunk.length - this.#chunkFilled, position + this.#chunkFilled)
      if (read === 0) break
      this.#chunkFilled += read
    }
    this.#chunkFilled = Math.min(this.#chunkFilled, this.#limit - this.#chunkOffset)
    return this.#chunkFilled
  }

  /** The durable end is further on, so there is one. */
  #nextSegment(): void {
    const { incarnation, offset } = this.#open.segment
    const next = listSegments(this.#options.directory).find((segment) => isBeyond(segment, { incarnation, offset }))
    if (next === undefined || (next.incarnation === incarnation && next.offset > this.#offset)) throw this.#corrupt()
    const opened = openSegment(next)
    closeSync(this.#open.file)
    this.#open = opened
    this.#offset = next.offset
    this.#chunkFilled = 0
  }

  #corrupt(): MillraceError {
    const { segment, start } = this.#open
    return new MillraceError('corrupt', `${segment.path} is damaged at byte ${filePosition(segment, start, this.#offset)}, before the synced end of the log`)
  }
}

function openSegment(segment: Segment): OpenSegment {
  const start = readSegmentStart(segment)
  if (start === null) throw new MillraceError('corrupt', `the header of ${segment.path} is damaged`)
  return { segment, start, file: openSync(segment.path, 'r') }
}
