/** What the oracle knows of an event. */
export interface OracleEvent {
  readonly key: string
  readonly messageId: string
  readonly kind: 'cart' | 'order'
  readonly time: number
  readonly receivedAt: number
  readonly isHistory: boolean
  readonly product: string
}

export interface ExpectedWebhook {
  readonly profileId: string
  readonly products: readonly string[]
  readonly lastAt: number
}

interface Settled {
  readonly key: string
  readonly through: number
}

const staleMs = 86_400_000

/**
 * Carts by brute force: lists of events and of what settled them, searched anew for each question. It shares no code with
 * the product and keeps no row; who a person is it asks the identity tier, which has an oracle of its own.
 */
export class CartOracle {
  readonly #delayMs: number
  readonly #profileOf: (key: string) => string
  /** In the timeline. */
  readonly #decided: OracleEvent[] = []
  /** Cart events that wait, and the instant their identifier is looked at. */
  #waiting: OracleEvent[] = []
  readonly #wakeAt = new Map<string, number>()
  readonly #settled: Settled[] = []
  readonly #carried = new Set<string>()

  constructor(delayMs: number, profileOf: (key: string) => string) {
    this.#delayMs = delayMs
    this.#profileOf = profileOf
  }

  decided(event: OracleEvent): void {
    this.#decided.push(event)
  }

  /** A run of events in one transaction; an order settles what the run brings as well. */
  fed(events: readonly OracleEvent[]): void {
    for (const event of events) if (event.kind === 'cart') this.#cart(event)
    for (const event of events) {
      if (event.kind !== 'order') continue
      for (const key of this.#carried) if (this.#profileOf(key) === this.#profileOf(event.key)) this.#settle(key, event.time)
    }
  }

  isDue(now: number): boolean {
    return [...this.#wakeAt.values()].some((at) => at <= now)
  }

  /** Webhooks that are due by now. */
  judged(now: number): readonly ExpectedWebhook[] {
    const sent: ExpectedWebhook[] = []
    for (;;) {
      const key = [...this.#wakeAt].find(([, at]) => at <= now)?.[0]
      if (key === undefined) return sent
      const webhook = this.#judge(this.#profileOf(key), now)
      if (webhook !== null) sent.push(webhook)
    }
  }

  #cart(event: OracleEvent): void {
    if (event.isHistory || event.time < event.receivedAt - staleMs) return
    if (this.#settled.some(({ key, through }) => key === event.key && through >= event.time)) return
    const latest = Math.max(...this.#waiting.filter(({ key }) => key === event.key).map(({ time }) => time))
    this.#carried.add(event.key)
    this.#waiting.push(event)
    if (event.time > latest || !this.#wakeAt.has(event.key)) this.#wakeAt.set(event.key, event.time + this.#delayMs)
    else if (event.time === latest && this.#waiting.every((other) => other.key !== event.key || other.messageId <= event.messageId)) this.#wakeAt.set(event.key, event.time + this.#delayMs)
  }

  #judge(profileId: string, now: number): ExpectedWebhook | null {
    const own = (key: string): boolean => this.#profileOf(key) === profileId
    const after = Math.max(...this.#settled.filter(({ key }) => own(key)).map(({ through }) => through),
      ...this.#decided.filter((event) => event.kind === 'order' && own(event.key)).map(({ time }) => time))
    const open = this.#waiting.filter((event) => own(event.key) && event.time > after)
    if (open.length === 0) {
      for (const key of [...this.#carried].filter(own)) this.#settle(key, after)
      return null
    }
    const lastAt = Math.max(...open.map(({ time }) => time))
    if (lastAt + this.#delayMs > now) {
      for (const event of this.#waiting) if (own(event.key)) this.#wakeAt.set(event.key, lastAt + this.#delayMs)
      return null
    }
    const products = this.#decided
      .filter((event) => event.kind === 'cart' && own(event.key) && event.time > after && event.time <= lastAt).map(({ product }) => product)
    for (const key of new Set(open.map((event) => event.key))) this.#settle(key, lastAt)
    // What an order of somebody else settled stays as it is; its own turn comes.
    return { profileId, products: [...new Set(products)].toSorted(), lastAt }
  }

  #settle(key: string, through: number): void {
    this.#settled.push({ key, through })
    this.#waiting = this.#waiting.filter((event) => event.key !== key || event.time > through)
    if (!this.#waiting.some((event) => event.key === key)) this.#wakeAt.delete(key)
  }
}
