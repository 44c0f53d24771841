import { expect, it } from 'vitest'
import { batchRow } from '../../test/contracts/batch-row.ts'
import { MillraceError } from '../platform/errors.ts'
import { systemClock } from '../platform/clock.ts'
import type { BatchRow, ObjectRow } from '../ports/oltp.ts'
import { Archiver } from './archiver.ts'
import { objectName, runDigest, sha256 } from './archive-object.ts'
import { BatchBuffer } from './batch-buffer.ts'

const lines = Buffer.from('{"line":1}\n')
const batch: BatchRow = batchRow(1, { stored: 1, lineBytes: lines.length, digest: sha256(lines) })
const planned: ObjectRow = {
  partition: 0, firstBatch: 1, lastBatch: 1, name: objectName([batch]), digest: runDigest([batch]), events: 1, plannedAt: 1, archivedAt: null,
}

/** An archiver whose object is put and whose partition somebody else has by then, who knows the run's object by this name. */
async function overtaken(knownName: string): Promise<readonly string[]> {
  const there = new Set<string>()
  const archiver = new Archiver({ partition: 0, role: 'pump', epoch: 1 }, {
    oltp: {
      openObject: async () => planned, batches: async () => [batch], planObject: async () => {},
      partition: async () => {
        throw new Error('nobody asks')
      },
      finishObject: async () => {
        throw new MillraceError('epoch_lost', 'partition 0 has another owner')
      },
      objectOf: async () => ({ ...planned, name: knownName, archivedAt: 2 }),
    },
    objects: { put: async (name) => void there.add(name), delete: async (name) => void there.delete(name) },
    log: { acknowledge: async () => {} },
    source: { lines: async () => lines },
    clock: systemClock,
  }, { objectBytesMax: 1, objectDelayMs: 1 })
  await expect(archiver.step(new BatchBuffer(1_000), true)).rejects.toMatchObject({ code: 'epoch_lost' })
  return [...there]
}

it('takes back what it put after it was overtaken, where an erasure has written the object anew', async () => {
  expect(await overtaken('replaced')).toEqual([])
  expect(await overtaken(planned.name)).toEqual([planned.name])
})
