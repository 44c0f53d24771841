import type { Clock } from '../platform/clock.ts'
import { messageOf } from '../platform/errors.ts'
import { failStep } from '../platform/fail-point.ts'
import type { Logger } from '../platform/logger.ts'
import { Signal } from '../platform/signal.ts'
import type { AutomationStore, CartRow } from '../ports/automation-store.ts'
import type { LogReader } from '../ports/log.ts'
import type { IdentityView } from '../query/identity-view.ts'
import type { AutomationMetrics } from './automation-metrics.ts'
import { logPassed } from './log-passed.ts'
import { type CartOutcome, settleCart } from './settle-cart.ts'

export interface JudgeDependencies {
  readonly store: AutomationStore
  readonly log: Pick<LogReader, 'heads'>
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: AutomationMetrics
  readonly identity: IdentityView
  /** Of the leases; fresh at each start. */
  readonly owner: string
  /** A webhook is in the outbox. */
  readonly sent: () => void
}

/** Carts judged in one transaction, which stays well under a second. */
const cartsPerTurn = 100
const leaseMs = 15_000
/** How long a timer that another process set waits to be seen. */
const pollMsMax = 250
/** How long one turn waits for the log to be decided; then it asks anew. */
const patienceMs = 5_000
/** A cart that cannot be judged is tried again, and holds up no other. */
const retryMs = 60_000

/** Judges carts as they come due. */
export class CartJudge {
  readonly #dependencies: JudgeDependencies
  readonly #wake: Signal
  readonly #stop = new AbortController()
  #running: Promise<void> = Promise.resolve()

  constructor(dependencies: JudgeDependencies) {
    this.#dependencies = dependencies
    this.#wake = new Signal(dependencies.clock)
  }

  start(): void {
    this.#running = this.#run()
  }

  /** A timer was set. */
  wake(): void {
    this.#wake.wake()
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    this.#wake.wake()
    await this.#running
  }

  async #run(): Promise<void> {
    const { clock, logger } = this.#dependencies
    while (!this.#stop.signal.aborted) {
      try {
        const waitMs = await this.turn(this.#stop.signal)
        if (waitMs > 0) await this.#wake.wait(waitMs)
      } catch (error) {
        logger.warn('due carts cannot be judged', { error: messageOf(error) })
        await clock.sleep(1_000, this.#stop.signal)
      }
    }
  }

  /** Judges carts that are due, if any. Answers milliseconds until the next can be; 0 if there may be more now. */
  async turn(stop: AbortSignal): Promise<number> {
    const { store, clock, metrics, owner } = this.#dependencies
    const now = clock.now()
    const next = await store.nextCartDue(now)
    if (next === null || next > now) return next === null ? pollMsMax : Math.min(pollMsMax, next - now)
    if (!(await logPassed(this.#dependencies, patienceMs, stop))) {
      metrics.held()
      return 1
    }
    const carts = await store.leaseCarts({ owner, now, until: clock.now() + leaseMs, limit: cartsPerTurn })
    if (carts.length > 0) await this.#settle(carts, now)
    return 0
  }

  async #settle(carts: readonly CartRow[], now: number): Promise<void> {
    const { store, metrics, logger, sent } = this.#dependencies
    const outcomes = await this.#together(carts, now).catch(async (error: unknown) => {
      logger.warn('due carts are judged one by one', { error: messageOf(error) })
      const single: (CartOutcome | 'failed')[] = []
      for (const cart of carts) {
        single.push(...await this.#together([cart], now).catch(async (failure: unknown): Promise<readonly ['failed']> => {
          logger.error('a cart cannot be judged', { workspace: cart.workspace, identifierKey: cart.identifierKey, error: messageOf(failure) })
          await store.transact((transaction) => transaction.putCarts([{ ...cart, dueAt: now + retryMs }]))
          return ['failed']
        }))
      }
      return single
    })
    for (const outcome of outcomes) metrics.judged(outcome)
    if (outcomes.includes('sent')) sent()
  }

  #together(carts: readonly CartRow[], now: number): Promise<readonly CartOutcome[]> {
    const { store, identity } = this.#dependencies
    return failStep('automation.judge', () => store.transact(async (transaction) => {
      const outcomes: CartOutcome[] = []
      for (const cart of carts) outcomes.push(await settleCart(transaction, cart, { now, identity }))
      return outcomes
    }))
  }
}
