import { describe, expect, it } from 'vitest'
import { ApiError } from './api.ts'
import { type FeedPage, readFeedPage } from './feed-event.ts'
import { followFeed, type FeedQuestion, type FeedState } from './follow-feed.ts'

interface Followed {
  readonly asked: readonly FeedQuestion[]
  readonly pauses: readonly number[]
  readonly seen: readonly string[]
  readonly states: readonly FeedState[]
  readonly skips: number
}

const unanswered = new ApiError(0, 'unreachable', 'gone')

/** Follows a feed that answers so, one after the other, `tookMs` after it was asked, and is left at the end of the list. */
async function follow(answers: readonly (FeedPage | Error)[], tookMs = 20_000): Promise<Followed> {
  const left = new AbortController()
  const waiting = [...answers]
  const asked: FeedQuestion[] = []
  const pauses: number[] = []
  const seen: string[] = []
  const states: FeedState[] = []
  let skips = 0
  let clock = 0
  await followFeed({
    ask: async (question) => {
      const answer = waiting.shift()
      if (answer === undefined) {
        left.abort()
        throw new Error('left')
      }
      asked.push(question)
      clock += tookMs
      if (answer instanceof Error) throw answer
      return answer
    },
    pause: async (ms) => void pauses.push(ms),
    now: () => clock,
    events: (events) => seen.push(...events.map(({ messageId }) => messageId)),
    state: (state) => states.push(state),
    skipped: () => {
      skips += 1
    },
    signal: left.signal,
  })
  return { asked, pauses, seen, states, skips }
}

function page(next: string, ids: readonly string[] = [], more = false): FeedPage {
  return readFeedPage({ events: ids.map((messageId) => ({ messageId, result: 'stored' })), next, more })
}

describe('following the feed', () => {
  it('fixes the place at once, then goes on where each page ended', async () => {
    const { asked, seen, states, pauses } = await follow([page('c1'), page('c2', ['a', 'b']), page('c3'), page('c4', ['c'])])
    expect(asked.map(({ after }) => after)).toEqual(['latest', 'c1', 'c2', 'c3'])
    expect(asked.map(({ waitMs }) => waitMs)).toEqual([0, 25_000, 25_000, 25_000])
    expect(seen).toEqual(['a', 'b', 'c'])
    expect(new Set(states)).toEqual(new Set(['connecting', 'live']))
    expect(pauses).toEqual([])
  })

  it('asks again from the same place after an outage, ever less often, and shows nothing twice', async () => {
    const { asked, seen, pauses, states } = await follow([page('c1'), page('c2', ['a']), unanswered, unanswered, unanswered, unanswered, unanswered, page('c3', ['b']), unanswered, page('c4')])
    expect(asked.slice(2).map(({ after }) => after)).toEqual(['c2', 'c2', 'c2', 'c2', 'c2', 'c2', 'c3', 'c3'])
    expect(seen).toEqual(['a', 'b'])
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 15_000, 1_000])
    expect(states.filter((state, index) => state !== states[index - 1])).toEqual(['connecting', 'live', 'lost', 'live', 'lost', 'live'])
  })

  it('starts from now where its cursor is not taken any more', async () => {
    const { asked } = await follow([page('c1'), new ApiError(400, 'bad_request', 'ahead'), page('d1'), page('d2')])
    expect(asked.map(({ after }) => after)).toEqual(['latest', 'c1', 'latest', 'd1'])
  })

  it('ends where the key is refused', async () => {
    const { asked, pauses } = await follow([page('c1'), new ApiError(401, 'unauthorized', 'no'), page('never')])
    expect(asked).toHaveLength(2)
    expect(pauses).toEqual([])
  })

  it('is not driven round by a collector that waits no time', async () => {
    const { pauses } = await follow([page('c1'), page('c1'), page('c1'), page('c2', ['a'])], 5)
    expect(pauses).toEqual([1_000, 1_000])
  })

  it('goes on with what comes now where it cannot follow, and says so', async () => {
    const full = Array.from({ length: 5 }, (_, index) => page(`f${index}`, [`e${index}`], true))
    const { asked, skips, seen } = await follow([page('c1'), ...full, page('n1', ['now'])])
    expect(skips).toBe(1)
    expect(asked.at(-1)).toEqual({ after: 'latest', waitMs: 0 })
    expect(seen.at(-1)).toBe('now')
  })
})
