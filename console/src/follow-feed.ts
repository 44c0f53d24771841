import { ApiError } from './api.ts'
import type { FeedEvent, FeedPage } from './feed-event.ts'

/**
 * - `connecting`: nothing was answered yet
 * - `live`: the last request was answered
 * - `lost`: it was not; asked again after a pause
 */
export type FeedState = 'connecting' | 'live' | 'lost'

export interface FeedQuestion {
  readonly after: string
  /** How long the collector may wait for the first event, milliseconds. */
  readonly waitMs: number
}

export interface FeedFollowing {
  readonly ask: (question: FeedQuestion) => Promise<FeedPage>
  readonly pause: (ms: number) => Promise<void>
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number
  readonly events: (events: readonly FeedEvent[]) => void
  readonly state: (state: FeedState) => void
  /** Events were left out, because they come faster than a person's page can follow. */
  readonly skipped: () => void
  readonly signal: AbortSignal
}

const waitMs = 25_000
/** A collector that waits no time although it was asked to is not asked again before. */
const emptyPauseMs = 1_000
const retryMs = Object.freeze({ least: 1_000, most: 15_000 })
/** So many full pages in a row and the page goes on with what comes now. */
const fullPagesMax = 5

/**
 * Follows the feed from now on until the signal or a refused key. Each page goes on where the one before ended, so no
 * event is shown twice and none is left out, but for what {@link FeedFollowing.skipped} tells. A cursor that the
 * collector does not take any more, after a restore, starts again from now.
 */
export async function followFeed({ ask, pause, now, events, state, skipped, signal }: FeedFollowing): Promise<void> {
  let question: FeedQuestion = { after: 'latest', waitMs: 0 }
  let fullPages = 0
  let failures = 0
  state('connecting')
  while (!signal.aborted) {
    const askedAt = now()
    try {
      const page = await ask(question)
      if (signal.aborted) return
      failures = 0
      state('live')
      if (page.events.length > 0) events(page.events)
      else if (question.waitMs > 0 && now() - askedAt < emptyPauseMs) await pause(emptyPauseMs)
      fullPages = page.more ? fullPages + 1 : 0
      question = { after: page.next, waitMs }
      if (fullPages >= fullPagesMax) {
        fullPages = 0
        question = { after: 'latest', waitMs: 0 }
        skipped()
      }
    } catch (error) {
      if (signal.aborted || (error instanceof ApiError && error.status === 401)) return
      state('lost')
      question = { after: error instanceof ApiError && error.status === 400 ? 'latest' : question.after, waitMs: 0 }
      await pause(Math.min(retryMs.most, retryMs.least * 2 ** failures))
      failures += 1
    }
  }
}
