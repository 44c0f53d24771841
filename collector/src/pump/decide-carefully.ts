import type { Clock } from '../platform/clock.ts'
import { MillraceError, messageOf } from '../platform/errors.ts'
import type { LogRecord } from '../ports/log.ts'
import type { Fence, Oltp } from '../ports/oltp.ts'
import { decideBatch, type DecideContext, type DecidedBatch } from './decide.ts'
import type { LoggedEvent } from './read-record.ts'

export interface CarefulDependencies {
  readonly oltp: Pick<Oltp, 'decide' | 'partition'>
  readonly clock: Clock
  readonly context: DecideContext
  /** Each failed try, for counting and logging. */
  readonly failed: (error: unknown) => void
  readonly signal: AbortSignal
}

/** Ends a trial transaction without committing it. */
class TrialOver extends Error {}

/**
 * Decides one batch whatever it takes: transient errors are retried in place with back-off (never skipped, never
 * reordered); when the outcome of a commit is unknown the partition row says whether it happened; an error that
 * comes back unchanged is a poison event, found by bisection in trial transactions and quarantined as
 * `internal_error` in one transaction with its neighbours.
 *
 * Answers null if the batch turned out to be committed already, or on abort. Fails with `epoch_lost`.
 */
export async function decideCarefully(
  fence: Fence, records: readonly LogRecord[], { oltp, clock, context, failed, signal, events }: CarefulDependencies & { events: readonly LoggedEvent[] },
): Promise<DecidedBatch | null> {
  const end = records.at(-1)?.position ?? ''
  let current = events
  let lastMessage = ''
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    try {
      return await oltp.decide(fence, (transaction) => decideBatch(transaction, { records, events: current }, context))
    } catch (error) {
      failed(error)
      if (error instanceof MillraceError && error.code === 'epoch_lost') throw error
      if ((await positionOf(oltp, fence)) >= end) return null
      const transient = error instanceof MillraceError && error.retryable
      if (!transient && messageOf(error) === lastMessage) {
        current = await withoutPoison(current, (trial) => tryDecide(fence, records, { oltp, context, events: trial }))
        lastMessage = ''
        continue
      }
      lastMessage = transient ? '' : messageOf(error)
      await clock.sleep(Math.min(5_000, 20 * 2 ** Math.min(attempt, 8)), signal)
    }
  }
  return null
}

async function positionOf(oltp: CarefulDependencies['oltp'], fence: Fence): Promise<string> {
  try {
    return (await oltp.partition(fence.partition)).position ?? ''
  } catch {
    // The store cannot be asked now; the retry will meet the same store and ask again.
    return ''
  }
}

async function tryDecide(
  fence: Fence, records: readonly LogRecord[],
  { oltp, context, events }: Pick<CarefulDependencies, 'oltp' | 'context'> & { events: readonly LoggedEvent[] },
): Promise<boolean> {
  try {
    await oltp.decide(fence, async (transaction) => {
      await decideBatch(transaction, { records, events }, context)
      throw new TrialOver()
    })
    return true
  } catch (error) {
    return error instanceof TrialOver
  }
}

/**
 * The events with the culprits marked: a half that fails with the other half marked holds a culprit. Costs about
 * 2 log2(n) trials a culprit. If nothing single fails the error is of the batch as a whole, and all are kept as they are.
 */
async function withoutPoison(
  events: readonly LoggedEvent[], passes: (trial: readonly LoggedEvent[]) => Promise<boolean>,
): Promise<readonly LoggedEvent[]> {
  if (!(await passes(events.map(marked)))) return events
  const culprits = new Set<number>()
  const search = async (from: number, to: number): Promise<void> => {
    const trial = events.map((event, index) => (index >= from && index < to && !culprits.has(index) ? event : marked(event)))
    if (await passes(trial)) return
    if (to - from === 1) {
      culprits.add(from)
      return
    }
    const middle = (from + to) >>> 1
    await search(from, middle)
    await search(middle, to)
  }
  await search(0, events.length)
  return events.map((event, index) => (culprits.has(index) ? marked(event) : event))
}

function marked(event: LoggedEvent): LoggedEvent {
  if ('reason' in event.body) return event
  return { ...event, body: { reason: 'internal_error' } }
}
