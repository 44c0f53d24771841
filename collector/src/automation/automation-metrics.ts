import { Counter, Histogram, type Registry } from 'prom-client'
import type { AttemptResult } from './delivery-policy.ts'
import type { CartOutcome } from './settle-cart.ts'
import type { TakenEvents } from './take-events.ts'

/** What automations export; no label grows with workspaces, carts or receivers. */
export class AutomationMetrics {
  readonly #timers: Counter<'change'>
  readonly #carts: Counter<'outcome'>
  readonly #held: Counter
  readonly #attempts: Counter<'result'>
  readonly #lateness: Histogram
  readonly #seconds: Histogram

  constructor(registry: Registry) {
    const registers = [registry]
    this.#timers = new Counter({ name: 'millrace_cart_timers_total', help: 'cart timers started or refreshed, and cancelled by an order', labelNames: ['change'], registers })
    this.#carts = new Counter({ name: 'millrace_carts_judged_total', help: 'due carts by what became of them', labelNames: ['outcome'], registers })
    this.#held = new Counter({ name: 'millrace_carts_held_total', help: 'times due carts waited for the log to be decided', registers })
    this.#attempts = new Counter({ name: 'millrace_webhook_attempts_total', help: 'tries to send a webhook', labelNames: ['result'], registers })
    const buckets = [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300]
    this.#lateness = new Histogram({ name: 'millrace_webhook_lateness_seconds', help: "from a cart's due instant to its webhook's first try", buckets, registers })
    this.#seconds = new Histogram({ name: 'millrace_webhook_attempt_seconds', help: 'time of one try', buckets, registers })
  }

  taken({ started, cancelled }: TakenEvents): void {
    this.#timers.inc({ change: 'started' }, started)
    this.#timers.inc({ change: 'cancelled' }, cancelled)
  }

  judged(outcome: CartOutcome | 'failed'): void {
    this.#carts.inc({ outcome })
  }

  held(): void {
    this.#held.inc()
  }

  tried({ status, error, durationMs }: AttemptResult, firstTryLateMs: number | null): void {
    this.#attempts.inc({ result: error ?? `${Math.floor((status ?? 0) / 100)}xx` })
    this.#seconds.observe(durationMs / 1_000)
    if (firstTryLateMs !== null) this.#lateness.observe(Math.max(0, firstTryLateMs) / 1_000)
  }
}
