import { hasCode } from '../platform/errors.ts'
import type { Fence, Oltp } from '../ports/oltp.ts'

/**
 * What a step failed of: that the partition went to another process, where it did. The other one may have dropped what this one still asks for, such as a
 * generation of the OLAP or records of the log; it would then fail for ever, and never come to the write that checks its fence.
 */
export async function causeOfFailure(error: unknown, fence: Fence, oltp: Pick<Oltp, 'requireOwned'>): Promise<unknown> {
  try {
    await oltp.requireOwned(fence)
    return error
  } catch (lost) {
    return hasCode(lost, 'epoch_lost') ? lost : error
  }
}
