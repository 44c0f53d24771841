import { LRUCache } from 'lru-cache'
import { MillraceError } from '../platform/errors.ts'
import type { BatchRow, StatusReader } from '../ports/oltp.ts'
import type { DecidedEvent, DecidedEvents } from '../query/event-feed.ts'
import type { BatchSource } from './batch-source.ts'
import { readDecidedLine } from './read-archive-line.ts'

/** Bytes of archive lines kept for the next page, and for others who read the same. */
const keptBytesMax = 67_108_864

/** The decided events of a batch, wherever they are: the log while it holds them, the archive ever after. */
export class ArchivedEvents implements DecidedEvents {
  readonly #source: Pick<BatchSource, 'lines'>
  readonly #reader: Pick<StatusReader, 'batch'>
  readonly #kept = new LRUCache<string, Buffer>({ maxSize: keptBytesMax, sizeCalculation: (lines) => lines.length + 64 })

  constructor(source: Pick<BatchSource, 'lines'>, reader: Pick<StatusReader, 'batch'>) {
    this.#source = source
    this.#reader = reader
  }

  async read(row: BatchRow, from: number): Promise<Iterable<DecidedEvent | null>> {
    return eventsIn(await this.#lines(row), from)
  }

  async find(row: BatchRow, messageId: string): Promise<DecidedEvent | null> {
    const lines = await this.#lines(row)
    const wanted = `"messageId":${JSON.stringify(messageId)}`
    for (let at = lines.indexOf(wanted); at >= 0; at = lines.indexOf(wanted, at + 1)) {
      const end = lines.indexOf(10, at)
      const event = readDecidedLine(lines.toString('utf8', lines.lastIndexOf(10, at) + 1, end < 0 ? lines.length : end))
      // Another event may carry the same text in its properties.
      if (event?.messageId === messageId && 'profileId' in event.outcome) return event
    }
    return null
  }

  async #lines(row: BatchRow): Promise<Buffer> {
    const key = `${row.partition}/${row.batch}/${row.digest}`
    const kept = this.#kept.get(key)
    if (kept !== undefined) return kept
    const lines = await this.#source.lines(row).catch((error: unknown) => this.#again(row, error))
    this.#kept.set(key, lines)
    return lines
  }

  /** Between the look for its object and the look into the log a batch may have moved from the one to the other. */
  async #again(row: BatchRow, error: unknown): Promise<Buffer> {
    const now = await this.#reader.batch(row.partition, row.batch)
    if (now === null || !(error instanceof MillraceError) || (error.code !== 'log_gap' && error.code !== 'corrupt')) throw error
    return this.#source.lines(now)
  }
}

function* eventsIn(lines: Buffer, from: number): Generator<DecidedEvent | null> {
  let index = 0
  for (let start = 0; start < lines.length;) {
    const end = lines.indexOf(10, start)
    const stop = end < 0 ? lines.length : end
    if (index >= from) yield readDecidedLine(lines.toString('utf8', start, stop))
    index += 1
    start = stop + 1
  }
}
