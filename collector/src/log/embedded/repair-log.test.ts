import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { textOf } from '../../../test/contracts/log-contract.ts'
import { propertySettings } from '../../../test/property-settings.ts'
import { systemClock } from '../../platform/clock.ts'
import { openLogReader, openLogWriter } from './embedded-log.ts'
import { repairLog } from './repair-log.ts'

let directory = ''

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-repair-'))
})

afterEach(() => rmSync(directory, { recursive: true }))

const options = (segmentBytesMax: number): Parameters<typeof openLogWriter>[0] =>
  ({ directory, partitions: 2, notBefore: null, clock: systemClock, retentionMs: 0, segmentBytesMax })

/** Record n goes to partition n % 2 and counts n + 1 events. */
async function write(from: number, to: number, segmentBytesMax = 1_000_000): Promise<readonly string[]> {
  const writer = await openLogWriter(options(segmentBytesMax))
  const positions: string[] = []
  for (let index = from; index < to; index += 1) positions.push(await writer.append(index % 2, Buffer.from(`record ${index}!`), index + 1))
  await writer.close()
  return positions
}

async function readAll(): Promise<readonly string[]> {
  const reader = await openLogReader({ directory, clock: systemClock })
  const found: string[] = []
  for (const partition of [0, 1]) {
    const cursor = await reader.open(partition, null)
    for (;;) {
      const records = await cursor.next({ maxRecords: 100, maxBytes: 1e6, waitMs: 0 })
      if (records.length === 0) break
      found.push(...records.map(textOf))
    }
  }
  await reader.close()
  return found.toSorted()
}

const segments = (): readonly string[] => readdirSync(directory).filter((name) => name.endsWith('.log')).toSorted().map((name) => join(directory, name))

/** Turns a byte of the first place where the text stands. */
function spoil(text: string): void {
  const path = segments().find((candidate) => readFileSync(candidate).includes(text)) ?? ''
  const bytes = readFileSync(path)
  const at = bytes.indexOf(text)
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
  writeFileSync(path, bytes)
}

const repair = (decided: Parameters<typeof repairLog>[0]['decided'] = new Map()): ReturnType<typeof repairLog> => repairLog({ directory, partitions: 2, decided })
const allBut = (...missing: number[]): readonly string[] =>
  Array.from({ length: 8 }, (_, index) => `record ${index}!`).filter((_, index) => !missing.includes(index)).toSorted()

it('leaves an intact log as it is', async () => {
  await write(0, 8, 200)
  const before = segments().map((path) => readFileSync(path))
  expect(repair()).toEqual([])
  expect(segments().map((path) => readFileSync(path))).toEqual(before)
  expect(existsSync(join(directory, 'damaged'))).toBe(false)
})

it.each([['in one segment', 1_000_000], ['in an older segment', 150]])('goes on around a damaged record %s, and tells how many events it held', async (_, segmentBytesMax) => {
  await write(0, 8, segmentBytesMax)
  spoil('record 3!')
  const damages = repair()
  expect(damages).toHaveLength(1)
  expect(damages[0]?.lost).toEqual(new Map([[1, 4]]))
  expect(await readAll()).toEqual(allBut(3))
  expect(repair()).toEqual([])
  await write(8, 9)
  expect(await readAll()).toEqual([...allBut(3), 'record 8!'].toSorted())
  expect(readdirSync(join(directory, 'damaged'))).toHaveLength(1)
})

it('counts no event as lost that was decided', async () => {
  const positions = await write(0, 8)
  spoil('record 3!')
  expect(repair(new Map([[1, { position: positions[5] ?? '', sequence: 12 }]]))[0]?.lost).toEqual(new Map())
})

it('goes on where the end that was synced is cut off or damaged', async () => {
  await write(0, 8)
  spoil('record 7!')
  expect(repair()[0]?.lost).toEqual(new Map([[1, 8]]))
  expect(await readAll()).toEqual(allBut(7))
  truncateSync(segments()[0] ?? '', readFileSync(segments()[0] ?? '').indexOf('record 6!'))
  await expect(openLogWriter(options(1_000_000))).rejects.toMatchObject({ code: 'corrupt', message: expect.stringContaining('millrace repair log') })
  repair()
  expect(await readAll()).toEqual(allBut(6, 7))
  await write(8, 9)
  expect(await readAll()).toEqual([...allBut(6, 7), 'record 8!'].toSorted())
})

it('a whole frame that was written after the damaged one was synced proves damage, even without the mark', async () => {
  await write(0, 8)
  spoil('record 3!')
  rmSync(join(directory, 'synced'))
  await expect(openLogWriter(options(1_000_000))).rejects.toMatchObject({ code: 'corrupt' })
})

it('takes no written segment for one that was never whole', async () => {
  await write(0, 8, 150)
  const last = segments().at(-1) ?? ''
  const bytes = readFileSync(last)
  bytes.writeUInt8(bytes.readUInt8(40) ^ 1, 40)
  writeFileSync(last, bytes)
  await expect(openLogWriter(options(150))).rejects.toMatchObject({ code: 'corrupt' })
  expect(existsSync(last)).toBe(true)
  expect(() => repair()).toThrow(expect.objectContaining({ code: 'corrupt' }))
})

it('any bytes spoilt anywhere cost the records they are in, and no other', async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.record({ at: fc.nat(), value: fc.integer({ min: 1, max: 255 }) }), { minLength: 1, maxLength: 6 }), fc.constantFrom(150, 300, 1_000_000),
    async (spoilt, segmentBytesMax) => {
      rmSync(directory, { recursive: true, force: true })
      await write(0, 8, segmentBytesMax)
      const path = segments()[0] ?? ''
      const intact = readFileSync(path)
      const bytes = Buffer.from(intact)
      const header = 40 + 2 * 16
      for (const { at, value } of spoilt) {
        const place = header + at % (bytes.length - header)
        bytes.writeUInt8(bytes.readUInt8(place) ^ value, place)
      }
      writeFileSync(path, bytes)
      repair()
      await (await openLogWriter(options(segmentBytesMax))).close()
      const expected = Array.from({ length: 8 }, (_, index) => `record ${index}!`).filter((text) => {
        const at = intact.indexOf(text)
        return at < 0 || bytes.subarray(at - 48, at + text.length).equals(intact.subarray(at - 48, at + text.length))
      })
      expect(await readAll()).toEqual(expected.toSorted())
    },
  ), propertySettings(60))
})
