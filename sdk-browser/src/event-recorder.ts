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
const contextBegin = '{"context":{'
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
  /** The context in the form of a chunk, with the page, and the page it is of. */
  let [shared, sharedOf] = ['', '']
  let accepted = 0
  const isGranted = (): boolean => !refusal && state === 'granted'
  const recorder: EventRecorder = {
    ...parts,
    isGranted,
    plan: () => times.plan(flushInterval),
    dropPending: () => queue.discard('consent', pending.splice(0).length),
    stats: () => ({
      accepted, delivered: parts.sender.delivered, dropped: { ...queue.dropped }, queued: isGranted() ? queue.depth() : pending.length,
    }),
    setContext: (fields) => {
      context = { ...context, ...fields }
      sharedOf = ''
    },
    consent: (wanted, categories) => {
      state = wanted
      if (categories) recorder.setContext({ consent: categories })
      if (isGranted()) {
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
        queue.remove(() => true, 'consent')
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
        if (Object.values(fields.properties ?? fields.traits ?? {}).some(isNode) || (type === 'track' && !isName(fields.event))) throw new TypeError()
        const { URL: url, title } = frame.document
        // Reading a page's address takes as long as all the rest of a call.
        if (sharedOf !== url + title) {
          shared = JSON.stringify({ ...context, page: pageFieldsOf(frame) }).slice(1, -1)
          sharedOf = url + title
        }
        const own = shared
        const event = {
          // The first field, as a chunk wants it.
          context: callOptions.context ?? {}, userId: identity.userId || undefined, ...fields,
          type, messageId, timestamp: new Date(timestamp).toISOString(),
        }
        const json = JSON.stringify(event).slice(contextBegin.length, -1)
        // A character has three bytes at most.
        if ((own + json).length > eventBytesMax / 3 && bytesOf(own + json) > eventBytesMax) return { ok: false, reason: 'too_large' }
        accepted++
        const finish = (): void => {
          const arrival = JSON.stringify(visit.fields(now)).slice(1, -1)
          const whole = `${arrival}${json[0] === '}' ? '' : ','}${json},"anonymousId":${JSON.stringify(identity.anonymousId)}}`
          times.plan(queue.enqueue(own, whole) < flushAt ? flushInterval : 0)
        }
        if (isGranted()) finish()
        else if (pending.push(finish) > queueEventsMax) queue.discard('queue_full', pending.splice(0, 1).length)
        return { ok: true, messageId }
      } catch {
        // A circle, a BigInt, a getter that throws, a time that is none.
        return { ok: false, reason: 'invalid' }
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
  const times = sendingTimes(shelf, `millrace_until:${writeKey}`, () => void sender.drain())
  const sender = eventSender(frame, options, { queue, times })
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
