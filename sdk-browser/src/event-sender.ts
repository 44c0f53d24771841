import type { EventQueue } from './event-queue.ts'
import type { Frame, FrameAnswer } from './frame.ts'
import type { MillraceOptions } from './millrace.ts'
import type { SendingTimes } from './sending-times.ts'

interface SenderOptions extends MillraceOptions {
  /** Merged into every event of a body. */
  readonly context: object
}

/** Browsers allow 65,536 bytes to outlive a page, over all requests of the page together; some are for what is around the events. */
const eventsBytesMax = 60_000
const answerMsMax = 30_000
/** After so many requests without any answer they are taken to be blocked. */
const silencesMax = 3
const leaveMs = 2_000
const heardMs = 200

export interface EventSender {
  /** The collector has them. */
  confirmed: number
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
export function eventSender(
  frame: Frame, options: SenderOptions, { queue, times }: { readonly queue: EventQueue; readonly times: SendingTimes },
): EventSender {
  const post = poster(frame, options)
  const underWay = new Set<string>()
  let silences = 0
  let batchEvents = Infinity
  let draining = Promise.resolve()
  /** The oldest that fit beside what is under way; none while there is no point in sending. */
  const take = (isOwn?: true): readonly string[] => {
    if (silences >= silencesMax) return []
    let bytes = bytesOf([...underWay].join())
    return queue.waiting(isOwn).filter((event) => !underWay.has(event)).slice(0, batchEvents)
      .filter((event) => bytes < eventsBytesMax && (bytes += bytesOf(event) + 1) < eventsBytesMax)
  }
  const send = async (events: readonly string[]): Promise<void> => {
    events.forEach((event) => underWay.add(event))
    // Another script may have used the quota up: after a silence a plain request is the better one.
    const answer = await post(events, !silences)
    const status = answer?.status ?? 0
    const results = (await answer?.json().catch(() => undefined))?.results
    events.forEach((event) => underWay.delete(event))
    silences = status ? 0 : silences + 1
    const isRead = status === 200 && results?.length === events.length
    // Of all others only 4xx is final, less 408 and 429: a 200 without a result for each event is some other program's, as the sign-in page of a café gives it.
    if (!isRead && !/^4(?!08|29)/.test(String(status))) times.later(answer?.headers.get('retry-after'))
    else if (status === 413 && events.length > 1) {
      batchEvents = events.length / 2
      times.succeeded()
    } else {
      const done = new Set(events.filter((_, index) => results?.[index]?.result !== 'retry'))
      const count = queue.remove((event) => done.has(event), isRead ? undefined : status === 413 ? 'too_large' : 'rejected')
      if (isRead) sender.confirmed += count
      batchEvents *= 2
      if (done.size < events.length) times.later()
      else times.succeeded()
    }
  }
  const sendAll = async (): Promise<void> => {
    const events = take()
    const waitMs = times.waitMs()
    if (!events[0]) return
    if (waitMs > 0) return times.plan(waitMs)
    // Without locks, holding everybody else back has to do: the ids make a second copy harmless.
    if (!frame.navigator.locks) times.hold(answerMsMax)
    await send(events)
    // Other tabs may hear of the lock before they hear of what was removed.
    await new Promise((heard) => setTimeout(heard, heardMs))
    return sendAll()
  }
  const sender: EventSender = {
    confirmed: 0,
    drain: () => {
      // Not in the task that sends: both take their time.
      queue.persist()
      return draining = draining.then(() => frame.navigator.locks?.request(options.writeKey, sendAll).catch(sendAll) ?? sendAll())
    },
    wake: () => void (silences = Math.min(silences, silencesMax - 1)),
    // Only what this page queued: others may be sending the rest. Nobody may see the answer, so all of it stays in the queue.
    leave: () => {
      queue.persist()
      const events = times.failures ? [] : take(true)
      if (events[0]) void send(events)
      if (underWay.size) times.hold(leaveMs)
    },
  }
  return sender
}

/** Makes one request, and answers nothing where there was no answer. */
function poster(frame: Frame, options: SenderOptions): (events: readonly string[], keepalive: boolean) => Promise<FrameAnswer | undefined> {
  const { writeKey, host, path = '/e', credentials = 'omit', context } = options
  const url = host.replace(/\/$/, '') + path
  return (events, keepalive) => {
    const head = JSON.stringify({ writeKey, sentAt: new Date(), wantResults: true, context, batch: [] })
    return frame.fetch(url, {
      // Without a header of our own the browser asks for no leave beforehand.
      method: 'POST', body: `${head.slice(0, -2) + events.join()}]}`, credentials, signal: AbortSignal.timeout?.(answerMsMax), keepalive,
    }).catch(() => undefined)
  }
}

export function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length
}
