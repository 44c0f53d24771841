import { closeSync, existsSync, fdatasync, openSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { decodeFrames, encodeFrame, type SpooledEvent } from './spool-frame.ts'

/** Where an event stands on disk. */
export interface SpoolPlace {
  readonly segment: SpoolSegment
  readonly index: number
}

/** What a crashed process left in a segment. */
export interface LeftEvents {
  /** Without those that have their outcome, each with its place. */
  readonly events: readonly (SpooledEvent & { readonly index: number })[]
  /** At the end of the file, of frames that are not whole. */
  readonly damagedBytes: number
}

/**
 * A file of events, and beside it one of the numbers of those that have their outcome. When all have theirs and no more
 * come, both go. What a crash between an outcome and its mark leaves is sent again with the same id.
 *
 * - written: the one segment that events are appended to.
 * - sealed: takes no more; it goes with the outcome of its last event.
 * - left: of an earlier process and not read yet.
 */
export class SpoolSegment {
  readonly number: number
  readonly #path: string
  #file: number | null
  #marks: number | null = null
  #bytes: number
  #markBytes = 0
  #events = 0
  #unsettled = 0
  #damaged = false

  private constructor(directory: string, number: number, { file, bytes }: { file: number | null, bytes: number }) {
    this.number = number
    this.#path = join(directory, String(number).padStart(12, '0'))
    this.#file = file
    this.#bytes = bytes
  }

  static create(directory: string, number: number): SpoolSegment {
    const path = join(directory, `${String(number).padStart(12, '0')}.events`)
    return new SpoolSegment(directory, number, { file: openSync(path, 'wx', 0o600), bytes: 0 })
  }

  /** The segments of a directory, oldest first. */
  static list(directory: string): SpoolSegment[] {
    return readdirSync(directory).flatMap((name) => {
      const number = /^(\d{12})\.events$/.exec(name)?.[1]
      return number === undefined ? [] : [new SpoolSegment(directory, Number(number), { file: null, bytes: statSync(join(directory, name)).size })]
    }).sort((a, b) => a.number - b.number)
  }

  /** On disk. */
  get bytes(): number {
    return this.#bytes + this.#markBytes
  }

  /** Written through to the kernel when it returns, so it survives the process. Fails as the file system does; then nothing is appended. */
  append(event: SpooledEvent): SpoolPlace {
    if (this.#file === null) throw new Error('the segment is sealed')
    const frame = encodeFrame(event, this.#events)
    // At its own position: what a failed write left of a frame is written over.
    let written = 0
    while (written < frame.length) written += writeSync(this.#file, frame, written, frame.length - written, this.#bytes + written)
    this.#bytes += frame.length
    this.#events += 1
    this.#unsettled += 1
    return { segment: this, index: this.#events - 1 }
  }

  /** To the disk itself, off the event loop. */
  sync(done: (error: Error | null) => void): void {
    if (this.#file === null) done(null)
    else fdatasync(this.#file, done)
  }

  /** These events have their outcome. True if that was the last one of a sealed segment, which is gone now. */
  settle(indexes: readonly number[]): boolean {
    this.#unsettled -= indexes.length
    if (this.#unsettled === 0 && this.#file === null) {
      this.#remove()
      return true
    }
    this.#marks ??= openSync(`${this.#path}.done`, 'a', 0o600)
    const marks = Buffer.alloc(indexes.length * 4)
    indexes.forEach((index, at) => marks.writeUInt32LE(index, at * 4))
    writeSync(this.#marks, marks)
    this.#markBytes += marks.length
    return false
  }

  /** No more events come. True if none is without an outcome: the segment is gone then. */
  seal(): boolean {
    this.#closeFile()
    if (this.#unsettled > 0) return false
    this.#remove()
    return true
  }

  /** Reads what an earlier process left. With no events in it the segment is gone; a damaged one leaves a file `damaged`. */
  async readLeft(): Promise<LeftEvents> {
    const { events, damagedBytes } = decodeFrames(await readFile(`${this.#path}.events`))
    const done = this.#readMarks()
    const left = events.map((event, index) => ({ ...event, index })).filter(({ index }) => !done.has(index))
    this.#events = events.length
    this.#unsettled = left.length
    this.#damaged = damagedBytes > 0
    if (left.length === 0) this.#remove()
    return { events: left, damagedBytes }
  }

  close(): void {
    this.#closeFile()
    if (this.#marks !== null) closeSync(this.#marks)
    this.#marks = null
  }

  #closeFile(): void {
    const file = this.#file
    this.#file = null
    if (file !== null) fdatasync(file, () => closeSync(file))
  }

  #readMarks(): ReadonlySet<number> {
    const path = `${this.#path}.done`
    if (!existsSync(path)) return new Set()
    const bytes = readFileSync(path)
    this.#markBytes = bytes.length
    return new Set(Array.from({ length: Math.floor(bytes.length / 4) }, (_, at) => bytes.readUInt32LE(at * 4)))
  }

  #remove(): void {
    this.close()
    this.#bytes = 0
    this.#markBytes = 0
    rmSync(`${this.#path}.done`, { force: true })
    // Somebody may want to look at it; one is kept.
    if (this.#damaged) renameSync(`${this.#path}.events`, join(dirname(this.#path), 'damaged'))
    else rmSync(`${this.#path}.events`, { force: true })
  }
}
