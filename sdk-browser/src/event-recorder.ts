import { type EventQueue, eventQueue, queueEventsMax } from './event-queue.ts'
import { bytesOf, type EventSender, eventSender } from './event-sender.ts'
import { type Frame, pageFieldsOf, type Shelf } from './frame.ts'
import { freshId } from './fresh-id.ts'
import { type Identity, keptIdentity } from './identity.ts'
import type { CallOptions, CallResult, ConsentState, Millrace, MillraceOptions, RefusalReason } from './millrace.ts'
import { type SendingTimes, sendingTimes } from './sending-times.ts'
import { keptVisit, type Visit } from './visit.ts'

/** The collector adds its own fields to an event before it measures it against its 32 KiB. */
const eventBytesMax = 32_000
const nameCharactersMax = 200
const invalid: CallResult = { ok: false, reason: 'invalid' }
const version = '0.1.0'

interface CallFields {
  readonly properties?: object | undefined
  readonly traits?: object | undefined
  readonly [name: string]: unknown
}

interface Parts {
  readonly identity: Identity
  readonly visit: Visit
  readonly queue: EventQueue
  readonly times: SendingTimes
  readonly sender: EventSender
}

export interface EventRecorder extends Parts, Pick<Millrace, 'consent' | 'setContext' | 'stats'> {
  /** Whether anything may be read, kept or sent. */
  isGranted(): boolean
  call(type: string, fields: CallFields, options?: CallOptions | null): CallResult
  /** Sends before long; at once if there are enough fresh events. */
  plan(freshEvents?: number): void
  /** Gives up what waits for consent. */
  dropPending(): void
}

/** Turns calls into events, as far as the person has agreed: with the ids, the session and the page of their moment. */
export function eventRecorder(options: MillraceOptions, frame: Frame, refusal: RefusalReason | undefined): EventRecorder {
  const parts = partsOf(options, frame)
  const { identity, visit, queue, times } = parts
  const { flushAt = 20, flushInterval = 1_000 } = options
  /** Events that wait for consent; each is finished with the ids there are when it comes. */
  const pending: (() => string)[] = []
  let state: ConsentState = 'pending'
  let context: object = {}
  let accepted = 0
  const isGranted = (): boolean => !refusal && state === 'granted'
  const recorder: EventRecorder = {
    ...parts,
    isGranted,
    plan: (fresh = 0) => times.plan(fresh < flushAt ? flushInterval : 0),
    dropPending: () => queue.discard('consent', pending.splice(0).length),
    stats: () => ({
      accepted, delivered: parts.sender.confirmed, dropped: { ...queue.dropped }, queued: isGranted() ? queue.depth() : pending.length,
    }),
    setContext: (fields) => void (context = { ...context, ...fields }),
    consent: (wanted, categories) => {
      state = wanted
      if (categories) recorder.setContext({ consent: categories })
      if (isGranted()) {
        const { userId } = identity
        identity.recall()
        // A person named while consent was pending counts.
        identity.userId = userId || identity.userId
        identity.anonymousId ||= freshId()
        // With every page, so that the cookie lasts from the last visit on.
        identity.retain()
        for (const finish of pending.splice(0)) queue.enqueue(finish())
        recorder.plan()
      } else if (wanted === 'denied' || refusal === 'opted_out') {
        recorder.dropPending()
        queue.persist()
        queue.remove(() => true, 'consent')
        times.succeeded()
        identity.forget()
        visit.forget()
      }
    },
    call: (type, fields, callOptions) => {
      const now = Date.now()
      const { messageId = freshId(now), timestamp = now, context: own } = callOptions ?? {}
      if (refusal || state === 'denied') return { ok: false, reason: refusal ?? 'consent' }
      try {
        if (Object.values(fields.properties ?? fields.traits ?? {}).some(isNode) || (type === 'track' && !isName(fields.event))) return invalid
        const event = {
          userId: identity.userId || undefined, ...fields, type, messageId, timestamp: new Date(timestamp).toISOString(),
          context: { ...context, page: pageFieldsOf(frame), ...own },
        }
        const finish = (told: typeof event): string =>
          JSON.stringify({ anonymousId: identity.anonymousId, ...told, context: { ...visit.fields(now), ...told.context } })
        const json = isGranted() ? finish(event) : JSON.stringify(event)
        // A character has three bytes at most.
        if (json.length > eventBytesMax / 3 && bytesOf(json) > eventBytesMax) return { ok: false, reason: 'too_large' }
        accepted++
        if (isGranted()) recorder.plan(queue.enqueue(json))
        else if (pending.push(() => finish(JSON.parse(json))) > queueEventsMax) queue.discard('queue_full', pending.splice(0, 1).length)
        return { ok: true, messageId }
      } catch {
        // A circle, a BigInt, a getter that throws, a time that is none.
        return invalid
      }
    },
  }
  return recorder
}

/** As a collector takes it. */
function isName(event: unknown): unknown {
  return typeof event === 'string' && event.trim() && event.length <= nameCharactersMax
}

/** An element of the page is never meant, and may hold half of the page. */
function isNode(value?: { readonly nodeType?: number } | null): boolean {
  return typeof value?.nodeType === 'number'
}

function partsOf(options: MillraceOptions, frame: Frame): Parts {
  const { writeKey, cookieless } = options
  const shelves = shelvesOf(frame, cookieless)
  const [shelf = {}] = shelves
  const queue = eventQueue(shelves, `millrace:${writeKey}:`, options.onDropped)
  const times = sendingTimes(shelf, `millrace.${writeKey}`, () => void sender.drain())
  const context = { library: { name: '@millrace/browser', version }, locale: frame.navigator.language, bot: isBot(frame) }
  const sender = eventSender(frame, { ...options, context }, { queue, times })
  return { identity: keptIdentity(frame, shelf, !cookieless), visit: keptVisit(frame, shelf), queue, times, sender }
}

/** In the order they are tried: those that the browser does not forbid, and memory. */
function shelvesOf(frame: Frame, cookieless = false): readonly Shelf[] {
  const shelves: Shelf[] = [{}]
  for (const name of ['sessionStorage', 'localStorage'] as const) {
    try {
      const kept = frame[name]
      if (kept && !cookieless) shelves.unshift(kept)
    } catch {
      // Forbidden.
    }
  }
  return shelves
}

/** Obvious automation. */
export function isBot({ navigator }: Frame): boolean | undefined {
  return navigator.webdriver || /bot|crawl|spider|headless/i.test(navigator.userAgent ?? '') || undefined
}
