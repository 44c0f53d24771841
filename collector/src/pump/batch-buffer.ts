import type { BatchRow } from '../ports/oltp.ts'

/** What the later steps need of a decided batch, kept in memory so that they need not read the log again. */
export interface BufferedBatch {
  /** Archive lines, uncompressed. */
  readonly lines: Buffer
  /** OLAP rows in JSONEachRow form. */
  readonly rows: Buffer
}

interface Held {
  readonly batch: number
  lines: Buffer | null
  rows: Buffer | null
}

/**
 * Decided batches of one partition on their way to the archive and the OLAP, oldest first. Bounded in bytes:
 * past the bound a batch is not kept and the later step reads it again from the log or the archive, at more cost.
 */
export class BatchBuffer {
  readonly #held: Held[] = []
  readonly #bytesMax: number
  #bytes = 0
  #linesOnly = false
  /** The last batch that was archived, and loaded. */
  readonly #passed = { lines: 0, rows: 0 }

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get full(): boolean {
    return this.#bytes >= this.#bytesMax
  }

  /** Nobody here loads: rows would never be let go. */
  keepLinesOnly(): void {
    this.#linesOnly = true
  }

  /** What of the batch is still needed: the later steps may have passed it before the answer of its commit came. */
  add({ batch }: BatchRow, decided: BufferedBatch): void {
    if (this.full) return
    const lines = batch > this.#passed.lines ? decided.lines : null
    const rows = batch > this.#passed.rows && !this.#linesOnly ? decided.rows : null
    if (lines === null && rows === null) return
    this.#held.push({ batch, lines, rows })
    this.#bytes += (lines?.length ?? 0) + (rows?.length ?? 0)
  }

  lines(batch: number): Buffer | null {
    return this.#find(batch)?.lines ?? null
  }

  rows(batch: number): Buffer | null {
    return this.#find(batch)?.rows ?? null
  }

  archived(throughBatch: number): void {
    this.#release(throughBatch, 'lines')
  }

  loaded(throughBatch: number): void {
    this.#release(throughBatch, 'rows')
  }

  #find(batch: number): Held | undefined {
    return this.#held.find((held) => held.batch === batch)
  }

  #release(throughBatch: number, part: 'lines' | 'rows'): void {
    this.#passed[part] = Math.max(this.#passed[part], throughBatch)
    for (const held of this.#held) {
      if (held.batch > throughBatch) break
      this.#bytes -= held[part]?.length ?? 0
      held[part] = null
    }
    while (this.#held[0] !== undefined && this.#held[0].lines === null && this.#held[0].rows === null) this.#held.shift()
  }
}
