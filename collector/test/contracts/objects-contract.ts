import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Objects } from '../../src/ports/objects.ts'

export interface ObjectsUnderTest {
  readonly objects: Objects
  cleanup(): Promise<void>
}

/** What every object store promises; a driver joins with one call. */
export function objectsContract(name: string, make: () => Promise<ObjectsUnderTest>): void {
  describe(`objects contract: ${name}`, () => {
    let under: ObjectsUnderTest

    beforeEach(async () => {
      under = await make()
    })

    afterEach(() => under.cleanup())

    it('gives back what was put, byte for byte', async () => {
      const bytes = Uint8Array.from({ length: 100_000 }, (_, index) => (index * 7) % 256)
      await under.objects.put('raw/v1/dt=2026-01-05/p=0/a.gz', bytes)
      await under.objects.put('empty', new Uint8Array(0))
      expect(Buffer.compare(Buffer.from((await under.objects.get('raw/v1/dt=2026-01-05/p=0/a.gz')) ?? []), Buffer.from(bytes))).toBe(0)
      expect(await under.objects.get('empty')).toHaveLength(0)
    })

    it('answers null for what is not there, and removing it is no error', async () => {
      expect(await under.objects.get('raw/none')).toBeNull()
      await under.objects.delete('raw/none')
      expect(await under.objects.list('raw/', 10)).toEqual([])
    })

    it('takes the same put again', async () => {
      await under.objects.put('a', Buffer.from('one'))
      await under.objects.put('a', Buffer.from('one'))
      expect(await under.objects.list('', 10)).toEqual(['a'])
    })

    it('takes the same put many times at once, as a repeat after a time-out does', async () => {
      const content = Buffer.alloc(200_000, 7)
      await Promise.all(Array.from({ length: 8 }, () => under.objects.put('raw/a', content)))
      expect(await under.objects.get('raw/a')).toHaveLength(content.length)
      expect(await under.objects.list('', 10)).toEqual(['raw/a'])
    })

    it('lists by prefix in byte order, up to the limit', async () => {
      for (const name of ['raw/b/2', 'raw/a/1', 'raw/b/10', 'raw/B', 'other/x']) await under.objects.put(name, Buffer.from(name))
      expect(await under.objects.list('raw/', 10)).toEqual(['raw/B', 'raw/a/1', 'raw/b/10', 'raw/b/2'])
      expect(await under.objects.list('raw/b/', 1)).toEqual(['raw/b/10'])
      expect(await under.objects.list('raw/b/1', 9)).toEqual(['raw/b/10'])
      await under.objects.delete('raw/a/1')
      expect(await under.objects.list('raw/a', 10)).toEqual([])
    })

    it('refuses names that could leave the store', async () => {
      for (const name of ['../x', '/x', 'a//b', 'a/../../b', '', 'ü', 'a b', 'a\\b']) {
        await expect(under.objects.put(name, Buffer.from('x'))).rejects.toMatchObject({ code: 'bad_request' })
      }
    })

    it('shows whole objects only, while many are put at once', async () => {
      const content = Buffer.alloc(200_000, 7)
      await Promise.all(Array.from({ length: 20 }, (_, index) => under.objects.put(`many/${index}`, content)))
      for (const name of await under.objects.list('many/', 100)) expect(await under.objects.get(name)).toHaveLength(content.length)
      expect(await under.objects.list('many/', 100)).toHaveLength(20)
    })
  })
}
