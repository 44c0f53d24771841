import { describe, expect, it } from 'vitest'
import { CacheGuard } from './cache-guard.ts'

function guarded(timeoutMs = 5) {
  const time = { nowMs: 0 }
  const warnings: string[] = []
  const guard = new CacheGuard({ engine: 'test at host:1', timeoutMs, now: () => time.nowMs, warn: (message) => warnings.push(message) })
  return { guard, time, warnings }
}

const never = (): Promise<string> => new Promise<string>(() => {})
const refused = (): Promise<string> => Promise.reject(new Error('refused'))

describe('cache guard', () => {
  it('gives what the work gives', async () => {
    const { guard, warnings } = guarded()
    expect(await guard.attempt(() => Promise.resolve('found'), 'none')).toBe('found')
    expect(warnings).toEqual([])
  })

  it('goes on without an engine that hangs, and asks again only after a rest', async () => {
    const { guard, time } = guarded()
    expect(await guard.attempt(never, 'none')).toBe('none')
    let asked = 0
    const count = (): Promise<string> => {
      asked += 1
      return Promise.resolve('found')
    }
    expect(await guard.attempt(count, 'none')).toBe('none')
    expect(asked).toBe(0)
    time.nowMs += 250
    expect(await guard.attempt(count, 'none')).toBe('found')
  })

  it('bounds how many calls are under way', async () => {
    const { guard } = guarded(1_000)
    let asked = 0
    const release: Array<(value: string) => void> = []
    const wait = (): Promise<string> => {
      asked += 1
      return new Promise((resolve) => release.push(resolve))
    }
    const calls = Array.from({ length: 600 }, () => guard.attempt(wait, 'none'))
    expect(asked).toBe(512)
    for (const each of release) each('found')
    expect((await Promise.all(calls)).filter((answer) => answer === 'none')).toHaveLength(88)
  })

  it('counts what was missed and says it once a minute', async () => {
    const { guard, time, warnings } = guarded()
    for (let call = 0; call < 10; call += 1) {
      await guard.attempt(refused, 'none')
      time.nowMs += 1_000
    }
    expect(warnings).toEqual([expect.stringMatching(/test at host:1.* 1 call;.* refused$/)])
    time.nowMs += 60_000
    await guard.attempt(refused, 'none')
    expect(warnings[1]).toMatch(/ 10 calls;/)
  })
})
