import type { Clock } from '../platform/clock.ts'
import type { PartitionRow, StatusReader } from '../ports/oltp.ts'

/** One query so often serves everybody who waits; it is what an event waits for on average twice. */
const pollMs = 50
/** Above, a request is answered at once, as if it had not asked to wait. */
const waitersMax = 1_000

/** Tells whoever waits for newly decided batches. Asks the store only while somebody waits, once for all of them. */
export class DecidedWatch {
  readonly #reader: Pick<StatusReader, 'partitions'>
  readonly #clock: Clock
  #waiters = 0
  #polling: Promise<readonly PartitionRow[]> | null = null

  constructor(reader: Pick<StatusReader, 'partitions'>, clock: Clock) {
    this.#reader = reader
    this.#clock = clock
  }

  /** The partitions as soon as one is past the known heads, else as they were after `waitMs` or on abort; null if too many wait already. */
  async beyond(known: readonly PartitionRow[], waitMs: number, signal: AbortSignal): Promise<readonly PartitionRow[] | null> {
    if (this.#waiters >= waitersMax) return null
    const deadline = performance.now() + waitMs
    const decided = sum(known)
    this.#waiters += 1
    try {
      while (!signal.aborted && performance.now() < deadline) {
        const heads = await this.#next()
        if (sum(heads) > decided) return heads
      }
      return known
    } finally {
      this.#waiters -= 1
    }
  }

  async #next(): Promise<readonly PartitionRow[]> {
    this.#polling ??= this.#poll().finally(() => {
      this.#polling = null
    })
    return this.#polling
  }

  async #poll(): Promise<readonly PartitionRow[]> {
    await this.#clock.sleep(pollMs)
    return this.#reader.partitions()
  }
}

function sum(rows: readonly PartitionRow[]): number {
  return rows.reduce((batches, { batch }) => batches + batch, 0)
}
