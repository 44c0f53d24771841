import type { AliasCall, EventType, GroupCall, IdentifyCall, PageCall, ScreenCall, TrackCall } from '@millrace/schemas'
import { Delivery, type DropReason, type Outcome } from './delivery.ts'
import { encodeEvent, type EncodedEvent, type OutcomeCallback, type RefusalReason } from './encode-event.ts'
import { EventQueue } from './event-queue.ts'
import { type MillraceOptions, readOptions } from './options.ts'
import { Transport } from './transport.ts'
import { version } from './version.ts'

/** The answer to every call, at once. `ok` says that the event is queued; the hooks say what became of it. */
export type CallResult =
  | { readonly ok: true; readonly messageId: string }
  | { readonly ok: false; readonly reason: RefusalReason; readonly message: string }

/** accepted = delivered + duplicate + quarantined + all dropped + queuedEvents + inFlight, at any moment. */
export interface Stats {
  readonly accepted: number
  readonly delivered: number
  readonly duplicate: number
  readonly quarantined: number
  readonly dropped: Readonly<Record<DropReason, number>>
  readonly queuedEvents: number
  readonly queuedBytes: number
  readonly inFlight: number
}

export interface CloseResult {
  /** Events that were accepted and not delivered when the time was up. */
  readonly left: number
}

interface Flush {
  /** Events accepted before it that have no outcome yet. */
  remaining: number
  readonly before: number
  readonly resolve: () => void
}

/** Bodies stay below the collector's 512 KiB whatever the envelope adds. */
const batchBytesMax = 450_000
const exitFlushMs = 2_000

/**
 * A client for servers. Calls return at once and never throw; events are sent in batches in the background and go
 * again, with the same ids, until the collector has them. Fails with TypeError for options out of their bounds.
 */
export class Millrace {
  readonly #options: MillraceOptions
  readonly #queue: EventQueue
  readonly #transport: Transport
  readonly #delivery: Delivery
  readonly #dropped: Record<DropReason, number> = { expired: 0, rejected: 0, unauthorized: 0, too_large: 0 }
  readonly #order = new WeakMap<EncodedEvent, number>()
  #counts = { accepted: 0, delivered: 0, duplicate: 0, quarantined: 0 }
  #flushes: Flush[] = []
  #waiting: (() => void)[] = []
  #closing: Promise<CloseResult> | null = null
  #closed = false
  readonly #beforeExit = (): void => void this.#flushWithin(exitFlushMs)

  constructor(options: MillraceOptions) {
    const settings = readOptions(options)
    this.#options = options
    this.#queue = new EventQueue({ eventsMax: settings.queueEventsMax, bytesMax: settings.queueBytesMax })
    this.#transport = new Transport({
      url: settings.url, writeKey: options.writeKey, connections: settings.connections, timeoutMs: settings.httpRequestTimeout, gzip: settings.gzip,
    })
    this.#delivery = new Delivery({
      queue: this.#queue, transport: this.#transport, now: Date.now, random: Math.random,
      contextJson: JSON.stringify({ library: { name: '@millrace/node', version } }),
      finished: (event, outcome) => this.#finish(event, outcome),
    }, {
      batchEventsMax: settings.flushAt, batchBytesMax, batchDelayMs: settings.flushInterval,
      connections: settings.connections, ageMsMax: settings.ageMsMax,
    })
    process.on('beforeExit', this.#beforeExit)
  }

  /** Somebody did something. */
  track(call: TrackCall, callback?: OutcomeCallback): CallResult {
    return this.#accept('track', call, callback)
  }

  /** Somebody is known by these traits. */
  identify(call: IdentifyCall, callback?: OutcomeCallback): CallResult {
    return this.#accept('identify', call, callback)
  }

  /** Somebody looked at a page. */
  page(call: PageCall, callback?: OutcomeCallback): CallResult {
    return this.#accept('page', call, callback)
  }

  /** Somebody looked at a screen of an app. */
  screen(call: ScreenCall, callback?: OutcomeCallback): CallResult {
    return this.#accept('screen', call, callback)
  }

  /** Somebody belongs to a group, such as a company. */
  group(call: GroupCall, callback?: OutcomeCallback): CallResult {
    return this.#accept('group', call, callback)
  }

  /** Two ids are one person. */
  alias(call: AliasCall, callback?: OutcomeCallback): CallResult {
    return this.#accept('alias', call, callback)
  }

  /** Resolves when half of the queue is free, or the client is closed: what a loop over many events waits for. */
  ready(): Promise<void> {
    if (this.#queue.hasRoom || this.#closed) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Resolves when every event accepted before it has an outcome, or the client is closed and will find none. */
  flush(): Promise<void> {
    const remaining = this.#queue.length + this.#delivery.inFlightEvents
    if (remaining === 0 || this.#closed) return Promise.resolve()
    return new Promise((resolve) => {
      this.#flushes.push({ remaining, before: this.#counts.accepted, resolve })
      this.#delivery.hurry(true)
    })
  }

  /** Takes no more events, delivers what it has within the time, ends its connections. Answers what was left. */
  close({ timeoutMs = 10_000 }: { readonly timeoutMs?: number } = {}): Promise<CloseResult> {
    this.#closing ??= this.#close(timeoutMs)
    return this.#closing
  }

  /** Segment's name of {@link close}. */
  closeAndFlush({ timeout = 10_000 }: { readonly timeout?: number } = {}): Promise<CloseResult> {
    return this.close({ timeoutMs: timeout })
  }

  stats(): Stats {
    return {
      ...this.#counts, dropped: { ...this.#dropped }, queuedEvents: this.#queue.length, queuedBytes: this.#queue.bytes,
      inFlight: this.#delivery.inFlightEvents,
    }
  }

  #accept(type: EventType, call: unknown, callback: OutcomeCallback | undefined): CallResult {
    if (this.#options.disable === true) return { ok: false, reason: 'disabled', message: 'the client is disabled' }
    if (this.#closing !== null) return { ok: false, reason: 'closed', message: 'the client is closed' }
    const event = encodeEvent({ type, call, inherited: {}, now: Date.now(), callback })
    if ('reason' in event) return { ok: false, ...event }
    if (!this.#queue.add(event)) return { ok: false, reason: 'queue_full', message: 'too many events wait; `await client.ready()` paces a loop' }
    this.#counts.accepted += 1
    if (this.#flushes.length > 0) this.#order.set(event, this.#counts.accepted)
    this.#delivery.poke()
    return { ok: true, messageId: event.messageId }
  }

  #finish(event: EncodedEvent, outcome: Outcome): void {
    if (outcome.kind === 'dropped') this.#dropped[outcome.reason] += 1
    else this.#counts[outcome.kind] += 1
    this.#tell(event, outcome)
    this.#settleFlushes(event)
    if (this.#waiting.length > 0 && this.#queue.hasRoom) {
      for (const resolve of this.#waiting.splice(0)) resolve()
    }
  }

  /** The host's functions may throw; that is no reason to lose count of events. */
  #tell(event: EncodedEvent, outcome: Outcome): void {
    const { onDelivered, onDropped } = this.#options
    const { messageId } = event
    try {
      if (outcome.kind === 'delivered' || outcome.kind === 'duplicate') onDelivered?.(messageId)
      else if (outcome.kind === 'quarantined') onDropped?.({ messageId, reason: 'quarantined', detail: outcome.reason })
      else onDropped?.({ messageId, reason: outcome.reason, ...(outcome.status === undefined ? {} : { status: outcome.status }) })
      event.callback?.(outcome.kind === 'delivered' || outcome.kind === 'duplicate' ? undefined : new Error(`the event was ${outcome.kind}: ${outcome.reason}`))
    } catch (error) {
      process.emitWarning(`a hook of @millrace/node threw: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  #settleFlushes(event: EncodedEvent): void {
    if (this.#flushes.length === 0) return
    // An event without a number was accepted before any flush that is still open.
    const number = this.#order.get(event) ?? 0
    for (const flush of this.#flushes) if (number <= flush.before) flush.remaining -= 1
    const done = this.#flushes.filter(({ remaining }) => remaining <= 0)
    if (done.length === 0) return
    this.#flushes = this.#flushes.filter(({ remaining }) => remaining > 0)
    for (const { resolve } of done) resolve()
    if (this.#flushes.length === 0 && this.#closing === null) this.#delivery.hurry(false)
  }

  async #close(timeoutMs: number): Promise<CloseResult> {
    process.off('beforeExit', this.#beforeExit)
    await this.#flushWithin(timeoutMs)
    this.#delivery.stop()
    this.#transport.close()
    this.#closed = true
    // Nobody may wait for ever for what is not sent any more.
    for (const resolve of this.#waiting.splice(0)) resolve()
    for (const { resolve } of this.#flushes.splice(0)) resolve()
    return { left: this.#queue.length + this.#delivery.inFlightEvents }
  }

  /** Holds the process open while it runs: this is the moment for it. */
  async #flushWithin(timeoutMs: number): Promise<void> {
    if (this.#queue.length + this.#delivery.inFlightEvents === 0) return
    let timer: NodeJS.Timeout | undefined
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs)
    })
    await Promise.race([this.flush(), timeout])
    clearTimeout(timer)
  }
}
