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
  call(type: string, fields: CallFields, options?: CallOptions): CallResult
  /** Sends before long. */
  plan(): void
  /** Gives up what waits for consent. */
  dropPending(): void
}

/** Turns calls into events, as far as the person has agreed: with the ids, the session and the page of their moment. */
export function eventRecorder(options: MillraceOptions, frame: Frame, refusal: RefusalReason | undefined): EventRecorder {
  const parts = partsOf(options, frame)
  const { identity, visit, queue, times } = parts
  const { flushAt = 20, flushInterval = 1_000 } = options
  /** Events that wait for consent; each is finished with the ids there are when it comes. */
  const pending: (() => void)[] = []
  let state: ConsentState = 'pending'
  let context: object = { library: { name: '@millrace/browser', version }, locale: frame.navigator.language, bot: isBot(frame) }
  /** The context as JSON, with the page, and the page it is of. */
  let [shared, sharedOf] = ['', '']
  let accepted = 0
  const add = (own: string, event: string): void => times.plan(queue.enqueue(own, event) < flushAt ? flushInterval : 0)
  const recorder: EventRecorder = {
    ...parts,
    isGranted: () => !refusal && state === 'granted',
    plan: () => times.plan(flushInterval),
    dropPending: () => queue.discard('consent', pending.splice(0).length),
    stats: () => ({
      accepted, delivered: parts.sender.delivered, dropped: { ...queue.dropped }, queued: recorder.isGranted() ? queue.depth() : pending.length,
    }),
    setContext: (fields) => {
      context = { ...context, ...fields }
      sharedOf = ''
    },
    consent: (wanted, categories) => {
      state = wanted
      if (categories) recorder.setContext({ consent: categories })
      if (recorder.isGranted()) {
        const { userId } = identity
        const isKept = identity.recall()
        // A person named while consent was pending counts.
        identity.userId = userId || identity.userId
        identity.anonymousId ||= freshId()
        if (!isKept || userId) identity.retain()
        for (const finish of pending.splice(0)) finish()
        recorder.plan()
      } else if (wanted === 'denied' || refusal === 'opted_out') {
        recorder.dropPending()
        queue.persist()
        for (const key of queue.waiting()) queue.remove(key, 'consent')
        times.succeeded()
        identity.forget()
        visit.forget()
      }
    },
    call: (type, fields, callOptions = {}) => {
      const now = Date.now()
      const { messageId = freshId(now), timestamp = now } = callOptions
      const reason = refusal ?? (state === 'denied' ? 'consent' : undefined)
      if (reason) return { ok: false, reason }
      try {
        if (Object.values(fields.properties ?? fields.traits ?? {}).some(isNode)) return { ok: false, reason: 'invalid' }
        const { URL: url, title } = frame.document
        // Reading a page's address takes as long as all the rest of a call.
        if (sharedOf !== url + title) {
          shared = JSON.stringify({ ...context, page: pageFieldsOf(frame) })
          sharedOf = url + title
        }
        const own = shared
        const event = { userId: identity.userId || undefined, ...fields, type, messageId, timestamp: new Date(timestamp).toISOString() }
        // The context is the first field, where the sender looks for it.
        const finish = (told: object, toldContext?: object): string =>
          JSON.stringify({ context: { ...visit.fields(now), ...toldContext }, anonymousId: identity.anonymousId, ...told })
        const json = recorder.isGranted() ? finish(event, callOptions.context) : JSON.stringify({ event, context: callOptions.context })
        // A character has three bytes at most.
        if ((own + json).length > eventBytesMax / 3 && bytesOf(own + json) > eventBytesMax) return { ok: false, reason: 'too_large' }
        accepted++
        if (recorder.isGranted()) add(own, json)
        else if (pending.push(() => {
          const told: Parameters<typeof finish>[0] & { readonly event: object; readonly context?: object } = JSON.parse(json)
          add(own, finish(told.event, told.context))
        }) > queueEventsMax) queue.discard('queue_full', pending.splice(0, 1).length)
        return { ok: true, messageId }
      } catch {
        // A circle, a BigInt, a getter that throws, a time that is none.
        return { ok: false, reason: 'invalid' }
      }
    },
  }
  return recorder
}

/** An element of the page is never meant, and may hold half of the page. */
function isNode(value?: { readonly nodeType?: number } | null): boolean {
  return typeof value?.nodeType === 'number'
}

function partsOf(options: MillraceOptions, frame: Frame): Parts {
  const { writeKey, host, path = '/e', cookieless } = options
  const shelves = shelvesOf(frame, cookieless)
  const shelf = shelves[0] ?? {}
  const queue = eventQueue(shelves, `millrace:${writeKey}:`, options.onDropped)
  const times = sendingTimes(shelf, `millrace_until:${writeKey}`, () => void sender.drain())
  const sender = eventSender(frame, queue, { times, settings: { credentials: 'omit', ...options, url: host.replace(/\/$/, '') + path } })
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
