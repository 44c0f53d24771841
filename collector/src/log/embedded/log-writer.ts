import { closeSync, fdatasync, fdatasyncSync, ftruncateSync, openSync, writev } from 'node:fs'
import { promisify } from 'node:util'
import type { Clock } from '../../platform/clock.ts'
import type { DataLock } from '../../platform/data-lock.ts'
import { MillraceError, messageOf } from '../../platform/errors.ts'
import type { LogPosition, LogReadiness, LogWriter } from '../../ports/log.ts'
import { readAcknowledged } from './acknowledged.ts'
import { encodeHeader, frameHeaderBytes, payloadBytesMax } from './frame.ts'
import { positionText } from './position.ts'
import { filePosition, type Recovered } from './recover.ts'
import { dropArchived } from './retention.ts'
import { createSegment, listSegments, type SegmentStart, writesThrough } from './segments.ts'
import type { Watermark, WatermarkFile } from './watermark.ts'
import { failPlace, failStep } from '../../platform/fail-point.ts'

export interface LogWriterBounds {
  /** A segment is closed by the first group that starts at or after this many bytes. */
  readonly segmentBytesMax: number
  readonly retentionMs: number
}

export interface OpenedLog extends Recovered {
  readonly directory: string
  readonly start: SegmentStart
  readonly watermark: WatermarkFile
  readonly lock: DataLock
}

interface Append {
  readonly partition: number
  readonly payload: Uint8Array
  readonly events: number
  readonly resolve: (position: LogPosition) => void
  readonly reject: (error: MillraceError) => void
}

/** Frames of one write, and the end of the log once they are durable. */
interface Group {
  readonly buffers: Uint8Array[]
  readonly positions: readonly LogPosition[]
  readonly end: Watermark
}

/** Keeps one write within what a disk takes in a few milliseconds, so that no append waits for a long one. */
const groupBytesMax = 4_194_304
const retentionEveryMs = 5_000
/** After a failure one attempt a second reaches the disk; the edge refuses the rest. */
const retryAfterMs = 1_000

const fdatasyncAsync = promisify(fdatasync)

/**
 * The one writer. Group commit: while one group is written and synced the next gathers, so that the cost of a sync
 * is shared by everybody who waits for it and nobody waits for a timer. Where {@link writesThrough} holds the write is the sync.
 */
export class EmbeddedLogWriter implements LogWriter {
  readonly partitions: number
  readonly #bounds: LogWriterBounds
  readonly #clock: Clock
  #log: OpenedLog
  /** The durable end. */
  #end: Watermark
  #queue: Append[] = []
  #trims: { resolve(): void; reject(error: unknown): void }[] = []
  #pendingBytes = 0
  #run: Promise<void> | null = null
  #closed = false
  #failure: { readonly reason: string; readonly at: number } | null = null
  /** Bytes after the durable end may be in the file, or its sync failed: mended before anything is written. */
  #torn = false
  readonly #retention: NodeJS.Timeout

  constructor(log: OpenedLog, bounds: LogWriterBounds, clock: Clock) {
    this.partitions = log.end.sequences.length
    this.#log = log
    this.#end = log.end
    this.#bounds = bounds
    this.#clock = clock
    this.#retention = setInterval(() => this.#dropOrWarn(), retentionEveryMs).unref()
  }

  append(partition: number, payload: Uint8Array, events: number): Promise<LogPosition> {
    if (this.#closed) return Promise.reject(new MillraceError('closed', 'the log is closed'))
    if (!Number.isInteger(partition) || partition < 0 || partition >= this.partitions) {
      return Promise.reject(new MillraceError('internal', `there is no partition ${partition}`))
    }
    if (payload.length === 0 || payload.length > payloadBytesMax) {
      return Promise.reject(new MillraceError('internal', `a record has 1 to ${payloadBytesMax} bytes, not ${payload.length}`))
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ partition, payload, events, resolve, reject })
      this.#pendingBytes += payload.length + frameHeaderBytes
      this.#run ??= this.#drain()
    })
  }

  readiness(): LogReadiness {
    if (this.#closed) return { ready: false, reason: 'the log is closed' }
    const failure = this.#failure
    // After a second one request may find out whether the disk works again.
    if (failure !== null && this.#clock.elapsed() - failure.at < retryAfterMs) return { ready: false, reason: failure.reason }
    return { ready: true }
  }

  pendingBytes(): number {
    return this.#pendingBytes
  }

  /** Removes segments that are archived whole; answers how many. Runs by itself every few seconds. */
  dropArchived(): number {
    const { directory } = this.#log
    return dropArchived(directory, readAcknowledged(directory), { retentionMs: this.#bounds.retentionMs, now: this.#clock.now() })
  }

  async trim(): Promise<boolean> {
    if (this.#closed) return false
    await new Promise<void>((resolve, reject) => {
      this.#trims.push({ resolve, reject })
      this.#run ??= this.#drain()
    })
    const { directory, segment } = this.#log
    dropArchived(directory, readAcknowledged(directory), { retentionMs: 0, now: this.#clock.now() })
    return listSegments(directory).every(({ path }) => path === segment.path)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#retention)
    await this.#run
    closeSync(this.#log.file)
    this.#log.watermark.close()
    this.#log.lock.release()
  }

  /** What could not be removed is tried again with the next; it is no reason to take no events. */
  #dropOrWarn(): void {
    try {
      this.dropArchived()
    } catch (error) {
      process.emitWarning(`archived segments of the log stay for now: ${messageOf(error)}`)
    }
  }

  async #drain(): Promise<void> {
    for (;;) {
      // Whoever was waiting for the last group may have more, and all of it goes into the next: where each partition has one record under
      // way, two halves of them would otherwise go in turns, and a record would wait for the other half's sync as well.
      await settled()
      if (this.#queue.length + this.#trims.length === 0) break
      this.#rollForTrims()
      if (this.#queue.length === 0) continue
      const appends = this.#takeGroup()
      try {
        const group = await this.#commit(appends)
        appends.forEach(({ resolve }, index) => resolve(group.positions[index] ?? ''))
        this.#failure = null
      } catch (error) {
        const failure = this.#failed(error)
        for (const { reject } of appends) reject(failure)
      }
      for (const { payload } of appends) this.#pendingBytes -= payload.length + frameHeaderBytes
    }
    this.#run = null
  }

  /** A file that is written on cannot be removed, so what comes goes into a new one. */
  #rollForTrims(): void {
    const trims = this.#trims.splice(0)
    if (trims.length === 0) return
    try {
      if (this.#torn) this.#mend()
      if (this.#end.offset > this.#log.segment.offset) this.#roll()
      for (const { resolve } of trims) resolve()
    } catch (error) {
      const failure = this.#failed(error)
      for (const { reject } of trims) reject(failure)
    }
  }

  #takeGroup(): readonly Append[] {
    let bytes = 0
    let count = 0
    for (const { payload } of this.#queue) {
      if (count > 0 && bytes + payload.length > groupBytesMax) break
      bytes += payload.length + frameHeaderBytes
      count += 1
    }
    return this.#queue.splice(0, count)
  }

  async #commit(appends: readonly Append[]): Promise<Group> {
    if (this.#torn) this.#mend()
    if (this.#end.offset - this.#log.segment.offset >= this.#bounds.segmentBytesMax) this.#roll()
    const group = this.#build(appends)
    this.#torn = true
    const position = filePosition(this.#log.segment, this.#log.start, this.#end.offset)
    await failStep('log.write', () => writeAll(this.#log.file, group.buffers, position), () => writeHalf(this.#log.segment.path, group.buffers, position))
    await failStep('log.sync', async () => {
      if (!writesThrough) await fdatasyncAsync(this.#log.file)
    })
    this.#torn = false
    this.#end = group.end
    failPlace('log.mark')
    this.#log.watermark.write(group.end)
    return group
  }

  #build(appends: readonly Append[]): Group {
    const { incarnation } = this.#end
    const sequences = [...this.#end.sequences]
    const lastOffsets = [...this.#end.lastOffsets]
    const buffers: Uint8Array[] = []
    const positions: LogPosition[] = []
    const appendedAt = this.#clock.now()
    let offset = this.#end.offset
    for (const { partition, payload, events } of appends) {
      const sequence = sequences[partition] ?? 0
      const header = { length: payload.length, offset, sequence, syncedBefore: this.#end.offset, appendedAt, events, partition }
      buffers.push(encodeHeader(header, payload, incarnation), payload)
      positions.push(positionText({ incarnation, offset }))
      sequences[partition] = sequence + events
      lastOffsets[partition] = offset
      offset += frameHeaderBytes + payload.length
    }
    return { buffers, positions, end: { incarnation, offset, sequences, lastOffsets } }
  }

  #roll(): void {
    const { sequences, lastOffsets } = this.#end
    const { segment, file } = createSegment(this.#log.directory, this.#end, { sequences, lastOffsets })
    closeSync(this.#log.file)
    this.#log = { ...this.#log, segment, file, start: { sequences, lastOffsets } }
  }

  /**
   * Cuts off what did not become durable. A kernel reports a failed write-back once and may then take the lost pages
   * for clean, so a sync is never repeated over the same bytes: they are removed and written anew by their senders.
   */
  #mend(): void {
    ftruncateSync(this.#log.file, filePosition(this.#log.segment, this.#log.start, this.#end.offset))
    fdatasyncSync(this.#log.file)
    this.#torn = false
  }

  /** What to tell those who wait; whether it is known depends on whether the file could be cut back. */
  #failed(error: unknown): MillraceError {
    const full = /^(?:ENOSPC|EDQUOT|EFBIG)$/.test(String(Reflect.get(Object(error), 'code')))
    const reason = full ? 'the disk of the log is full; free space or move the data directory' : `the log cannot be written: ${messageOf(error)}`
    this.#failure = { reason, at: this.#clock.elapsed() }
    try {
      if (this.#torn) this.#mend()
      return new MillraceError(full ? 'log_full' : 'log_failed', reason, { retryable: true, cause: error })
    } catch (cause) {
      return new MillraceError('outcome_unknown', `${reason}; it could not be undone either`, { retryable: true, cause })
    }
  }
}

/** Once everything that hangs on what has just been resolved has run; no turn of the event loop lies between. */
function settled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve))
}

/** What a write leaves that is torn: some of its bytes, of which a power loss may take any. */
async function writeHalf(path: string, buffers: readonly Uint8Array[], position: number): Promise<void> {
  const bytes = Buffer.concat(buffers)
  const file = openSync(path, 'r+')
  try {
    await writeAll(file, [bytes.subarray(0, Math.ceil(bytes.length / 2))], position)
  } finally {
    closeSync(file)
  }
}

/** Writes all buffers at the position, however little each call takes. */
async function writeAll(file: number, buffers: readonly Uint8Array[], position: number): Promise<void> {
  let rest = buffers
  let at = position
  while (rest.length > 0) {
    let written = await writeSome(file, rest.slice(0, 1024), at)
    at += written
    let whole = 0
    for (const buffer of rest) {
      if (written < buffer.length) break
      written -= buffer.length
      whole += 1
    }
    const torn = rest[whole]
    rest = torn !== undefined && written > 0 ? [torn.subarray(written), ...rest.slice(whole + 1)] : rest.slice(whole)
  }
}

function writeSome(file: number, buffers: readonly Uint8Array[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    writev(file, [...buffers], position, (error, written) => (error === null ? resolve(written) : reject(error)))
  })
}
