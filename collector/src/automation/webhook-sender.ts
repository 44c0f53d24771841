import type { Clock } from '../platform/clock.ts'
import { messageOf } from '../platform/errors.ts'
import type { Logger } from '../platform/logger.ts'
import { Signal } from '../platform/signal.ts'
import type { AttemptOutcome, AutomationStore, DeliveryRow, EndpointRef } from '../ports/automation-store.ts'
import type { AutomationMetrics } from './automation-metrics.ts'
import type { WebhookTarget } from './cart-settings.ts'
import { afterAttempt, parked, type ParkReason } from './delivery-policy.ts'
import { OutcomeWriter } from './outcome-writer.ts'
import type { WebhookPoster } from './post-webhook.ts'
import { liveSettings, type LiveSettings } from './read-settings.ts'
import { secretKeyOf, webhookSignature } from './webhook-signature.ts'
import { failStep } from '../platform/fail-point.ts'

export interface SenderDependencies {
  readonly store: AutomationStore
  readonly poster: WebhookPoster
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: AutomationMetrics
  readonly random: () => number
  /** Of the leases; fresh at each start. */
  readonly owner: string
}

/** Tries under way at one receiver; of one that fails, so that many failing ones still leave room. */
const endpointTriesMax = 16
const failingTriesMax = 2
/** Tries under way in this process. */
const triesMax = 512
const endpointsMax = 10_000
const parkedPerRoundMax = 200
/** Longer than a try takes; what a dead process held is then taken by another. */
const leaseMs = 30_000
/** How long a delivery that another process made waits to be seen. */
const pollMsMax = 500
/** Tries end one by one; their slots are filled together. */
const gatherMs = 5

/**
 * Empties the outbox: at least once, each try under the same webhook id. Receivers have slots of their own, so one that
 * never answers holds up its own messages and nobody else's.
 */
export class WebhookSender {
  readonly #dependencies: SenderDependencies
  readonly #outcomes: OutcomeWriter
  readonly #wake: Signal
  readonly #stop = new AbortController()
  readonly #busy = new Map<string, number>()
  readonly #tries = new Set<Promise<void>>()
  #running: Promise<void> = Promise.resolve()

  constructor(dependencies: SenderDependencies) {
    this.#dependencies = dependencies
    this.#wake = new Signal(dependencies.clock)
    const { store, clock, logger } = dependencies
    this.#outcomes = new OutcomeWriter({ store, clock, report: (error) => logger.warn('webhook outcomes wait to be stored', { error: messageOf(error) }) })
  }

  start(): void {
    this.#running = this.#run()
  }

  /** There may be something in the outbox. */
  wake(): void {
    this.#wake.wake()
  }

  /** Starts no further try and waits for those under way, which end within their time limit. */
  async stop(): Promise<void> {
    this.#stop.abort()
    this.#wake.wake()
    await this.#running
    await Promise.all(this.#tries)
    await this.#outcomes.close()
  }

  async #run(): Promise<void> {
    const { clock, logger } = this.#dependencies
    while (!this.#stop.signal.aborted) {
      try {
        await this.#wake.wait(await this.#round())
        await clock.sleep(gatherMs, this.#stop.signal)
      } catch (error) {
        logger.warn('the outbox cannot be read', { error: messageOf(error) })
        await clock.sleep(1_000, this.#stop.signal)
      }
    }
  }

  /** Fills free slots. Answers how long nothing new can be due, unless somebody wakes it. */
  async #round(): Promise<number> {
    const { store, clock } = this.#dependencies
    const now = clock.now()
    const endpoints = await store.dueEndpoints(now, endpointsMax)
    if (endpoints.length > 0) {
      const live = new Map((await store.automations()).map((row) => [keyOf(row), liveSettings(row)]))
      for (const ref of endpoints) await this.#serve(ref, live.get(keyOf(ref)))
    }
    const next = await store.nextDeliveryDue(now)
    return next === null || next <= now ? pollMsMax : Math.min(pollMsMax, next - now)
  }

  async #serve(ref: EndpointRef, live: LiveSettings | undefined): Promise<void> {
    const { store, clock, owner } = this.#dependencies
    const endpoint = await store.endpoint(ref)
    const webhook = live?.settings.enabled === true ? live.settings.webhook : null
    const reason: ParkReason | null = webhook === null ? 'automation_disabled' : endpoint?.disabledAt != null ? 'endpoint_disabled' : null
    const slots = endpoint?.failingSince == null ? endpointTriesMax : failingTriesMax
    // Parking asks nobody and needs no slot.
    const limit = reason === null ? Math.min(slots - (this.#busy.get(keyOf(ref)) ?? 0), triesMax - this.#tries.size) : parkedPerRoundMax
    if (limit <= 0) return
    const now = clock.now()
    const leased = await failStep('webhook.lease', () => store.leaseDeliveries(ref, { owner, now, until: now + leaseMs, limit }))
    if (webhook === null || reason !== null) {
      await Promise.all(leased.map((delivery) => this.#park(delivery, reason ?? 'automation_disabled')))
      return
    }
    for (const delivery of leased) this.#track(ref, this.#try(delivery, webhook))
  }

  #track(ref: EndpointRef, work: Promise<void>): void {
    const key = keyOf(ref)
    this.#busy.set(key, (this.#busy.get(key) ?? 0) + 1)
    const tracked = work.catch((error: unknown) => {
      // The lease runs out and the delivery is tried again.
      this.#dependencies.logger.error('a webhook could not be tried', { error: messageOf(error) })
    }).finally(() => {
      const left = (this.#busy.get(key) ?? 1) - 1
      if (left === 0) this.#busy.delete(key)
      else this.#busy.set(key, left)
      this.#tries.delete(tracked)
      this.#wake.wake()
    })
    this.#tries.add(tracked)
  }

  async #park(delivery: DeliveryRow, reason: ParkReason): Promise<void> {
    await this.#outcomes.write({ owner: this.#dependencies.owner, delivery: parked(delivery, reason), attempt: null, endpoint: null })
  }

  async #try(delivery: DeliveryRow, webhook: WebhookTarget): Promise<void> {
    const { store, poster, clock, metrics, random, owner } = this.#dependencies
    const { workspace, automation, webhookId, body } = delivery
    const startedAt = clock.now()
    const timestamp = Math.floor(startedAt / 1_000)
    const result = await failStep('webhook.post', () => poster.post({
      url: webhook.url, body,
      headers: {
        'content-type': 'application/json', 'user-agent': 'Millrace-Webhooks/1', 'webhook-id': webhookId, 'webhook-timestamp': String(timestamp),
        'webhook-signature': webhookSignature({ id: webhookId, timestamp, body }, keysOf(webhook, startedAt)),
      },
    }))
    metrics.tried(result, delivery.attempts === 0 ? startedAt - delivery.dueAt : null)
    // Read again: neighbours have ended meanwhile.
    const endpoint = await store.endpoint({ workspace, automation })
    const after = afterAttempt(delivery, result, { endpoint, random: random() })
    const { at, durationMs, status, error } = result
    const outcome: AttemptOutcome = {
      owner, ...after, attempt: { workspace, webhookId, attempt: after.delivery.attempts, at, durationMs, status, error },
    }
    await this.#outcomes.write(outcome)
  }
}

function keysOf({ secret, previous }: WebhookTarget, now: number): readonly Uint8Array[] {
  const secrets = previous !== null && previous.until > now ? [secret, previous.secret] : [secret]
  return secrets.flatMap((text) => secretKeyOf(text) ?? [])
}

function keyOf({ workspace, automation }: EndpointRef): string {
  return `${workspace}/${automation}`
}
