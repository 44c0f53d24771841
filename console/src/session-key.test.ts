import { describe, expect, it } from 'vitest'
import { forgetSessionKey, keepSessionKey, takeSessionKey } from './session-key.ts'

function place(fragment: string, kept: Record<string, string> = {}) {
  const storage = new Map(Object.entries(kept))
  const replaced: string[] = []
  return {
    storage, replaced,
    part: {
      fragment, replaceFragment: (next: string) => replaced.push(next),
      storage: {
        getItem: (name: string) => storage.get(name) ?? null,
        setItem: (name: string, value: string) => void storage.set(name, value),
        removeItem: (name: string) => void storage.delete(name),
      },
    },
  }
}

describe('the key of a tab', () => {
  it('is taken from the fragment, which is emptied at once', () => {
    const { part, replaced, storage } = place('#key=sk_one-two_3')
    expect(takeSessionKey(part)).toBe('sk_one-two_3')
    expect(replaced).toEqual(['#/live'])
    expect([...storage.values()]).toEqual(['sk_one-two_3'])
  })

  it('is the one that the tab kept, and a handed one goes before it', () => {
    const kept = place('#/status')
    keepSessionKey(kept.part.storage, 'sk_kept')
    expect(takeSessionKey(kept.part)).toBe('sk_kept')
    expect(kept.replaced).toEqual([])
    expect(takeSessionKey({ ...kept.part, fragment: '#key=sk_new' })).toBe('sk_new')
    expect(takeSessionKey({ ...kept.part, fragment: '' })).toBe('sk_new')
  })

  it('is none after it was forgotten, or where the link holds none', () => {
    const { part, replaced } = place('#key=')
    expect(takeSessionKey(part)).toBeNull()
    expect(replaced).toEqual(['#/live'])
    keepSessionKey(part.storage, 'sk')
    forgetSessionKey(part.storage)
    expect(takeSessionKey({ ...part, fragment: '' })).toBeNull()
  })
})
