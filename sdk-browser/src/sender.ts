import type { BrowserPage, PostAnswer } from './browser-page.ts'
import { type WaitingEvent, WaitingEvents } from './waiting-events.ts'

/** Why an accepted event was given up. */
export type DropReason = 'queue_full' | 'expired' | 'rejected'

/** accepted = delivered + all dropped + queued, at any moment. */
export interface Stats {
  readonly accepted: number
  /** The collector has it, or the browser took it to send after the page ended. */
  readonly delivered: number
  readonly dropped: Readonly<Record<DropReason, number>>
  /** Waiting or under way. */
  readonly queued: number
}

export interface SenderSettings {
  readonly url: string
  readonly writeKey: string
  /** Events that are sent without waiting for more. */
  readonly flushAt: number
  /** Milliseconds the first event waits for others. */
  readonly flushIntervalMs: number
  readonly contextJson: string
  readonly now: () => number
  readonly random: () => number
}

/** Browsers allow 65,536 bytes to outlive a page, over all requests together. */
const bodyBytesMax = 60_000
const batchEventsMax = 500
const ageMsMax = 3_600_000
const firstDelayMs = 1_000
const delayMsMax = 300_000

/** Sends what waits, one request at a time; after a failure later and later, with full jitter. */
export class Sender {
  readonly #page: BrowserPage
  readonly #settings: SenderSettings
  readonly #waiting = new WaitingEvents()
  readonly #dropped: Record<DropReason, number> = { queue_full: 0, expired: 0, rejected: 0 }
  #accepted = 0
  #delivered = 0
  #underWay = 0
  #bytesUnderWay = 0
  #failures = 0
  #retryAt = 0
  #batchEvents = batchEventsMax
  #timer: ReturnType<typeof setTimeout> | null = null
  #timerAt = 0
  #flushed: (() => void)[] = []

  constructor(page: BrowserPage, settings: SenderSettings) {
    this.#page = page
    this.#settings = settings
    page.onHide(() => this.#sendLast())
  }

  get stats(): Stats {
    return {
      accepted: this.#accepted, delivered: this.#delivered, dropped: { ...this.#dropped },
      queued: this.#waiting.length + this.#underWay,
    }
  }

  add(event: WaitingEvent): void {
    this.#accepted += 1
    this.#dropped.queue_full += this.#waiting.add(event)
    this.#plan(this.#waiting.length >= this.#settings.flushAt ? 0 : this.#settings.flushIntervalMs)
  }

  /** Resolves when nothing waits and nothing is under way; that takes as long as an outage does. */
  flush(): Promise<void> {
    if (this.stats.queued === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#flushed.push(resolve)
      this.#plan(0)
    })
  }

  #plan(delayMs: number): void {
    const now = this.#settings.now()
    const at = Math.max(now + delayMs, this.#retryAt)
    if (this.#underWay > 0 || (this.#timer !== null && this.#timerAt <= at)) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timerAt = at
    this.#timer = setTimeout(() => {
      this.#timer = null
      void this.#sendNext()
    }, at - now)
  }

  async #sendNext(): Promise<void> {
    if (this.#underWay > 0) return
    this.#dropped.expired += this.#waiting.expire(this.#settings.now() - ageMsMax)
    const events = this.#take()
    if (events.length > 0) {
      const body = this.#body(events)
      this.#underWay = events.length
      this.#bytesUnderWay = new TextEncoder().encode(body).length
      const answer = await this.#page.post(this.#settings.url, body).catch(() => null)
      this.#underWay = 0
      this.#bytesUnderWay = 0
      this.#settle(events, answer)
    }
    if (this.#waiting.length > 0) this.#plan(0)
    else for (const resolve of this.#flushed.splice(0)) resolve()
  }

  /** The page may end now: what still fits goes as a beacon, whose answer nobody sees. */
  #sendLast(): void {
    const events = this.#take()
    if (events.length === 0) return
    if (this.#page.beacon(this.#settings.url, this.#body(events))) this.#delivered += events.length
    else {
      this.#dropped.queue_full += this.#waiting.putBack(events)
      this.#plan(0)
    }
  }

  #take(): readonly WaitingEvent[] {
    const envelope = this.#body([]).length * 3
    return this.#waiting.take({ events: this.#batchEvents, bytes: bodyBytesMax - envelope - this.#bytesUnderWay })
  }

  #body(events: readonly WaitingEvent[]): string {
    const { writeKey, contextJson, now } = this.#settings
    const head = `"sentAt":"${new Date(now()).toISOString()}","writeKey":${JSON.stringify(writeKey)},"context":${contextJson}`
    return `{${head},"wantResults":true,"batch":[${events.map(({ json }) => json).join(',')}]}`
  }

  #settle(events: readonly WaitingEvent[], answer: PostAnswer | null): void {
    if (answer === null || answer.status === 408 || answer.status === 429 || answer.status >= 500) {
      this.#later(events, answer)
    } else if (answer.status === 413 && events.length > 1) {
      this.#batchEvents = Math.ceil(events.length / 2)
      this.#dropped.queue_full += this.#waiting.putBack(events)
    } else if (answer.status !== 200) {
      this.#dropped.rejected += events.length
    } else {
      const results = readResults(answer.body)
      // Some other program answered in the collector's place, as the sign-in page of a café does.
      if (results.length !== events.length) return this.#later(events, null)
      this.#failures = 0
      this.#batchEvents = Math.min(batchEventsMax, this.#batchEvents * 2)
      const again = events.filter((_, index) => Reflect.get(Object(results[index]), 'result') === 'retry')
      this.#delivered += events.length - again.length
      if (again.length > 0) this.#later(again, answer)
    }
  }

  #later(events: readonly WaitingEvent[], answer: PostAnswer | null): void {
    this.#dropped.queue_full += this.#waiting.putBack(events)
    const backoffMs = this.#settings.random() * Math.min(delayMsMax, firstDelayMs * 2 ** this.#failures)
    this.#failures += 1
    const now = this.#settings.now()
    this.#retryAt = now + Math.max(backoffMs, retryAfterMs(answer?.retryAfter ?? null, now))
  }
}

function retryAfterMs(header: string | null, now: number): number {
  if (header === null) return 0
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - now
  return Number.isFinite(ms) ? Math.min(delayMsMax, Math.max(0, ms)) : 0
}

function readResults(body: string): readonly unknown[] {
  try {
    const results: unknown = Reflect.get(Object(JSON.parse(body)), 'results')
    return Array.isArray(results) ? results : []
  } catch {
    return []
  }
}
