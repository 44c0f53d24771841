import { beforeEach, expect, it } from 'vitest'
import { batchRow } from '../../test/contracts/batch-row.ts'
import type { PartitionRow } from '../ports/oltp.ts'
import { Archiver } from './archiver.ts'
import { BatchBuffer } from './batch-buffer.ts'
import { BatchSource } from './batch-source.ts'
import { Loader } from './loader.ts'

const clock = { now: () => 0, elapsed: () => 0, sleep: async () => {} }
const decided = { lines: Buffer.alloc(6), rows: Buffer.alloc(6) }
const atRest: PartitionRow = { partition: 0, pumpEpoch: 1, loadEpoch: 1, position: '1:1', sequence: 1, batch: 1, archivedBatch: 1, loadedBatch: 1, load: 1 }

let buffer: BatchBuffer

beforeEach(() => {
  buffer = new BatchBuffer(10)
})

it('is full until what it holds was archived and loaded', () => {
  buffer.add(batchRow(1), decided)
  expect(buffer.full).toBe(true)
  buffer.add(batchRow(2), decided)
  expect([buffer.lines(1), buffer.rows(1), buffer.lines(2)]).toEqual([decided.lines, decided.rows, null])
  buffer.archived(1)
  expect([buffer.full, buffer.lines(1), buffer.rows(1)]).toEqual([false, null, decided.rows])
  buffer.loaded(1)
  expect(buffer.rows(1)).toBeNull()
})

it('keeps nothing of a batch that was archived and loaded before the answer of its commit came', () => {
  buffer.archived(2)
  buffer.loaded(1)
  buffer.add(batchRow(1), decided)
  buffer.add(batchRow(2), decided)
  expect([buffer.full, buffer.rows(1), buffer.lines(2), buffer.rows(2)]).toEqual([false, null, null, decided.rows])
})

it('lets go of what a step finished without hearing of it', async () => {
  buffer.add(batchRow(1), decided)
  const unused = async (): Promise<never> => {
    throw new Error('there is nothing to do')
  }
  const oltp = {
    openObject: async () => null, openLoads: async () => [], partition: async () => atRest, objectOf: async () => null,
    batches: unused, planObject: unused, finishObject: unused, planLoads: unused, finishLoad: unused, overridesOf: unused, pointingsOf: unused,
  }
  const source = new BatchSource({ oltp, objects: { get: unused }, log: { open: unused } })
  const archiver = new Archiver({ partition: 0, role: 'pump', epoch: 1 }, { oltp, objects: { put: unused, delete: unused }, log: { acknowledge: unused }, source, clock }, { objectBytesMax: 1, objectDelayMs: 50 })
  const loader = new Loader({ partition: 0, role: 'load', epoch: 1 }, {
    oltp, olap: { insert: unused, heldRows: unused, putOverrides: unused, putPointings: unused }, source, clock, metrics: { rowsRefused: () => {} }, generation: () => 1,
  }, { loadRowsMax: 1, loadDelayMs: 50 })
  expect([await archiver.step(buffer, false), await loader.step(buffer, false)]).toEqual([50, 50])
  expect([buffer.full, buffer.lines(1), buffer.rows(1)]).toEqual([false, null, null])
})
