import { expect, it } from 'vitest'
import { noLimits } from '../ports/key.ts'
import { refreshKeys } from './key-refresher.ts'
import { hashKey, type KeyList, KeyRing } from './key-ring.ts'

/** A clock that sleeps no longer than the event loop takes, and says how long it was asked to. */
function countingClock(): { readonly now: () => number; readonly elapsed: () => number; sleep(ms: number, signal?: AbortSignal): Promise<void>; slept: number } {
  const clock = {
    slept: 0,
    now: () => clock.slept,
    elapsed: () => clock.slept,
    sleep: async (ms: number, signal?: AbortSignal): Promise<void> => {
      await new Promise((resolve) => setImmediate(resolve))
      if (signal?.aborted !== true) clock.slept += ms
    },
  }
  return clock
}

it('a key that another process revoked is refused within 5 s, and while the store is away the last list stays', async () => {
  const key = 'a-key-0123456789abcdef'
  const listed = { hash: hashKey(key), workspace: 1, kind: 'write', id: 'k', limits: noLimits, revoked: false } as const
  const ring = new KeyRing([listed])
  const stop = new AbortController()
  const clock = countingClock()
  const remembered: KeyList[] = []
  const reported: string[] = []
  let answer: () => Promise<KeyList> = () => Promise.reject(new Error('the store is away'))
  const refreshing = refreshKeys({
    source: () => answer(), ring, clock, signal: stop.signal,
    remember: async (list) => void remembered.push(list), report: (error) => reported.push(String(error)),
  })
  while (clock.slept < 20_000) await new Promise((resolve) => setImmediate(resolve))
  expect([ring.find(key)?.id, reported.length]).toEqual(['k', 1])
  answer = () => Promise.resolve([{ ...listed, revoked: true }])
  const revokedAt = clock.slept
  while (ring.find(key) !== undefined) await new Promise((resolve) => setImmediate(resolve))
  expect(clock.slept - revokedAt).toBeLessThanOrEqual(5_000)
  stop.abort()
  await refreshing
  expect(remembered).toEqual([[{ ...listed, revoked: true }]])
})
