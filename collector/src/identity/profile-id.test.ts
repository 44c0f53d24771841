import { describe, expect, it } from 'vitest'
import { profileIdOf } from './profile-id.ts'

const anchor = 'e52635dd-2f48-8032-807f-342ea7aa0c9d'
const key = Buffer.alloc(32, 1)

describe('profileIdOf', () => {
  it('is a function of workspace, anchor and secret', () => {
    expect(profileIdOf(1, anchor, key)).toBe(profileIdOf(1, anchor, Buffer.alloc(32, 1)))
    const others = [
      profileIdOf(1, anchor, key), profileIdOf(2, anchor, key), profileIdOf(1, anchor.replace('e', 'f'), key),
      profileIdOf(1, anchor, Buffer.alloc(32, 2)),
    ]
    expect(new Set(others).size).toBe(others.length)
  })

  it('is a UUID of version 8, for ever the same', () => {
    expect(profileIdOf(1, anchor, key)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(profileIdOf(1, anchor, key)).toBe('962829b7-1108-8aff-b854-029626f6e79f')
  })
})
