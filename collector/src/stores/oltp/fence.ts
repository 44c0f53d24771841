import { MillraceError } from '../../platform/errors.ts'
import type { Fence, PartitionRole, PartitionRow } from '../../ports/oltp.ts'

export function epochOf(row: PartitionRow, role: PartitionRole): number {
  return role === 'pump' ? row.pumpEpoch : row.loadEpoch
}

/** Whoever planned it was not answered; the next look finds the plan. */
export function plannedAlready(partition: number, firstBatch: number): MillraceError {
  return new MillraceError('unavailable', `batch ${firstBatch} of partition ${partition} is in a plan already`, { retryable: true })
}

/** Fails with `epoch_lost` where somebody took the partition over since the fence was made; the row must be read under its lock. */
export function requireEpoch(row: PartitionRow, fence: Fence): void {
  const epoch = epochOf(row, fence.role)
  if (epoch === fence.epoch) return
  throw new MillraceError('epoch_lost', `partition ${fence.partition} has a newer ${fence.role} owner (epoch ${epoch}, mine ${fence.epoch})`)
}
