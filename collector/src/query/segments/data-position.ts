import { MillraceError } from '../../platform/errors.ts'
import type { PartitionRow, StatusReader } from '../../ports/oltp.ts'

/** A place in the data that can be asked again: rows of the OLAP up to it never change while its generation lives. */
export interface DataPosition {
  readonly generation: number
  /** The last batch that counts, by partition. */
  readonly batches: readonly number[]
}

/** How far the answers at a position are behind what has been decided. */
export interface Freshness {
  /** Events that are decided and not yet loaded. */
  readonly behind: number
  /** Age of the oldest of them; 0 where there is none. */
  readonly lagSeconds: number
}

/** Everything loaded so far. */
export async function loadedPosition(reader: StatusReader, generation: number): Promise<DataPosition> {
  const rows = await reader.partitions()
  const batches = Array.from({ length: 1 + Math.max(-1, ...rows.map(({ partition }) => partition)) }, () => 0)
  for (const { partition, loadedBatch } of rows) batches[partition] = loadedBatch
  return { generation, batches }
}

export async function freshness(reader: StatusReader, now: number): Promise<Freshness> {
  const totals = await reader.totals()
  const behind = totals.reduce((sum, { decided, loaded }) => sum + decided.stored - loaded, 0)
  const late = (await reader.partitions()).filter(({ loadedBatch, batch }) => loadedBatch < batch)
  const ages = await Promise.all(late.map((row) => ageOfNext(reader, row, now)))
  return { behind: Math.max(0, behind), lagSeconds: Math.max(0, ...ages) }
}

async function ageOfNext(reader: StatusReader, { partition, loadedBatch }: PartitionRow, now: number): Promise<number> {
  const next = await reader.batch(partition, loadedBatch + 1)
  return next === null ? 0 : Math.round((now - next.decidedAt) / 100) / 10
}

/** Printable: the generation, then the batch of each partition in base 36. */
export function positionText({ generation, batches }: DataPosition): string {
  return [generation, ...batches].map((number) => number.toString(36)).join('.')
}

/** Fails with `bad_request` for what {@link positionText} never wrote. */
export function parsePosition(text: string): DataPosition {
  const numbers = /^[0-9a-z.]{1,20000}$/.test(text) ? text.split('.').map((part) => Number.parseInt(part, 36)) : []
  const [generation, ...batches] = numbers
  if (generation === undefined || !numbers.every(Number.isSafeInteger)) throw new MillraceError('bad_request', 'position: not one that this route gave')
  return { generation, batches }
}
