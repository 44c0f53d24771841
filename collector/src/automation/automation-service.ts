import { messageOf } from '../platform/errors.ts'
import type { AutomationMetrics } from './automation-metrics.ts'
import { CartJudge, type JudgeDependencies } from './cart-judge.ts'
import { webhookPoster } from './post-webhook.ts'
import type { TakenEvents } from './take-events.ts'
import { WebhookSender } from './webhook-sender.ts'

export interface AutomationDependencies extends Omit<JudgeDependencies, 'sent' | 'metrics'> {
  readonly metrics: AutomationMetrics
  readonly random: () => number
}

export interface AutomationBounds {
  /** Webhooks may go to private addresses, and by http. */
  readonly webhookAllowPrivate: boolean
  /** False where nobody else can hold leases: those of before this start are then void. */
  readonly shared: boolean
}

const webhookTimeoutMs = 10_000
const pruneEveryMs = 60_000
/** How long sent and parked webhooks stay visible, and settled carts remembered. */
const keptMs = 30 * 86_400_000
const prunedRowsMax = 1_000

/** The judging and the sending of one process. Timers are set where batches are taken, see pump/automation-feed.ts. */
export class AutomationService {
  readonly #dependencies: AutomationDependencies
  readonly #bounds: AutomationBounds
  readonly #judge: CartJudge
  readonly #sender: WebhookSender
  readonly #closePoster: () => void
  readonly #stop = new AbortController()
  #pruning: Promise<void> = Promise.resolve()

  constructor(dependencies: AutomationDependencies, bounds: AutomationBounds) {
    this.#dependencies = dependencies
    this.#bounds = bounds
    const poster = webhookPoster({ allowPrivate: bounds.webhookAllowPrivate, timeoutMs: webhookTimeoutMs, clock: dependencies.clock })
    this.#closePoster = () => poster.close()
    this.#sender = new WebhookSender({ ...dependencies, poster })
    this.#judge = new CartJudge({ ...dependencies, sent: () => this.#sender.wake() })
  }

  async start(): Promise<void> {
    if (!this.#bounds.shared) await this.#dependencies.store.releaseLeases(null)
    this.#judge.start()
    this.#sender.start()
    this.#pruning = this.#prune()
  }

  /** A batch was taken. */
  taken(events: TakenEvents): void {
    this.#dependencies.metrics.taken(events)
    if (events.started > 0) this.#judge.wake()
  }

  /** A setting changed, or deliveries wait again. */
  wake(): void {
    this.#judge.wake()
    this.#sender.wake()
  }

  async stop(): Promise<void> {
    const { store, owner, logger } = this.#dependencies
    this.#stop.abort()
    await Promise.all([this.#judge.stop(), this.#sender.stop(), this.#pruning])
    this.#closePoster()
    await store.releaseLeases(owner).catch((error: unknown) => logger.warn('leases run out by themselves', { error: messageOf(error) }))
  }

  async #prune(): Promise<void> {
    const { store, clock, logger } = this.#dependencies
    while (!this.#stop.signal.aborted) {
      await clock.sleep(pruneEveryMs, this.#stop.signal)
      if (this.#stop.signal.aborted) return
      await store.pruneAutomation(clock.now() - keptMs, prunedRowsMax).catch((error: unknown) => logger.warn('old webhooks stay', { error: messageOf(error) }))
    }
  }
}
