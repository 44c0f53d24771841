import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { MillraceError } from '../platform/errors.ts'
import type { LoadRefusal } from '../ports/load-outcome.ts'
import type { BatchRow } from '../ports/oltp.ts'

/** What the pump exports; no label grows with the number of workspaces or metrics. */
export class PumpMetrics {
  readonly #events: Counter<'result'>
  readonly #seconds: Histogram
  readonly #component: Histogram
  readonly #retries: Counter<'cause'>
  readonly #failures: Counter<'step' | 'cause'>
  readonly #batch: Gauge<'partition'>
  readonly #clockJumps: Counter
  readonly #refusedRows: Counter
  readonly #report: (message: string) => void

  constructor(registry: Registry, report: (message: string) => void) {
    const registers = [registry]
    this.#events = new Counter({ name: 'millrace_decided_events_total', help: 'events decided', labelNames: ['result'], registers })
    this.#seconds = new Histogram({ name: 'millrace_pump_decide_seconds', help: 'time of one decide transaction', registers })
    this.#component = new Histogram({
      name: 'millrace_identity_component_identifiers', help: 'identifiers of a component of people that was solved again from all its evidence',
      buckets: [10, 100, 1_000, 10_000, 100_000], registers,
    })
    this.#retries = new Counter({ name: 'millrace_pump_decide_retries_total', help: 'decide tries that failed', labelNames: ['cause'], registers })
    this.#failures = new Counter({ name: 'millrace_pump_step_failures_total', help: 'archive, load and automation steps that failed', labelNames: ['step', 'cause'], registers })
    this.#batch = new Gauge({ name: 'millrace_pump_batch', help: 'number of the last batch decided', labelNames: ['partition'], registers })
    this.#clockJumps = new Counter({ name: 'millrace_clock_jumps_total', help: 'times that the clock of the machine was set by a minute or more', registers })
    this.#refusedRows = new Counter({ name: 'millrace_load_refused_rows_total', help: 'rows that the OLAP refused and loads went around', registers })
    this.#report = report
  }

  decided({ row, solvedIdentifiers }: { readonly row: BatchRow; readonly solvedIdentifiers: readonly number[] }, ms: number): void {
    this.#events.inc({ result: 'stored' }, row.stored)
    this.#events.inc({ result: 'duplicate' }, row.duplicate)
    this.#events.inc({ result: 'quarantined' }, row.quarantined)
    this.#seconds.observe(ms / 1_000)
    this.#batch.set({ partition: row.partition }, row.batch)
    for (const identifiers of solvedIdentifiers) this.#component.observe(identifiers)
  }

  rowsRefused({ partition, load, rows, reason }: LoadRefusal): void {
    this.#refusedRows.inc(rows.length)
    this.#report(`load ${load} of partition ${partition} went without ${rows.length} rows that the OLAP refuses: ${reason}`)
  }

  clockJumped(): void {
    this.#clockJumps.inc()
  }

  decideRetried(error: unknown): void {
    this.#retries.inc({ cause: causeOf(error) })
    this.#report(`decide failed, trying again: ${String(error)}`)
  }

  stepFailed(step: 'archive' | 'load' | 'automation', error: unknown): void {
    this.#failures.inc({ step, cause: causeOf(error) })
    this.#report(`${step} failed, trying again: ${String(error)}`)
  }
}

/** Whoever hears of what the pump does. */
export type PumpReports = Pick<PumpMetrics, keyof PumpMetrics>

function causeOf(error: unknown): string {
  return error instanceof MillraceError ? error.code : 'internal'
}
