import { fork } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { logContract, take, textOf } from '../../../test/contracts/log-contract.ts'
import { propertySettings } from '../../../test/property-settings.ts'
import { systemClock } from '../../platform/clock.ts'
import { openLogReader, openLogWriter, type LogWriterOptions } from './embedded-log.ts'
import { parsePosition } from './position.ts'

let directory = ''

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-log-'))
})

afterEach(() => rmSync(directory, { recursive: true }))

function options(part: Partial<LogWriterOptions> = {}): LogWriterOptions {
  return { directory, partitions: 2, notBefore: null, clock: systemClock, retentionMs: 0, ...part }
}

logContract('embedded', async () => {
  const at = join(directory, 'log')
  const writer = await openLogWriter(options({ directory: at, partitions: 3 }))
  const reader = await openLogReader({ directory: at, clock: systemClock })
  return {
    writer, reader,
    openReader: () => openLogReader({ directory: at, clock: systemClock }),
    cleanup: async () => {
      await reader.close()
      await writer.close()
    },
  }
})

/** Appends one by one, so that each record is synced before the next is written. */
async function write(texts: readonly string[], part: Partial<LogWriterOptions> = {}): Promise<readonly string[]> {
  const writer = await openLogWriter(options(part))
  const positions: string[] = []
  for (const text of texts) positions.push(await writer.append(0, Buffer.from(text), 1))
  await writer.close()
  return positions
}

async function readAll(count: number, after: string | null = null): Promise<readonly string[]> {
  const reader = await openLogReader({ directory, clock: systemClock })
  const records = await take(await reader.open(0, after), count)
  const cursor = await reader.open(0, records.at(-1)?.position ?? after)
  const more = await cursor.next({ maxRecords: 1, maxBytes: 1, waitMs: 0 })
  await reader.close()
  return [...records, ...more].map(textOf)
}

function onlySegment(): string {
  const [name, ...others] = segments()
  expect(others).toEqual([])
  return join(directory, name ?? '')
}

function segments(): readonly string[] {
  return readdirSync(directory).filter((name) => name.endsWith('.log')).toSorted()
}

describe('embedded log', () => {
  it('after a cut at any byte keeps every whole record and appends behind the last', async () => {
    await write(['first', 'second', 'third'])
    const segment = onlySegment()
    const whole = readFileSync(segment)
    const bare = mkdtempSync(join(tmpdir(), 'millrace-log-'))
    await (await openLogWriter(options({ directory: bare }))).close()
    const empty = readFileSync(join(bare, readdirSync(bare).find((name) => name.endsWith('.log')) ?? '')).length
    rmSync(bare, { recursive: true })
    const counts = new Set<number>()
    for (let length = empty; length <= whole.length; length += 1) {
      // The watermark is lost with the tail, as after a power loss.
      rmSync(join(directory, 'synced'))
      writeFileSync(segment, whole.subarray(0, length))
      const writer = await openLogWriter(options())
      await writer.append(0, Buffer.from('after'), 1)
      await writer.close()
      const kept = ['first', 'second', 'third'].filter((_, index) => length >= empty + frameEnd(index))
      expect(await readAll(kept.length + 1)).toEqual([...kept, 'after'])
      counts.add(kept.length)
    }
    expect([...counts]).toEqual([0, 1, 2, 3])
  })

  it('tells damage before the synced end from a torn tail, and leaves the file as it is', async () => {
    await write(['first', 'second', 'third'])
    const segment = onlySegment()
    const bytes = readFileSync(segment)
    const at = bytes.indexOf('second')
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
    writeFileSync(segment, bytes)
    await expect(openLogWriter(options())).rejects.toMatchObject({ code: 'corrupt' })
    expect(readFileSync(segment).equals(bytes)).toBe(true)
    const reader = await openLogReader({ directory, clock: systemClock })
    const cursor = await reader.open(0, null)
    await expect(take(cursor, 3)).rejects.toMatchObject({ code: 'corrupt' })
    await reader.close()
  })

  it('rolls into segments and reads on across them', async () => {
    const texts = Array.from({ length: 20 }, (_, index) => `record ${index} ${'x'.repeat(100)}`)
    const positions = await write(texts, { segmentBytesMax: 500 })
    expect(segments().length).toBeGreaterThan(3)
    expect(await readAll(20)).toEqual(texts)
    for (const [index, position] of positions.slice(0, -1).entries()) {
      expect(await readAll(19 - index, position)).toEqual(texts.slice(index + 1))
    }
  })

  it('drops only segments that every partition has archived', async () => {
    const writer = await openLogWriter(options({ segmentBytesMax: 500 }))
    const positions: string[] = []
    for (let index = 0; index < 20; index += 1) positions.push(await writer.append(index % 2, Buffer.alloc(200, index), 1))
    const reader = await openLogReader({ directory, clock: systemClock })
    const before = segments().length
    expect(writer.dropArchived()).toBe(0)
    await reader.acknowledge(0, positions[18] ?? '')
    expect(writer.dropArchived()).toBe(0)
    await reader.acknowledge(1, positions[11] ?? '')
    expect(writer.dropArchived()).toBeGreaterThan(0)
    expect(await take(await reader.open(1, positions[11] ?? null), 4)).toHaveLength(4)
    await expect(reader.open(1, positions[1] ?? null)).rejects.toMatchObject({ code: 'log_gap' })
    await reader.acknowledge(1, positions[19] ?? '')
    writer.dropArchived()
    // The one that is written to stays.
    expect(segments()).toHaveLength(1)
    expect(before).toBeGreaterThan(4)
    await reader.close()
    await writer.close()
  })

  it('keeps archived segments as long as it is told', async () => {
    let ahead = 0
    const clock = { ...systemClock, now: () => Date.now() + ahead }
    const writer = await openLogWriter(options({ segmentBytesMax: 100, retentionMs: 60_000, clock }))
    let position = ''
    for (let index = 0; index < 5; index += 1) position = await writer.append(0, Buffer.alloc(200), 1)
    const reader = await openLogReader({ directory, clock })
    await reader.acknowledge(0, position)
    expect(writer.dropArchived()).toBe(0)
    ahead = 61_000
    expect(writer.dropArchived()).toBe(4)
    await reader.close()
    await writer.close()
  })

  it('begins a new incarnation when it was lost or ends before what is decided', async () => {
    const [first] = await write(['first'])
    const kept = onlySegment()
    copyFileSync(kept, `${kept}.copy`)
    const positions = await write(['second', 'third'])
    const decided = positions[1] ?? ''
    copyFileSync(`${kept}.copy`, kept)
    rmSync(join(directory, 'synced'))
    const [fourth] = await write(['fourth'], { notBefore: decided })
    expect(parsePosition(fourth ?? '').incarnation).toBeGreaterThan(parsePosition(first ?? '').incarnation)
    expect((fourth ?? '') > decided).toBe(true)
    expect(await readAll(1, decided)).toEqual(['fourth'])
    expect(await readAll(2)).toEqual(['first', 'fourth'])
  })

  it('refuses a second writer and another number of partitions', async () => {
    const writer = await openLogWriter(options())
    await expect(openLogWriter(options())).rejects.toMatchObject({ code: 'data_in_use' })
    await writer.close()
    await expect(openLogWriter(options({ partitions: 5 }))).rejects.toMatchObject({ code: 'bad_config' })
    await write(['still usable'])
  })

  it('drops a segment whose header never became whole', async () => {
    const positions = await write(['first'])
    const name = segments()[0] ?? ''
    writeFileSync(join(directory, name.replace(/-.*/, `-${'f'.repeat(14)}.log`)), 'MILLRACE LOG')
    await write(['second'], { notBefore: positions[0] ?? null })
    expect(await readAll(2)).toEqual(['first', 'second'])
  })

  it('keeps everything it answered for when its process is killed', async () => {
    const child = fork(new URL('../../../test/append-until-killed.ts', import.meta.url), [directory], { execArgv: [] })
    const durable: string[] = []
    child.on('message', (text) => {
      durable.push(typeof text === 'string' ? text : '')
      if (durable.length >= 200) child.kill('SIGKILL')
    })
    await once(child, 'exit')
    await write(['after the kill'])
    const reader = await openLogReader({ directory, clock: systemClock })
    const cursor = await reader.open(0, null)
    const stored: string[] = []
    while (stored.at(-1) !== 'after the kill') stored.push(...(await cursor.next({ maxRecords: 500, maxBytes: 1e6, waitMs: 1_000 })).map(textOf))
    await reader.close()
    expect(stored.slice(0, durable.length)).toEqual(durable)
    // What was under way may have become durable too, but nothing twice.
    expect(new Set(stored).size).toBe(stored.length)
  })

  it('equals the model for any appends, rolls, reopenings and read bounds', async () => {
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.record({ partition: fc.nat(1), bytes: fc.integer({ min: 1, max: 400 }) }) },
      { weight: 1, arbitrary: fc.constant('reopen' as const) },
    )
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 5 }), async (steps, maxRecords) => {
      rmSync(directory, { recursive: true })
      let writer = await openLogWriter(options({ segmentBytesMax: 900 }))
      const model: string[][] = [[], []]
      for (const [index, one] of steps.entries()) {
        if (one === 'reopen') {
          await writer.close()
          writer = await openLogWriter(options({ segmentBytesMax: 900 }))
          continue
        }
        const text = `${index} ${'x'.repeat(one.bytes)}`
        model[one.partition]?.push(text)
        await writer.append(one.partition, Buffer.from(text), 1)
      }
      const reader = await openLogReader({ directory, clock: systemClock })
      for (const [partition, expected] of model.entries()) {
        const found: string[] = []
        let position: string | null = null
        while (found.length < expected.length) {
          const cursor = await reader.open(partition, position)
          const records = await cursor.next({ maxRecords, maxBytes: 1_000, waitMs: 1_000 })
          await cursor.close()
          expect(records.map(({ sequence }) => sequence)).toEqual(records.map((_, offset) => found.length + offset))
          found.push(...records.map(textOf))
          position = records.at(-1)?.position ?? position
        }
        expect(found).toEqual(expected)
      }
      await reader.close()
      await writer.close()
    }), propertySettings(25))
  })
})

/** Bytes from the segment's start to the end of the frame of 'first', 'second', 'third'. */
function frameEnd(index: number): number {
  return [5, 6, 5].slice(0, index + 1).reduce((sum, bytes) => sum + 48 + bytes, 0)
}
