import { eventRow } from '../ports/event-row.ts'
import type { BatchRow, LoadRow } from '../ports/oltp.ts'
import { readArchiveLine } from './read-archive-line.ts'

/** The rows of a decided batch from its archive lines: those the pump built, byte for byte, or those of some months. */
export function rowsOf(batch: BatchRow, lines: Buffer, months: Pick<LoadRow, 'firstMonth' | 'lastMonth'>): { readonly bytes: Buffer; readonly count: number } {
  let rows = ''
  let count = 0
  for (const line of lines.toString('utf8').split('\n')) {
    const archived = line === '' ? null : readArchiveLine(line)
    if (archived === null) continue
    const { row, month } = eventRow({ ...archived, partition: batch.partition, batch: batch.batch })
    if (months.firstMonth !== null && months.lastMonth !== null && (month < months.firstMonth || month > months.lastMonth)) continue
    rows += row
    count += 1
  }
  return { bytes: Buffer.from(rows), count }
}
