import { AsyncLocalStorage } from 'node:async_hooks'
import type { AliasCall, EventType, GroupCall, IdentifyCall, PageCall, ScreenCall } from '@millrace/schemas'
import { type Clock, systemClock } from './clock.ts'
import { CollectorHealth } from './collector-health.ts'
import { Delivery, type SettledEvent } from './delivery.ts'
import { encodeEvent, type OutcomeCallback, type QueuedEvent } from './encode-event.ts'
import { EventMemory } from './event-memory.ts'
import { EventQueue } from './event-queue.ts'
import { flushAtExit, forgetAtExit } from './exit-flush.ts'
import { callHost, tellHost } from './host-calls.ts'
import { OpenFlushes } from './open-flushes.ts'
import { type MillraceOptions, readOptions, type Settings } from './options.ts'
import type { Refusal, RefusalReason } from './outcomes.ts'
import type { RequestContext } from './request-context.ts'
import { Spool } from './spool/spool.ts'
import type { SpoolPlace } from './spool/spool-segment.ts'
import { type Stats, Tally } from './tally.ts'
import { Transport } from './transport.ts'
import type { AnyEvents, TrackCallOf } from './typed-calls.ts'
import { version } from './version.ts'

/** The answer to every call, at once. `ok` says that the event is queued; the hooks say what became of it. */
export type CallResult =
  | { readonly ok: true; readonly messageId: string }
  | { readonly ok: false; readonly reason: RefusalReason; readonly message: string }

export interface CloseResult {
  /**
   * Accepted events without an outcome when the time was up: with a queue directory they wait there for the next client,
   * without one they are given up as `closed`.
   */
  readonly left: number
}

/** The outside world of a client, for tests. */
export interface Surroundings {
  readonly clock: Clock
  readonly random: () => number
}

/** Bodies stay below the collector's 512 KiB whatever the envelope adds. */
const batchBytesMax = 450_000

/**
 * A client for servers. Calls return at once and never throw; events are sent in batches in the background and go
 * again, with the same ids, until the collector has them. Fails with TypeError for options out of their bounds, and with
 * Error if the queue directory cannot be used. `Events` names the events and their properties.
 */
export class Millrace<Events extends object = AnyEvents> {
  readonly #options: MillraceOptions
  readonly #settings: Settings
  readonly #surroundings: Surroundings
  readonly #queue: EventQueue
  readonly #health: CollectorHealth
  readonly #transport: Transport
  readonly #delivery: Delivery
  readonly #spool: Spool | null
  readonly #recovery: Promise<void>
  readonly #tally = new Tally()
  readonly #flushes = new OpenFlushes()
  readonly #inherited = new AsyncLocalStorage<RequestContext>()
  readonly #exitFlush = (): Promise<void> => this.#flushWithin(this.#settings.exitTimeoutMs)
  readonly #memory = new EventMemory()
  #number = 0
  #waiting: (() => void)[] = []
  #idle: Promise<void> | null = null
  #closing: Promise<CloseResult> | null = null
  #closed = false

  constructor(options: MillraceOptions, surroundings: Surroundings = { clock: systemClock, random: Math.random }) {
    const settings = readOptions(options)
    const { clock, random } = surroundings
    this.#options = options
    this.#settings = settings
    this.#surroundings = surroundings
    this.#spool = settings.queueDir === null || options.disable === true ? null : Spool.open(settings.queueDir, { bytesMax: settings.queueDirBytesMax, clock })
    this.#queue = new EventQueue({ eventsMax: settings.queueEventsMax, bytesMax: settings.queueBytesMax })
    this.#health = new CollectorHealth({
      connections: settings.connections, batchEventsMax: settings.flushAt, requestTimeoutMs: settings.httpRequestTimeout,
    }, random)
    this.#transport = new Transport({ url: settings.url, writeKey: options.writeKey, connections: settings.connections, gzip: settings.gzip })
    this.#delivery = new Delivery({
      queue: this.#queue, memory: this.#memory, health: this.#health, transport: this.#transport, clock,
      contextJson: JSON.stringify({ library: { name: '@millrace/node', version } }),
      finished: (settled) => this.#finish(settled),
      taken: () => this.#tellRoom(),
    }, { batchBytesMax, batchDelayMs: settings.flushInterval, ageMsMax: settings.ageMsMax })
    this.#recovery = this.#spool === null ? Promise.resolve() : this.#recover(this.#spool)
  }

  /** Somebody did something. */
  track(call: TrackCallOf<Events>, callback?: OutcomeCallback): CallResult {
    return this.send('track', call, callback)
  }

  /** Somebody is known by these traits. */
  identify(call: IdentifyCall, callback?: OutcomeCallback): CallResult {
    return this.send('identify', call, callback)
  }

  /** Somebody looked at a page. */
  page(call: PageCall, callback?: OutcomeCallback): CallResult {
    return this.send('page', call, callback)
  }

  /** Somebody looked at a screen of an app. */
  screen(call: ScreenCall, callback?: OutcomeCallback): CallResult {
    return this.send('screen', call, callback)
  }

  /** Somebody belongs to a group, such as a company. */
  group(call: GroupCall, callback?: OutcomeCallback): CallResult {
    return this.send('group', call, callback)
  }

  /** Two ids are one person. */
  alias(call: AliasCall, callback?: OutcomeCallback): CallResult {
    return this.send('alias', call, callback)
  }

  /** Any call by its type, for wrappers; what the types of the others promise is checked here at run time. */
  send(type: EventType, call: object, callback?: OutcomeCallback): CallResult {
    const result = this.#accept(type, call, typeof callback === 'function' ? callback : undefined)
    if (!result.ok) {
      this.#tally.refuse(result.reason)
      // Not now: a callback that runs before its call returns is a trap.
      if (typeof callback === 'function') queueMicrotask(() => callHost(() => callback(new Error(`the ${type} call was refused: ${result.message}`))))
    }
    return result
  }

  /**
   * Calls made by `run`, and by what it starts, inherit identity and context; what a call says itself wins. Inside another
   * such call this context takes the place of the outer one, so `runWithContext({}, run)` inherits nothing.
   */
  runWithContext<Answer>(context: RequestContext, run: () => Answer): Answer {
    return this.#inherited.run(context, run)
  }

  /** Resolves when half of the queue is free, or the client is closed: what a loop over many events waits for. */
  ready(): Promise<void> {
    if (this.#queue.hasRoom || this.#closed) return Promise.resolve()
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
    })
  }

  /**
   * Sends without waiting for batches to fill. Resolves when every event accepted before the call has its outcome, or the
   * client is closed; how long that may take is bounded by `ageMsMax`.
   */
  async flush(): Promise<void> {
    this.#delivery.hurry(true)
    if (this.#spool !== null) await this.#recovery
    if (!this.#closed) await this.#flushes.add(this.#unsettled, this.#number)
    if (!this.#flushes.any && this.#closing === null) this.#delivery.hurry(false)
  }

  /** Takes no more events, delivers what it has within the time, ends its connections. Never rejects. */
  close({ timeoutMs = 10_000 }: { readonly timeoutMs?: number } = {}): Promise<CloseResult> {
    this.#closing ??= this.#close(timeoutMs)
    return this.#closing
  }

  /** Segment's name of {@link close}. */
  closeAndFlush({ timeout = 10_000 }: { readonly timeout?: number } = {}): Promise<CloseResult> {
    return this.close({ timeoutMs: timeout })
  }

  stats(): Stats {
    return this.#tally.read({
      queuedEvents: this.#queue.held, queuedBytes: this.#queue.bytes, inFlight: this.#delivery.inFlightEvents,
      failedRequests: this.#delivery.failedRequests, lastFailure: this.#delivery.lastFailure,
    })
  }

  get #unsettled(): number {
    return this.#queue.held + this.#delivery.inFlightEvents
  }

  #accept(type: EventType, call: unknown, callback: OutcomeCallback | undefined): CallResult {
    if (this.#options.disable === true) return { ok: false, reason: 'disabled', message: 'the client is disabled' }
    if (this.#closing !== null) return { ok: false, reason: 'closed', message: 'the client is closed' }
    const event = encodeEvent({
      type, call, inherited: this.#inherited.getStore(), number: this.#number + 1, clock: this.#surroundings.clock, memory: this.#memory, callback,
    })
    if ('reason' in event) return { ok: false, ...event }
    const refusal = this.#hold(event)
    if (refusal !== null) {
      this.#memory.release(event.json)
      return { ok: false, ...refusal }
    }
    this.#number = event.number
    this.#tally.accept()
    const wasIdle = this.#unsettled === 0
    this.#queue.add(event)
    if (wasIdle) this.#busy()
    this.#delivery.poke()
    return { ok: true, messageId: event.messageId }
  }

  /** Whether there is room; with a queue directory the event is in it then. */
  #hold(event: QueuedEvent): Refusal | null {
    if (!this.#queue.takes(event.bytes)) return { reason: 'queue_full', message: 'too many events wait; `await client.ready()` paces a loop' }
    if (this.#spool === null) return null
    if (!this.#spool.takes(event.bytes)) return { reason: 'queue_full', message: 'the queue directory is at its bound' }
    try {
      event.place = this.#spool.append(event)
      return null
    } catch (error) {
      return { reason: 'spool_failed', message: `the queue directory cannot be written: ${error instanceof Error ? error.message : String(error)}` }
    }
  }

  /** There is something to deliver, for the first time or again. */
  #busy(): void {
    flushAtExit(this.#exitFlush)
    const { waitUntil } = this.#options
    if (waitUntil === undefined || this.#idle !== null) return
    this.#idle = this.#untilIdle()
    const idle = this.#idle
    callHost(() => waitUntil(idle))
  }

  async #untilIdle(): Promise<void> {
    while (this.#unsettled > 0 && !this.#closed) await this.#flushes.add(this.#unsettled, this.#number)
    this.#idle = null
  }

  #finish(settled: readonly SettledEvent[]): void {
    const places: SpoolPlace[] = []
    for (const { event, outcome } of settled) {
      this.#tally.finish(outcome)
      this.#memory.release(event.json)
      if (event.place !== undefined) places.push(event.place)
    }
    if (places.length > 0) this.#forget(places)
    for (const { event, outcome } of settled) {
      tellHost(this.#options, event, outcome)
      this.#flushes.settled(event.number)
    }
    if (this.#unsettled === 0) forgetAtExit(this.#exitFlush)
    this.#tellRoom()
  }

  /** Without its mark an event is sent again after a crash, with the same id: nothing to fail for. */
  #forget(places: readonly SpoolPlace[]): void {
    callHost(() => this.#spool?.settle(places))
  }

  #tellRoom(): void {
    if (this.#waiting.length === 0 || !this.#queue.hasRoom) return
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /** Takes up what an earlier client left, as far as there is room. */
  async #recover(spool: Spool): Promise<void> {
    for (;;) {
      await this.ready()
      if (this.#closed) return
      const left = await spool.nextLeft().catch((error: unknown) => {
        process.emitWarning(`a file of the queue directory cannot be read: ${String(error)}`)
        return { events: [], damagedBytes: 0, segment: null }
      })
      if (left === null || this.#closed) return
      if (left.damagedBytes > 0) process.emitWarning(`${left.damagedBytes} bytes at the end of a file of the queue directory cannot be read`)
      const { segment } = left
      if (segment === null || left.events.length === 0) continue
      const wasIdle = this.#unsettled === 0
      const { clock } = this.#surroundings
      for (const { index, ...event } of left.events) {
        this.#number += 1
        this.#queue.add({
          ...event, number: this.#number, bytes: event.json.end - event.json.start, callback: undefined, retries: 0, place: { segment, index },
          acceptedTicks: clock.ticks() - Math.max(0, clock.now() - event.acceptedAt),
        })
      }
      this.#tally.recover(left.events.length)
      if (wasIdle) this.#busy()
      this.#delivery.poke()
    }
  }

  async #close(timeoutMs: number): Promise<CloseResult> {
    forgetAtExit(this.#exitFlush)
    this.#health.hurry()
    await this.#flushWithin(timeoutMs)
    this.#delivery.stop()
    this.#transport.close()
    this.#closed = true
    const left = this.#unsettled
    if (this.#spool === null) this.#finish(this.#queue.takeAll().map((event) => ({ event, outcome: { kind: 'dropped', reason: 'closed' } })))
    else this.#spool.close()
    // Nobody may wait for ever for what is not sent any more.
    for (const resolve of this.#waiting.splice(0)) resolve()
    this.#flushes.giveUp()
    return { left }
  }

  /** Holds the process open while it runs: this is the moment for it. */
  async #flushWithin(timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs)
    })
    await Promise.race([this.flush(), timeout])
    clearTimeout(timer)
  }
}
