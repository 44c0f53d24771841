import { type EventType, judgeEvent, limits, type Properties, uuidV7 } from '@millrace/schemas'
import { type BrowserPage, currentPage } from './browser-page.ts'
import { KeptIds } from './kept-ids.ts'
import { Sender, type Stats } from './sender.ts'

export interface MillraceOptions {
  /** Of the workspace; it may be public. */
  readonly writeKey: string
  /** Where the collector is, such as `https://events.example.com`. */
  readonly host: string
  /** `/v1/batch` unless told; the collector's neutral alias is `/e`. */
  readonly path?: string
  /** Events that are sent without waiting for more; 20 unless told. */
  readonly flushAt?: number
  /** Milliseconds the first event waits for others; 1,500 unless told. */
  readonly flushInterval?: number
  /** Record nobody who asks for privacy (Global Privacy Control, Do Not Track); true unless told. */
  readonly respectPrivacySignals?: boolean
}

/** Why a call was refused; nothing was queued. `disabled` is the answer outside a browser. */
export type RefusalReason = 'invalid' | 'too_large' | 'opted_out' | 'disabled'

export type CallResult =
  | { readonly ok: true; readonly messageId: string }
  | { readonly ok: false; readonly reason: RefusalReason }

export interface CallOptions {
  /** When it happened; now unless told. */
  readonly timestamp?: Date | string
  /** The same id is stored once; a fresh one unless told. */
  readonly messageId?: string
  readonly context?: Properties
}

/** The page and the sources of time and chance, for tests. */
export interface Surroundings {
  readonly page: BrowserPage | null
  readonly now: () => number
  readonly random: () => number
}

const anonymousIdName = 'millrace_anonymous_id'
const userIdName = 'millrace_user_id'
/** The collector adds its own fields to an event before it measures it. */
const eventBytesMax = limits.eventBytesMax - 512

/** A client for one page. Calls answer at once and never throw; events are sent in batches, and again until they arrive. */
export class BrowserMillrace {
  readonly #surroundings: Surroundings
  readonly #ids: KeptIds | null
  readonly #sender: Sender | null
  readonly #optedOut: boolean

  constructor(options: MillraceOptions, surroundings: Surroundings) {
    const { page, now, random } = surroundings
    this.#surroundings = surroundings
    this.#optedOut = page?.asksForPrivacy === true && options.respectPrivacySignals !== false
    this.#ids = page === null ? null : new KeptIds(page)
    this.#sender = page === null ? null : new Sender(page, {
      url: options.host.replace(/\/$/, '') + (options.path ?? '/v1/batch'),
      writeKey: options.writeKey, flushAt: options.flushAt ?? 20, flushIntervalMs: options.flushInterval ?? 1_500,
      contextJson: JSON.stringify({ library: { name: '@millrace/browser', version: '0.1.0' }, locale: page.language }),
      now, random,
    })
  }

  /** The person on this browser is this customer, from now on. */
  identify(userId?: string | null, traits?: Properties, options?: CallOptions): CallResult {
    if (!this.#optedOut && typeof userId === 'string' && userId !== '') this.#ids?.set(userIdName, userId)
    return this.#call('identify', { traits }, options)
  }

  track(event: string, properties?: Properties, options?: CallOptions): CallResult {
    return this.#call('track', { event, properties }, options)
  }

  /** `page('Cart')`, or `page('Checkout', 'Payment')` with a category first. */
  page(categoryOrName?: string, name?: string, properties?: Properties): CallResult {
    const [category, ownName] = name === undefined ? [undefined, categoryOrName] : [categoryOrName, name]
    return this.#call('page', { category, name: ownName, properties: { ...this.#pageFields(), ...properties } })
  }

  group(groupId: string, traits?: Properties, options?: CallOptions): CallResult {
    return this.#call('group', { groupId, traits }, options)
  }

  alias(userId: string, previousId?: string, options?: CallOptions): CallResult {
    return this.#call('alias', { userId, previousId: previousId ?? this.#anonymousId() }, options)
  }

  /** Forgets both ids: the next call is somebody else's. */
  reset(): void {
    this.#ids?.set(anonymousIdName, '')
    this.#ids?.set(userIdName, '')
  }

  /** Resolves when everything was delivered or given up. */
  flush(): Promise<void> {
    return this.#sender?.flush() ?? Promise.resolve()
  }

  stats(): Stats {
    return this.#sender?.stats ?? { accepted: 0, delivered: 0, dropped: { queue_full: 0, expired: 0, rejected: 0 }, queued: 0 }
  }

  #call(type: EventType, fields: Properties, options: CallOptions = {}): CallResult {
    const sender = this.#sender
    if (sender === null) return { ok: false, reason: 'disabled' }
    if (this.#optedOut) return { ok: false, reason: 'opted_out' }
    if (judgeEvent(type, fields['event']) !== null) return { ok: false, reason: 'invalid' }
    try {
      const calledAt = this.#surroundings.now()
      const messageId = options.messageId ?? uuidV7(calledAt)
      const json = JSON.stringify({
        anonymousId: this.#anonymousId(), userId: this.#ids?.get(userIdName) ?? undefined, ...fields, type, messageId,
        timestamp: new Date(options.timestamp ?? calledAt).toISOString(),
        context: { page: this.#pageFields(), ...options.context },
      })
      const bytes = new TextEncoder().encode(json).length
      if (bytes > eventBytesMax) return { ok: false, reason: 'too_large' }
      sender.add({ json, bytes, calledAt })
      return { ok: true, messageId }
    } catch {
      // A circle, a BigInt, a getter that throws, a time that is none.
      return { ok: false, reason: 'invalid' }
    }
  }

  #anonymousId(): string | undefined {
    if (this.#ids === null || this.#optedOut) return undefined
    const known = this.#ids.get(anonymousIdName)
    if (known !== null) return known
    const fresh = uuidV7(this.#surroundings.now())
    this.#ids.set(anonymousIdName, fresh)
    return fresh
  }

  #pageFields(): Properties {
    const { page } = this.#surroundings
    if (page === null) return {}
    return { url: page.url, path: new URL(page.url).pathname, title: page.title || undefined, referrer: page.referrer || undefined }
  }
}

/** A client for this page; on a server one that takes nothing and says so. */
export function createMillrace(options: MillraceOptions, surroundings: Partial<Surroundings> = {}): BrowserMillrace {
  return new BrowserMillrace(options, { page: currentPage(), now: Date.now, random: Math.random, ...surroundings })
}
