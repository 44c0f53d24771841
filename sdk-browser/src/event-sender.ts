import { type EventQueue, queueEventsMax } from './event-queue.ts'
import type { Frame } from './frame.ts'
import type { SendingTimes } from './sending-times.ts'

export interface SenderSettings {
  readonly url: string
  readonly writeKey: string
  readonly credentials: 'omit' | 'include'
}

/** What one request carries. */
interface Batch {
  /** Merged into every event of the body. */
  context: string
  readonly keys: string[]
  /** As they stand in their chunks. */
  readonly events: string[]
  /** As they stand in the body. */
  readonly bodies: string[]
  bytes: number
}

/** Each event begins so. */
const contextBegin = '{"context":{'

/** Browsers allow 65,536 bytes to outlive a page, over all requests of the page together; some are for what is around the events. */
const eventsBytesMax = 60_000
const answerMsMax = 30_000
/** After so many requests without any answer they are taken to be blocked. */
const silencesMax = 3
const leaveMs = 2_000
const heardMs = 200

export interface EventSender {
  /** The collector has them. */
  delivered: number
  /** Sends what waits, if nobody else does and it is time; resolves when that was tried. */
  drain(): Promise<void>
  /** A new page, or a network that is back: a host that was silent gets one more try. */
  wake(): void
  /** The page may end now. */
  leave(): void
}

/**
 * Sends what waits in the queue. An event stays there while it is under way: it is removed when an answer has confirmed
 * or refused it, and never before. One page of an origin sends at a time, under a lock.
 */
export function eventSender(frame: Frame, queue: EventQueue, { times, settings }: { readonly times: SendingTimes; readonly settings: SenderSettings }): EventSender {
  /** Keys of chunks. */
  const underWay = new Set<string>()
  let [silences, batchEvents, bytesUnderWay] = [0, queueEventsMax, 0]
  let draining = Promise.resolve()
  /** The oldest chunks that fit, beside what is under way; none while there is no point in sending. */
  const take = (isOwn?: boolean): Batch => {
    const batch: Batch = { context: '', keys: [], events: [], bodies: [], bytes: 0 }
    for (const key of silences < silencesMax ? queue.waiting(isOwn) : []) {
      const [context = '', ...events] = queue.read(key)
      batch.context ||= context
      // What one chunk shares and the others do not goes into each of its events, whose own fields come after it and win.
      const bodies = context === batch.context ? events
        : events.map((event) => contextBegin + context.slice(1, -1) + (event[contextBegin.length] === '}' ? '' : ',') + event.slice(contextBegin.length))
      const bytes = bytesOf(bodies.join()) + 1
      if (underWay.has(key)) continue
      if (bytesUnderWay + batch.bytes + bytes > eventsBytesMax || batch.events.length >= batchEvents) break
      batch.bytes += bytes
      batch.keys.push(key)
      batch.events.push(...events)
      batch.bodies.push(...bodies)
    }
    return batch
  }
  const send = async ({ context, keys, events, bodies, bytes }: Batch): Promise<void> => {
    const { url, credentials, writeKey } = settings
    const head = JSON.stringify({ writeKey, sentAt: new Date(), wantResults: true })
    const sent = events.slice(0, batchEvents)
    keys.forEach((key) => underWay.add(key))
    bytesUnderWay += bytes
    const answer = await frame.fetch(url, {
      // Without a header of our own the browser asks for no leave beforehand.
      method: 'POST', body: `${head.slice(0, -1)},"context":${context},"batch":[${bodies.slice(0, batchEvents).join()}]}`, credentials,
      signal: AbortSignal.timeout?.(answerMsMax),
      // Another script may have used the quota up: after a silence a plain request is the better one.
      keepalive: !silences,
    }).catch(() => undefined)
    const [status, results] = [answer?.status ?? 0, (await answer?.json().catch(() => undefined))?.results]
    keys.forEach((key) => underWay.delete(key))
    bytesUnderWay -= bytes
    silences = status ? 0 : silences + 1
    const isRead = status === 200 && results?.length === sent.length
    // A 200 without a result for each event is some other program's, as the sign-in page of a café gives it.
    if (!isRead && (status < 400 || status === 408 || status === 429 || status >= 500)) times.later(answer?.headers.get('retry-after'))
    else if (status === 413 && sent.length > 1) {
      batchEvents = Math.ceil(sent.length / 2)
      times.succeeded()
    } else {
      const done = new Set(sent.filter((_, index) => results?.[index]?.result !== 'retry'))
      for (const key of keys) {
        if (isRead) sender.delivered += queue.remove(key, undefined, done)
        else queue.remove(key, status === 413 ? 'too_large' : 'rejected', done)
      }
      batchEvents *= 2
      if (done.size < sent.length) times.later()
      else times.succeeded()
    }
  }
  const sendAll = async (): Promise<void> => {
    const batch = take()
    const waitMs = times.waitMs()
    if (batch.keys.length === 0) return
    if (waitMs > 0) return times.plan(waitMs)
    // Without locks, holding everybody else back has to do: the ids make a second copy harmless.
    if (!frame.navigator.locks) times.hold(answerMsMax)
    await send(batch)
    // Other tabs may hear of the lock before they hear of what was removed.
    await new Promise((heard) => setTimeout(heard, heardMs))
    return sendAll()
  }
  const sender: EventSender = {
    delivered: 0,
    drain: () => {
      // Not in the task that sends: both take their time.
      queue.persist()
      return draining = draining.then(() => frame.navigator.locks?.request(settings.writeKey, sendAll).catch(sendAll) ?? sendAll())
    },
    wake: () => void (silences = Math.min(silences, silencesMax - 1)),
    // Only what this page queued: others may be sending the rest. Nobody may see the answer, so all of it stays in the queue.
    leave: () => {
      queue.persist()
      const batch = take(true)
      if (!times.failures && batch.keys.length > 0) void send(batch)
      if (underWay.size > 0) times.hold(leaveMs)
    },
  }
  return sender
}

export function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length
}
