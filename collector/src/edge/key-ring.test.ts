import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { noLimits } from '../ports/key.ts'
import { DayUsage } from './day-usage.ts'
import { KeyFile } from './key-file.ts'
import { hashKey, KeyRing, type ListedKey } from './key-ring.ts'
import { UsageFile } from './usage-file.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-keys-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function listed(key: string, part: Partial<ListedKey> = {}): ListedKey {
  return { hash: hashKey(key), workspace: 1, kind: 'write', id: key.slice(0, 4), revoked: false, limits: noLimits, ...part }
}

describe('the key ring', () => {
  it('finds exactly the keys that are listed and not revoked', () => {
    const keys = Array.from({ length: 500 }, (_, index) => `key-${index}-0123456789abcdef`)
    const ring = new KeyRing(keys.map((key, index) => listed(key, { workspace: index, revoked: index % 2 === 1 })))
    for (const [index, key] of keys.entries()) expect(ring.find(key)?.workspace).toBe(index % 2 === 1 ? undefined : index)
    for (const wrong of ['', keys[0]?.slice(1) ?? '', `${keys[0]} `, hashKey(keys[0] ?? ''), 'x'.repeat(100_000)]) expect(ring.find(wrong)).toBeUndefined()
  })

  it('tells keys apart whose hashes begin alike', () => {
    const real = listed('a-key-0123456789abcdef')
    const alike = { ...real, hash: `${real.hash.slice(0, 63)}${real.hash.endsWith('0') ? '1' : '0'}`, workspace: 2 }
    expect(new KeyRing([alike, real]).find('a-key-0123456789abcdef')?.workspace).toBe(1)
    expect(new KeyRing([alike]).find('a-key-0123456789abcdef')).toBeUndefined()
    expect(new KeyRing([{ ...real, hash: real.hash.slice(0, 20) }]).find('a-key-0123456789abcdef')).toBeUndefined()
  })

  it('honours a new list at once', () => {
    const ring = new KeyRing([listed('a-key-0123456789abcdef')])
    expect(ring.find('a-key-0123456789abcdef')).toBeDefined()
    ring.replace([])
    expect(ring.find('a-key-0123456789abcdef')).toBeUndefined()
  })
})

describe('the key file', () => {
  it('gives back what was written, holds no key, and is for its owner alone', async () => {
    const path = join(directory, 'keys.json')
    const list = [listed('a-key-0123456789abcdef', { limits: { ...noLimits, eventsPerDay: 9 } })]
    await new KeyFile(path).write(list)
    expect(await new KeyFile(path).read()).toEqual(list)
    expect(readFileSync(path, 'utf8')).not.toContain('a-key-0123456789abcdef')
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('takes one of a version without limits, and refuses what is none', async () => {
    const path = join(directory, 'old.json')
    const { limits: _, ...old } = listed('a-key-0123456789abcdef')
    writeFileSync(path, JSON.stringify({ keys: [old] }))
    expect(await new KeyFile(path).read()).toEqual([{ ...old, limits: noLimits }])
    for (const bad of ['', '{}', '{"keys":[{}]}', JSON.stringify({ keys: [{ ...old, limits: { eventsPerDay: 'many' } }] })]) {
      writeFileSync(path, bad)
      await expect(new KeyFile(path).read()).rejects.toMatchObject({ code: 'corrupt' })
    }
  })
})

describe('the usage file', () => {
  it('carries a day over a restart, and begins anew where it cannot be read', async () => {
    const path = join(directory, 'usage.json')
    expect((await new UsageFile(path).read()).of('k', 1)).toBe(0)
    const usage = new DayUsage()
    usage.add('k', 7, 86_400_000)
    await new UsageFile(path).write(usage)
    expect((await new UsageFile(path).read()).of('k', 86_400_001)).toBe(7)
    writeFileSync(path, '{"day":1,"events":{"k":"seven","l":3}}')
    expect([(await new UsageFile(path).read()).of('k', 86_400_001), (await new UsageFile(path).read()).of('l', 86_400_001)]).toEqual([0, 3])
    writeFileSync(path, '{')
    expect((await new UsageFile(path).read()).of('k', 86_400_001)).toBe(0)
  })
})
