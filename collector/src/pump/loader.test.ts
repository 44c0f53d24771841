import { expect, it } from 'vitest'
import { MillraceError } from '../platform/errors.ts'
import type { Fence } from '../ports/oltp.ts'
import { BatchSource } from './batch-source.ts'
import { Loader } from './loader.ts'

const clock = { now: () => 0, elapsed: () => 0, sleep: async () => {} }
const fence: Fence = { partition: 0, role: 'load', epoch: 1 }

/** A load that fails before anything of it is written. */
function failingLoader(requireOwned: (fence: Fence) => Promise<void>): Loader {
  const away = async (): Promise<never> => {
    throw new Error('there is no such table')
  }
  const oltp = {
    openLoads: away, requireOwned, partition: away, objectOf: away, batches: away, planLoads: away, finishLoad: away, overridesOf: away, pointingsOf: away,
  }
  return new Loader(fence, {
    oltp, olap: { insert: away, heldRows: away, putOverrides: away, putPointings: away }, source: new BatchSource({ oltp, objects: { get: away }, log: { open: away } }),
    clock, metrics: { rowsRefused: () => {} }, generation: () => 1,
  }, { loadRowsMax: 1, loadDelayMs: 50 })
}

it('an owner that was overtaken hears of it where its loads fail before they come to the fence', async () => {
  const overtaken = failingLoader(async () => {
    throw new MillraceError('epoch_lost', 'another one loads')
  })
  await expect(overtaken.step(undefined, false)).rejects.toMatchObject({ code: 'epoch_lost' })
})

it('whoever still owns the partition, or cannot ask, hears why the load failed', async () => {
  for (const answer of [async () => {}, async () => Promise.reject(new MillraceError('unavailable', 'the store is away'))]) {
    await expect(failingLoader(answer).step(undefined, false)).rejects.toThrow('there is no such table')
  }
})
