import { type EventQueue, eventQueue } from './event-queue.ts'
import { bytesOf, type EventSender, eventSender } from './event-sender.ts'
import { type Frame, pageFieldsOf, type Shelf } from './frame.ts'
import { freshId, randomPart } from './fresh-id.ts'
import { type Identity, keptIdentity } from './identity.ts'
import type { CallOptions, CallResult, ConsentState, Millrace, MillraceOptions, RefusalReason } from './millrace.ts'
import { type SendingTimes, sendingTimes } from './sending-times.ts'
import { keptVisit, type Visit } from './visit.ts'

/** The collector adds its own fields to an event before it measures it against its 32 KiB. */
const eventBytesMax = 32_000
/** In memory, on either side of consent. */
const freshEventsMax = 1_000
const nameCharactersMax = 200
const invalid: CallResult = { ok: false, reason: 'invalid' }
const version = '0.1.0'

interface CallFields {
  readonly type: string
  readonly context?: object
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

export interface EventRecorder extends Parts {
  /** Methods of the client as they are. */
  readonly methods: Pick<Millrace, 'consent' | 'setContext' | 'stats' | 'flush'>
  /** Whether anything may be read, kept or sent. */
  isGranted(): boolean
  call(fields: CallFields, options?: CallOptions | null): CallResult
  /** Sends before long; at once if there are enough fresh events. */
  plan(freshEvents?: number): void
  /** Gives up what waits for consent. */
  dropPending(): unknown
}

/** Turns calls into events, as far as the person has agreed: with the ids, the session and the page of their moment. */
export function eventRecorder(options: MillraceOptions, frame: Frame, refusal: RefusalReason | undefined): EventRecorder {
  const isGranted = (): boolean => !refusal && state === 'granted'
  const parts = partsOf(options, frame, () => void methods.flush())
  const { identity, visit, queue, times, sender } = parts
  const { fresh } = queue
  const { flushAt = 20, flushInterval = 1_000 } = options
  let state: ConsentState = 'pending'
  let context: object | undefined
  let accepted = 0
  const random = randomPart()
  const methods: EventRecorder['methods'] = {
    stats: () => ({
      accepted, delivered: sender.confirmed, dropped: { ...queue.dropped }, queued: fresh.length + (isGranted() ? queue.waiting().length : 0),
    }),
    flush: async () => isGranted() ? sender.drain() : undefined,
    setContext: (fields) => void (context = { ...context, ...fields }),
    consent: (wanted, categories) => {
      state = wanted
      if (categories) methods.setContext({ consent: categories })
      if (isGranted()) {
        greet(identity)
        // What waited for it, before a later call tells how the person came.
        queue.persist()
        recorder.plan()
      } else if (wanted === 'denied' || refusal === 'opted_out') forgetAll(recorder)
    },
  }
  const recorder: EventRecorder = {
    ...parts,
    methods,
    isGranted,
    plan: (waiting = 0) => times.plan(waiting < flushAt ? flushInterval : 0),
    dropPending: () => isGranted() || queue.discard('consent', fresh.splice(0).length),
    call: (fields, callOptions) => {
      const now = Date.now()
      const { messageId = freshId(now, random), timestamp, context: own } = callOptions ?? {}
      if (refusal || state === 'denied') return { ok: false, reason: refusal ?? 'consent' }
      try {
        const at = timestamp ? +new Date(timestamp) : now
        if (isNaN(at) || hasNode(Object(fields.properties ?? fields.traits)) || ('event' in fields && !isName(fields.event))) return invalid
        const { anonymousId, userId } = identity
        const page = pageFieldsOf(frame)
        const session = isGranted() && visit.fields(now)
        // What the page may change after the call is written down in it, and all else when nobody waits.
        const json = JSON.stringify(own || context ? { ...fields, context: { ...context, ...own } } : fields)
        const finish = (): string => {
          const told: typeof fields = JSON.parse(json)
          return JSON.stringify({
            anonymousId: anonymousId || identity.anonymousId, userId: userId || undefined, ...told, messageId, timestamp: new Date(at),
            context: { ...(session || visit.fields(now)), page, ...told.context },
          })
        }
        // A character has three bytes at most, and there are a few hundred beside those.
        if (json.length > eventBytesMax / 4 && bytesOf(finish()) > eventBytesMax) return { ok: false, reason: 'too_large' }
        accepted++
        const waiting = fresh.push(finish)
        if (session) {
          if (waiting > freshEventsMax) queue.persist()
          recorder.plan(waiting)
        } else if (waiting > freshEventsMax) queue.discard('queue_full', fresh.splice(0, 1).length)
        return { ok: true, messageId }
      } catch {
        // A circle, a BigInt, a getter that throws.
        return invalid
      }
    },
  }
  return recorder
}

/** The person of this browser, from now on. */
function greet(identity: Identity): void {
  const { userId } = identity
  identity.recall()
  // A person named while consent was pending counts.
  if (userId) identity.userId = userId
  identity.anonymousId ||= freshId()
  // With every page, so that the cookie lasts from the last visit on.
  identity.retain()
}

/** As if nobody had ever been here. */
function forgetAll({ times, identity, visit, queue, dropPending }: EventRecorder): void {
  dropPending()
  queue.remove(() => true, 'consent')
  times.succeeded()
  identity.forget()
  visit.forget()
}

/** As a collector takes it. */
function isName(event: unknown): unknown {
  return typeof event === 'string' && event.trim() && event.length <= nameCharactersMax
}

/** An element of the page is never meant, and may hold half of the page. */
function hasNode(fields: Readonly<Record<string, { readonly nodeType?: number } | null>>): true | undefined {
  for (const name in fields) if ((fields[name]?.nodeType ?? 0) > 0) return true
  return
}

function partsOf(options: MillraceOptions, frame: Frame, drain: () => void): Parts {
  const { writeKey, cookieless } = options
  const shelves = shelvesOf(frame, cookieless)
  const [shelf = {}] = shelves
  const queue = eventQueue(shelves, `millrace:${writeKey}:`, options.onDropped)
  const times = sendingTimes(shelf, `millrace.${writeKey}`, drain)
  const context = { library: { name: '@millrace/browser', version }, locale: frame.navigator.language, bot: isBot(frame) }
  const sender = eventSender(frame, { ...options, context }, { queue, times })
  return { identity: keptIdentity(frame, shelf, !cookieless), visit: keptVisit(frame, shelf), queue, times, sender }
}

/** In the order they are tried: those that the browser does not forbid, and memory. */
function shelvesOf(frame: Frame, cookieless?: boolean): readonly Shelf[] {
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
