import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Clock } from '../clock.ts'
import type { SpooledEvent } from './spool-frame.ts'
import { lockSpool, type SpoolLock } from './spool-lock.ts'
import { type LeftEvents, type SpoolPlace, SpoolSegment } from './spool-segment.ts'

/** What a crash or a close left, with its places. */
export interface LeftSegment extends LeftEvents {
  readonly segment: SpoolSegment
}

const segmentBytesMax = 4_194_304
/** Of an event, beside its JSON: the header, a usual id, the mark. */
const bytesBesidesMax = 128
/** What a loss of power may cost; the crash of a process costs nothing. */
const syncEveryMs = 200

/** The queue directory: accepted events on disk until they have an outcome, by one client at a time. */
export class Spool {
  readonly #directory: string
  readonly #lock: SpoolLock
  readonly #bytesMax: number
  readonly #clock: Clock
  readonly #left: SpoolSegment[]
  readonly #live = new Set<SpoolSegment>()
  #written: SpoolSegment | null = null
  #next: number
  #syncing = false

  private constructor(directory: string, lock: SpoolLock, { bytesMax, clock }: { bytesMax: number, clock: Clock }) {
    this.#directory = directory
    this.#lock = lock
    this.#bytesMax = bytesMax
    this.#clock = clock
    this.#left = SpoolSegment.list(directory)
    for (const segment of this.#left) this.#live.add(segment)
    this.#next = (this.#left.at(-1)?.number ?? 0) + 1
  }

  /** Fails if the directory cannot be made or is another client's. */
  static open(path: string, bounds: { readonly bytesMax: number; readonly clock: Clock }): Spool {
    const directory = resolve(path)
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const lock = lockSpool(directory)
    try {
      return new Spool(directory, lock, bounds)
    } catch (error) {
      lock.release()
      throw error
    }
  }

  /** Of all files. */
  get bytes(): number {
    let bytes = 0
    for (const segment of this.#live) bytes += segment.bytes
    return bytes
  }

  /** Whether the bound leaves room for an event of this size, its id and its mark. */
  takes(bytes: number): boolean {
    return this.bytes + bytes + bytesBesidesMax <= this.#bytesMax
  }

  /** Keeps an event: it survives the process from here on. Fails as the file system does; then it is not kept. */
  append(event: SpooledEvent): SpoolPlace {
    if (this.#written !== null && this.#written.bytes >= segmentBytesMax) this.#seal(this.#written)
    this.#written ??= this.#create()
    const place = this.#written.append(event)
    this.#syncSoon(place.segment)
    return place
  }

  /** The events at these places need to be kept no longer. */
  settle(places: readonly SpoolPlace[]): void {
    const bySegment = new Map<SpoolSegment, number[]>()
    for (const { segment, index } of places) {
      const indexes = bySegment.get(segment)
      if (indexes === undefined) bySegment.set(segment, [index])
      else indexes.push(index)
    }
    for (const [segment, indexes] of bySegment) if (segment.settle(indexes)) this.#live.delete(segment)
  }

  /** The next segment that an earlier client left, oldest first; null if there is none. */
  async nextLeft(): Promise<LeftSegment | null> {
    const segment = this.#left.shift()
    if (segment === undefined) return null
    const left = await segment.readLeft()
    if (left.events.length === 0) this.#live.delete(segment)
    return { ...left, segment }
  }

  /** What is without an outcome stays for the next client. */
  close(): void {
    if (this.#written !== null) this.#seal(this.#written)
    for (const segment of this.#live) segment.close()
    this.#lock.release()
  }

  #create(): SpoolSegment {
    const segment = SpoolSegment.create(this.#directory, this.#next)
    this.#next += 1
    this.#live.add(segment)
    return segment
  }

  #seal(segment: SpoolSegment): void {
    this.#written = null
    if (segment.seal()) this.#live.delete(segment)
  }

  #syncSoon(segment: SpoolSegment): void {
    if (this.#syncing) return
    this.#syncing = true
    this.#clock.after(syncEveryMs, () => segment.sync(() => {
      this.#syncing = false
    }))
  }
}
