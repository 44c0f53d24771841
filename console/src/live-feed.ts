import type { Api } from './api.ts'
import { type FeedEvent, readFeedPage } from './feed-event.ts'
import { type FeedState, followFeed } from './follow-feed.ts'

/** An event with the number under which this page saw it: message ids of dropped ones can repeat. */
export interface SeenEvent extends FeedEvent {
  readonly number: number
}

export interface LiveSnapshot {
  readonly state: FeedState
  /** Newest first. */
  readonly events: readonly SeenEvent[]
  /** Since the page was opened, those that are not kept any more included. */
  readonly seen: number
  readonly skipped: boolean
}

const eventsKept = 200
const pageEvents = 100

/** The feed as all views share it: one long poll for the page, the latest events, whoever wants to hear of new ones. */
export class LiveFeed {
  readonly #listeners = new Set<(events: readonly FeedEvent[]) => void>()
  #snapshot: LiveSnapshot = { state: 'connecting', events: [], seen: 0, skipped: false }

  get snapshot(): LiveSnapshot {
    return this.#snapshot
  }

  /** Called with new events, and with none when only the state changed. Answers how to stop listening. */
  listen(listener: (events: readonly FeedEvent[]) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  follow(api: Api, signal: AbortSignal): Promise<void> {
    return followFeed({
      ask: async ({ after, waitMs }) => readFeedPage(await api.get('/v1/events', { after, waitMs, limit: pageEvents, dropped: 'true' }, signal)),
      pause: (ms) => new Promise((resolve) => {
        setTimeout(resolve, ms)
      }),
      now: () => performance.now(),
      events: (events) => this.#add(events),
      state: (state) => {
        if (state !== this.#snapshot.state) this.#change({ ...this.#snapshot, state }, [])
      },
      skipped: () => this.#change({ ...this.#snapshot, skipped: true }, []),
      signal,
    })
  }

  #add(events: readonly FeedEvent[]): void {
    const { seen } = this.#snapshot
    const newest = events.map((event, index) => ({ ...event, number: seen + index + 1 })).reverse()
    this.#change({ ...this.#snapshot, events: [...newest, ...this.#snapshot.events].slice(0, eventsKept), seen: seen + events.length }, events)
  }

  #change(snapshot: LiveSnapshot, events: readonly FeedEvent[]): void {
    this.#snapshot = snapshot
    for (const listener of this.#listeners) listener(events)
  }
}
