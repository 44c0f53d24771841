import type { LogCursor, LogHead, LogPosition, LogReader, LogRecord } from '../src/ports/log.ts'

/** A log in memory, for tests that decide by hand. */
export class MemoryLog implements LogReader {
  readonly partitions: number
  readonly #records: LogRecord[][]

  constructor(partitions: number) {
    this.partitions = partitions
    this.#records = Array.from({ length: partitions }, () => [])
  }

  append(partition: number, payload: string, { events, at }: { readonly events: number; readonly at: number }): LogRecord {
    const records = this.#of(partition)
    const position = `1:${String(records.length + 1).padStart(16, '0')}`
    const record = { partition, position, appendedAt: at, events, sequence: undefined, payload: Buffer.from(payload) }
    records.push(record)
    return record
  }

  after(partition: number, position: LogPosition | null): readonly LogRecord[] {
    return this.#of(partition).filter((record) => position === null || record.position > position)
  }

  async open(partition: number, after: LogPosition | null): Promise<LogCursor> {
    const rest = [...this.after(partition, after)]
    return { next: async ({ maxRecords }) => rest.splice(0, maxRecords), close: async () => {} }
  }

  async heads(): Promise<readonly LogHead[]> {
    return this.#records.map((records, partition) => ({ partition, position: records.at(-1)?.position ?? null, sequence: undefined }))
  }

  async acknowledge(): Promise<void> {}

  async close(): Promise<void> {}

  #of(partition: number): LogRecord[] {
    const records = this.#records[partition]
    if (records === undefined) throw new RangeError(`there is no partition ${partition}`)
    return records
  }
}
