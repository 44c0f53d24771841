import type { Clock } from '../platform/clock.ts'
import type { AutomationStore } from '../ports/automation-store.ts'
import type { LogReader } from '../ports/log.ts'

export interface LogPassedDependencies {
  readonly store: Pick<AutomationStore, 'progress'>
  readonly log: Pick<LogReader, 'heads'>
  readonly clock: Clock
}

const pollMs = 10

/**
 * Resolves with true once everything that the log held at the call has been decided, in every partition, and seen by
 * automations; with false if that takes longer than `patienceMs`. Whoever was due before the call is then judged by
 * every event that was accepted before. Two things cannot be known here: events in the spool of an edge that cannot
 * reach the broker, and events that a device has not sent. Fails if the log cannot be asked: a broker that is away may
 * hold an order, so nothing is sent meanwhile.
 */
export async function logPassed({ store, log, clock }: LogPassedDependencies, patienceMs: number, stop: AbortSignal): Promise<boolean> {
  const heads = (await log.heads()).filter(({ position }) => position !== null)
  const goals = new Map<number, number>()
  const deadline = clock.elapsed() + patienceMs
  for (;;) {
    const progress = new Map((await store.progress()).map((row) => [row.partition, row]))
    const missing = heads.filter(({ partition, position }) => {
      const row = progress.get(partition)
      if (row === undefined || row.position === null || position === null || row.position < position) return true
      // The batch that was the last one when the head was decided holds it, or a batch before does.
      if (!goals.has(partition)) goals.set(partition, row.batch)
      return row.consumedBatch < (goals.get(partition) ?? 0)
    })
    if (missing.length === 0) return true
    if (stop.aborted || clock.elapsed() >= deadline) return false
    await clock.sleep(pollMs, stop)
  }
}
