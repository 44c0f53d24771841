import type { Clock } from '../platform/clock.ts'
import { hasCode, MillraceError } from '../platform/errors.ts'
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

/** Ends a transaction whose batch is committed already. */
class AlreadyDecided extends Error {}

/**
 * Decides one batch whatever it takes: while the store is away, full or damaged it is tried again in place with back-off (never
 * skipped, never reordered); when the outcome of a commit is unknown the partition row says whether it happened; an error
 * that comes back and is none of the store's is a poison event's, found by bisection in trial transactions and quarantined as
 * `internal_error` in one transaction with its neighbours.
 *
 * Answers null if the batch turned out to be committed already, or on abort. Fails with `epoch_lost`.
 */
export async function decideCarefully(
  fence: Fence, records: readonly LogRecord[], { oltp, clock, context, failed, signal, events }: CarefulDependencies & { events: readonly LoggedEvent[] },
): Promise<DecidedBatch | null> {
  const end = records.at(-1)?.position ?? ''
  let current = events
  let suspicious = 0
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    try {
      return await oltp.decide(fence, (transaction) => {
        // A commit whose answer was lost may have taken effect after the row was looked at, while this one waited for its lock.
        if ((transaction.partition.position ?? '') >= end) throw new AlreadyDecided()
        return decideBatch(transaction, { records, events: current }, context)
      })
    } catch (error) {
      if (error instanceof AlreadyDecided) return null
      failed(error)
      if (hasCode(error, 'epoch_lost')) throw error
      if ((await positionOf(oltp, fence)) >= end) return null
      suspicious = mayBeOfTheEvents(error) ? suspicious + 1 : 0
    }
    if (suspicious >= 2) {
      suspicious = 0
      current = await withoutPoison(current, (trial) => tryDecide(fence, records, { oltp, context, events: trial })).catch((error: unknown) => {
        failed(error)
        return current
      })
    }
    await clock.sleep(Math.min(5_000, 20 * 2 ** Math.min(attempt, 8)), signal)
  }
  return null
}

/** A store that is away, full or damaged fails for any events, and says so: no event may pay for that. */
function mayBeOfTheEvents(error: unknown): boolean {
  return !(error instanceof MillraceError) || (!error.retryable && error.code === 'internal')
}

async function positionOf(oltp: CarefulDependencies['oltp'], fence: Fence): Promise<string> {
  try {
    return (await oltp.partition(fence.partition)).position ?? ''
  } catch {
    // The store cannot be asked now; the retry will meet the same store and ask again.
    return ''
  }
}

/** Whether a batch of these events would commit. Fails where the store cannot say. */
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
    if (error instanceof TrialOver) return true
    if (!mayBeOfTheEvents(error)) throw error
    return false
  }
}

/**
 * The events with the culprits marked: a half that fails with the other half marked holds a culprit. Costs about
 * 2 log2(n) trials a culprit. Where no single event fails but all together do, all are marked: the batch is parked, and
 * its partition goes on. Where even that fails the fault is not the events', and they are kept as they are.
 */
async function withoutPoison(
  events: readonly LoggedEvent[], passes: (trial: readonly LoggedEvent[]) => Promise<boolean>,
): Promise<readonly LoggedEvent[]> {
  const parked = events.map(marked)
  if (!(await passes(parked)) || await passes(events)) return events
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
  const rest = events.map((event, index) => (culprits.has(index) ? marked(event) : event))
  return culprits.size > 0 && await passes(rest) ? rest : parked
}

function marked(event: LoggedEvent): LoggedEvent {
  if ('reason' in event.body) return event
  return { ...event, body: { reason: 'internal_error' } }
}
