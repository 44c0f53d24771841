import type { Clock } from '../../platform/clock.ts'
import { MillraceError } from '../../platform/errors.ts'
import type { Place } from './position.ts'
import type { Watermark, WatermarkFile } from './watermark.ts'

/** A read costs microseconds; asked this often a record is seen 1 ms after it is durable on average. */
const busyMs = 2
const idleMs = 10
/** Polls without news after which it becomes idle: a second. */
const busyPolls = 500
/** A write takes microseconds, so a mark that stays unreadable is damaged. */
const unreadableMax = 200

interface Waiter {
  readonly beyond: Place
  readonly deadline: number
  readonly resolve: (watermark: Watermark) => void
}

/** One poll of the watermark for all cursors of a reader; it runs only while somebody waits. */
export class WatermarkPoll {
  readonly #file: WatermarkFile
  readonly #clock: Clock
  readonly #waiters = new Set<Waiter>()
  #timer: NodeJS.Timeout | null = null
  #last: Watermark | null = null
  #quiet = 0
  #closed = false

  constructor(file: WatermarkFile, clock: Clock) {
    this.#file = file
    this.#clock = clock
  }

  /** The newest mark. Fails with `corrupt` if none can be read. */
  async read(): Promise<Watermark> {
    for (let attempt = 0; attempt < unreadableMax && !this.#closed; attempt += 1) {
      const watermark = this.#file.read()
      if (watermark !== null) {
        this.#last = watermark
        return watermark
      }
      await this.#clock.sleep(1)
    }
    if (this.#last !== null) return this.#last
    throw new MillraceError('corrupt', 'the watermark of the log cannot be read; start the collector once to mend it')
  }

  /** Resolves with the mark once it is beyond the place, or after `waitMs`, or when closed. */
  async advance(beyond: Place, waitMs: number): Promise<Watermark> {
    const now = await this.read()
    if (isBeyond(now, beyond) || waitMs <= 0 || this.#closed) return now
    return new Promise((resolve) => {
      this.#waiters.add({ beyond, deadline: this.#clock.elapsed() + waitMs, resolve })
      this.#schedule()
    })
  }

  /** Lets everybody go who waits. */
  wake(): void {
    const last = this.#last
    if (last === null) return
    for (const waiter of this.#waiters) waiter.resolve(last)
    this.#waiters.clear()
  }

  close(): void {
    this.#closed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.wake()
  }

  #schedule(): void {
    if (this.#timer !== null || this.#waiters.size === 0 || this.#closed) return
    this.#timer = setTimeout(() => this.#check(), this.#quiet < busyPolls ? busyMs : idleMs)
  }

  #check(): void {
    this.#timer = null
    const watermark = this.#file.read() ?? this.#last
    if (watermark === null) return this.#schedule()
    const moved = this.#last === null || isBeyond(watermark, this.#last)
    this.#quiet = moved ? 0 : this.#quiet + 1
    this.#last = watermark
    const now = this.#clock.elapsed()
    for (const waiter of this.#waiters) {
      if (!isBeyond(watermark, waiter.beyond) && now < waiter.deadline) continue
      this.#waiters.delete(waiter)
      waiter.resolve(watermark)
    }
    this.#schedule()
  }
}

/** Whether the log's end is past the place: something is durable there. */
export function isBeyond(end: Place, place: Place): boolean {
  return end.incarnation > place.incarnation || (end.incarnation === place.incarnation && end.offset > place.offset)
}
