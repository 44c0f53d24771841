import { LRUCache } from 'lru-cache'
import { ByteWriter } from '../platform/byte-writer.ts'
import { MillraceError } from '../platform/errors.ts'
import type { Gzip } from '../platform/gzip.ts'
import type { LogReader, LogRecord } from '../ports/log.ts'
import type { Objects } from '../ports/objects.ts'
import type { BatchRow, Oltp } from '../ports/oltp.ts'
import { writeArchiveLine } from './archive-line.ts'
import { decodeObject, sha256 } from './archive-object.ts'
import type { BatchBuffer } from './batch-buffer.ts'
import { unpackDecisions } from './decisions.ts'
import { readRecord } from './read-record.ts'

export interface BatchSourceDependencies {
  readonly oltp: Pick<Oltp, 'objectOf'>
  readonly objects: Pick<Objects, 'get'>
  readonly log: Pick<LogReader, 'open'>
  /** Absent: Node's. */
  readonly gzip?: Gzip
}

/**
 * The archive lines of a decided batch, wherever they are: memory, the archive, or the log together with the frozen
 * decisions. All three give the same bytes; the digest in the batch row is checked where they were not just made.
 */
export class BatchSource {
  readonly #dependencies: BatchSourceDependencies
  // Consecutive batches share an object: the last few stay expanded.
  readonly #objects: LRUCache<string, ReadonlyMap<number, Buffer>>

  /** `objectBytesMax`: bytes of expanded archive objects kept; one object is expanded whatever it takes. */
  constructor(dependencies: BatchSourceDependencies, { objectBytesMax }: { readonly objectBytesMax: number } = { objectBytesMax: 33_554_432 }) {
    this.#dependencies = dependencies
    this.#objects = new LRUCache({ maxSize: objectBytesMax, sizeCalculation: objectBytes })
  }

  async lines(row: BatchRow, buffer?: BatchBuffer): Promise<Buffer> {
    return buffer?.lines(row.batch) ?? (await this.#fromArchive(row)) ?? (await this.#fromLog(row))
  }

  async #fromArchive(row: BatchRow): Promise<Buffer | null> {
    const object = await this.#dependencies.oltp.objectOf(row.partition, row.batch)
    if (object === null || object.archivedAt === null) return null
    let batches = this.#objects.get(object.name)
    if (batches === undefined) {
      const bytes = await this.#dependencies.objects.get(object.name)
      if (bytes === null) throw new MillraceError('corrupt', `archive object ${object.name} is missing`)
      batches = await decodeObject(object.name, bytes, this.#dependencies.gzip)
      this.#objects.set(object.name, batches)
    }
    const lines = batches.get(row.batch)
    if (lines === undefined || sha256(lines) !== row.digest) {
      throw new MillraceError('corrupt', `archive object ${object.name} does not hold batch ${row.batch} as it was decided`)
    }
    return lines
  }

  async #fromLog(row: BatchRow): Promise<Buffer> {
    if (row.decisions === null) throw new MillraceError('corrupt', `batch ${row.batch} of partition ${row.partition} has neither object nor decisions`)
    const records = await this.#records(row)
    const decisions = unpackDecisions(row.decisions)
    const events = records.flatMap((record) => readRecord(record))
    if (events.length !== decisions.length) {
      throw new MillraceError('corrupt', `batch ${row.batch}: the log holds ${events.length} events, the batch row ${decisions.length}`)
    }
    const writer = new ByteWriter(row.lineBytes)
    for (const [index, event] of events.entries()) writeArchiveLine(writer, event, decisions[index] ?? 'duplicate')
    const lines = writer.finish()
    if (sha256(lines) !== row.digest) throw new MillraceError('corrupt', `batch ${row.batch} of partition ${row.partition} does not rebuild to its digest`)
    return lines
  }

  async #records(row: BatchRow): Promise<readonly LogRecord[]> {
    const cursor = await this.#dependencies.log.open(row.partition, row.afterPosition)
    const records: LogRecord[] = []
    try {
      while (records.length < row.records) {
        const wanted = row.records - records.length
        const next = await cursor.next({ maxRecords: wanted, maxBytes: 8_388_608, waitMs: 10_000 })
        if (next.length === 0) throw new MillraceError('log_gap', `the log no longer holds batch ${row.batch} of partition ${row.partition}`)
        records.push(...next)
      }
    } finally {
      await cursor.close()
    }
    return records
  }
}

function objectBytes(batches: ReadonlyMap<number, Buffer>): number {
  let bytes = 1
  for (const lines of batches.values()) bytes += lines.length
  return bytes
}
