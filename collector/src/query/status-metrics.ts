import { Gauge, type Registry } from 'prom-client'
import type { Clock } from '../platform/clock.ts'
import type { Status } from './status.ts'

export interface StatusMetricsSources {
  readonly status: () => Promise<Status>
  readonly clock: Clock
}

/** Whoever scrapes wants the rest of the page even while a store does not answer. */
const answerMs = 5_000

/**
 * Exports the reconciliation of the tiers, read anew for each scrape. While it cannot be read within five seconds the
 * series with labels are left out and the others are NaN, which no comparison holds for.
 */
export function exportStatus(registry: Registry, { status, clock }: StatusMetricsSources): void {
  const registers = [registry]
  let reading: Promise<Status | null> | null = null
  // The gauges of one scrape share one reading.
  const read = (): Promise<Status | null> => reading ??= within(status, clock).finally(() => {
    reading = null
  })
  new Gauge({
    name: 'millrace_lag_events', help: 'events a step is behind, over all partitions', labelNames: ['step'], registers,
    async collect() {
      const current = await read()
      this.reset()
      for (const step of ['decide', 'archive', 'load'] as const) {
        if (current !== null) this.set({ step }, current.partitions.reduce((sum, { lag }) => sum + lag[step], 0))
      }
    },
  })
  new Gauge({
    name: 'millrace_reconciled_events', help: 'events by where the reconciliation counts them', labelNames: ['count'], registers,
    async collect() {
      const current = await read()
      this.reset()
      if (current === null) return
      const { dropped, ...totals } = current.totals
      for (const [count, events] of Object.entries({ ...totals, ...dropped })) this.set({ count }, events)
    },
  })
  new Gauge({
    name: 'millrace_tiers_agree', help: '0 where the reconciliation does not add up', registers,
    async collect() {
      this.set(Number((await read())?.agree ?? Number.NaN))
    },
  })
  new Gauge({
    name: 'millrace_spool_bytes', help: 'bytes of events that wait here for the broker', registers,
    async collect() {
      this.set((await read())?.spool.bytes ?? Number.NaN)
    },
  })
}

async function within(status: () => Promise<Status>, clock: Clock): Promise<Status | null> {
  const answered = new AbortController()
  try {
    return await Promise.race([status(), clock.sleep(answerMs, answered.signal).then(() => null)])
  } catch {
    return null
  } finally {
    answered.abort()
  }
}
