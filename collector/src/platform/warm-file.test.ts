import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { warmFile } from './warm-file.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-warm-'))
const path = join(directory, 'store')
const bytes = 3_000_000

beforeAll(() => writeFileSync(path, Buffer.alloc(bytes, 'x')))

afterAll(() => rmSync(directory, { recursive: true }))

describe('a file that is warmed', () => {
  it('is read as far as memory goes where samples come late, and not at all where they do not', async () => {
    const slow = { now: clockOf(1) }
    const fast = { now: clockOf(0.01) }
    expect(await warmFile(path, { bytesMax: 10_000_000, signal: new AbortController().signal, ...slow })).toBe(bytes)
    expect(await warmFile(path, { bytesMax: 1_500_000, signal: new AbortController().signal, ...slow })).toBe(1_500_000)
    expect(await warmFile(path, { bytesMax: 10_000_000, signal: new AbortController().signal, ...fast })).toBe(0)
  })

  it('is left when it is no longer wanted', async () => {
    expect(await warmFile(path, { bytesMax: 10_000_000, signal: AbortSignal.abort('closing'), now: clockOf(1) })).toBe(0)
  })

  it('may be missing, empty or a directory', async () => {
    const empty = join(directory, 'empty')
    writeFileSync(empty, '')
    for (const none of [empty, directory, join(directory, 'none')]) {
      expect(await warmFile(none, { bytesMax: 1_000, signal: new AbortController().signal, now: clockOf(1) })).toBe(0)
    }
  })
})

/** Goes on by so many milliseconds with each look at it. */
function clockOf(stepMs: number): () => number {
  let now = 0
  return () => (now += stepMs)
}
