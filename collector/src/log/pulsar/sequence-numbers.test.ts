import { copyFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SequenceNumbers } from './sequence-numbers.ts'

let directory = ''
let file = ''

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-numbers-'))
  file = join(directory, 'pulsar-producer.json')
})

afterEach(() => rmSync(directory, { recursive: true }))

function numbersOf(count: number, lane = SequenceNumbers.open(directory).lane()): number[] {
  return Array.from({ length: count }, () => lane.next())
}

describe('SequenceNumbers', () => {
  it('rise by one from 1 on, each partition for itself, under one name', () => {
    const [one, other] = SequenceNumbers.open(directory).lanes(2)
    expect(one?.peek()).toBe(1)
    expect(numbersOf(3, one)).toEqual([1, 2, 3])
    expect(numbersOf(2, other)).toEqual([1, 2])
    expect(one?.producer).toMatch(/^millrace-[0-9a-f-]{36}$/)
    expect(one?.producer).toBe(other?.producer)
  })

  it('are never given again, however the process ended', () => {
    let greatest = 0
    for (let start = 0; start < 5; start += 1) {
      const given = numbersOf(1 + start)
      expect(Math.min(...given)).toBeGreaterThan(greatest)
      greatest = Math.max(...given)
    }
  })

  it('are on disk before they are out, also beyond the first block', () => {
    const lane = SequenceNumbers.open(directory).lane()
    let last = 0
    for (let index = 0; index < 1_000_010; index += 1) last = lane.next()
    expect(last).toBe(1_000_010)
    expect(SequenceNumbers.open(directory).lane().peek()).toBeGreaterThan(last)
  })

  it('keep their name over starts, and take a new one where the file is gone or damaged', () => {
    const lane = SequenceNumbers.open(directory).lane()
    lane.next()
    expect(SequenceNumbers.open(directory).lane().producer).toBe(lane.producer)
    truncateSync(file, 10)
    const damaged = SequenceNumbers.open(directory).lane()
    expect(damaged.producer).not.toBe(lane.producer)
    expect(damaged.peek()).toBe(1)
    writeFileSync(file, '{"producer":"millrace-x","reserved":"7"}')
    expect(SequenceNumbers.open(directory).lane().producer).not.toBe('millrace-x')
  })

  it('begin again under a new name that stays, after an old file was brought back', () => {
    numbersOf(1)
    copyFileSync(file, `${file}.old`)
    numbersOf(1)
    copyFileSync(`${file}.old`, file)
    const numbers = SequenceNumbers.open(directory)
    const [lane] = numbers.lanes(1)
    const renamed = numbers.rename()
    expect(renamed.producer).not.toBe(lane?.producer)
    expect(numbersOf(2, renamed)).toEqual([1, 2])
    // The others go on under the old name until the process ends, and take nothing from the new one.
    expect(lane?.next()).toBeGreaterThan(1)
    const next = SequenceNumbers.open(directory).lane()
    expect(next.producer).toBe(renamed.producer)
    expect(next.peek()).toBeGreaterThan(2)
  })
})
