import { MillraceError } from '../../collector/src/platform/errors.ts'
import type { LogCursor, LogHead, LogPosition, LogReader, LogRecord, ReadBounds } from '../../collector/src/ports/log.ts'
import { type Link, send } from './request.ts'
import type { Sabotage } from './sabotage.ts'
import { beginMs, type World } from './world.ts'

interface Partition {
  readonly records: LogRecord[]
  /** So many of the oldest are gone. */
  trimmed: number
  acknowledged: LogPosition
  readonly listeners: Set<() => void>
}

/** The log itself: what is appended is durable at once, and only what was acknowledged may go. */
export class LogServer {
  readonly world: World
  readonly #partitions: readonly Partition[]
  /** Looks at an acknowledgement before anything is let go. */
  readonly #acknowledged: (partition: number, position: LogPosition) => void
  readonly #sabotage: Sabotage | null

  constructor(world: World, partitions: number, { sabotage, acknowledged }: { readonly sabotage: Sabotage | null; readonly acknowledged: (partition: number, position: LogPosition) => void }) {
    this.world = world
    this.#acknowledged = acknowledged
    this.#sabotage = sabotage
    this.#partitions = Array.from({ length: partitions }, () => ({ records: [], trimmed: 0, acknowledged: '', listeners: new Set() }))
  }

  get partitions(): number {
    return this.#partitions.length
  }

  append(partition: number, payload: string, events: number): LogRecord {
    const { records, listeners } = this.partition(partition)
    const sequence = records.reduce((sum, record) => sum + record.events, 0)
    const position = `1:${String(records.length + 1).padStart(8, '0')}`
    const record = { partition, position, appendedAt: beginMs + this.world.now, events, sequence, payload: Buffer.from(payload) }
    records.push(record)
    for (const heard of listeners) heard()
    return record
  }

  partition(partition: number): Partition {
    const found = this.#partitions[partition]
    if (found === undefined) throw new MillraceError('internal', `there is no partition ${partition}`)
    return found
  }

  acknowledge(partition: number, position: LogPosition): void {
    const found = this.partition(partition)
    this.#acknowledged(partition, position)
    if (position > found.acknowledged) found.acknowledged = position
    if (this.world.choices.chance(0.3)) this.world.after(this.world.choices.below(500), () => this.trim(partition))
  }

  /** Retention: at any moment after the acknowledgement, in pieces. */
  trim(partition: number): void {
    const found = this.partition(partition)
    const free = this.#sabotage === 'forgetful-log' ? found.records.length : found.records.findLastIndex(({ position }) => position <= found.acknowledged) + 1
    if (free <= found.trimmed) return
    found.trimmed += 1 + this.world.choices.below(free - found.trimmed)
    this.world.note(`log ${partition} is trimmed to ${found.trimmed}`)
  }

  /** Every record there ever was. */
  everything(): readonly LogRecord[] {
    return this.#partitions.flatMap(({ records }) => records)
  }
}

export class SimulatedLog implements LogReader {
  readonly partitions: number
  readonly #link: Link
  readonly #server: LogServer

  constructor(link: Link, server: LogServer) {
    this.#link = link
    this.#server = server
    this.partitions = server.partitions
  }

  open(partition: number, after: LogPosition | null): Promise<LogCursor> {
    return send(this.#link, { store: 'log', name: 'open', instead: { twice: 'done', late: 'refused' }, perform: () => this.#open(partition, after) })
  }

  async heads(): Promise<readonly LogHead[]> {
    return Array.from({ length: this.partitions }, (_, partition) => ({ partition, position: this.#server.partition(partition).records.at(-1)?.position ?? null, sequence: undefined }))
  }

  acknowledge(partition: number, position: LogPosition): Promise<void> {
    return send(this.#link, { store: 'log', name: 'acknowledge', perform: () => this.#server.acknowledge(partition, position) })
  }

  async close(): Promise<void> {}

  #open(partition: number, after: LogPosition | null): LogCursor {
    const server = this.#server
    const { records, trimmed } = server.partition(partition)
    let next = after === null ? trimmed : records.findIndex(({ position }) => position > after)
    if (next < 0) next = records.length
    const closed = new AbortController()
    const requireKept = (): void => {
      if (next < server.partition(partition).trimmed) throw new MillraceError('log_gap', `records of partition ${partition} are gone`)
    }
    const take = ({ maxRecords, maxBytes }: ReadBounds): readonly LogRecord[] => {
      requireKept()
      const taken: LogRecord[] = []
      let bytes = 0
      const wanted = 1 + server.world.choices.below(Math.min(maxRecords, 20))
      for (const record of records.slice(next, next + wanted)) {
        bytes += record.payload.length
        if (taken.length > 0 && bytes > maxBytes) break
        taken.push(record)
      }
      next += taken.length
      return taken
    }
    requireKept()
    return {
      next: (bounds) => this.#next(partition, { bounds, take, isEnd: () => next >= records.length, closed: closed.signal }),
      close: async () => closed.abort('closed'),
    }
  }

  /** A driver waits out what passes, so that only a gap is ever heard of. */
  async #next(
    partition: number,
    { bounds, take, isEnd, closed }: { readonly bounds: ReadBounds; readonly take: (bounds: ReadBounds) => readonly LogRecord[]; readonly isEnd: () => boolean; readonly closed: AbortSignal },
  ): Promise<readonly LogRecord[]> {
    if (isEnd() && bounds.waitMs > 0) await this.#appended(partition, bounds.waitMs, closed)
    if (closed.aborted) return []
    return send(this.#link, {
      store: 'log', name: 'next', perform: () => take(bounds),
      instead: { refused: 'done', unknown: 'done', late: 'done', twice: 'done' },
    })
  }

  async #appended(partition: number, waitMs: number, closed: AbortSignal): Promise<void> {
    const { listeners } = this.#server.partition(partition)
    const heard = new AbortController()
    const hear = (): void => heard.abort('heard')
    listeners.add(hear)
    closed.addEventListener('abort', hear, { once: true })
    await this.#link.machine.clock.sleep(waitMs, heard.signal)
    listeners.delete(hear)
    closed.removeEventListener('abort', hear)
  }
}
