import { expect, it } from 'vitest'
import { MillraceError } from '../platform/errors.ts'
import type { Fence } from '../ports/oltp.ts'
import { causeOfFailure } from './cause-of-failure.ts'

const fence: Fence = { partition: 3, role: 'load', epoch: 1 }
const failed = new Error('there is no such table')

it('is that another process has the partition, where it has', async () => {
  const lost = new MillraceError('epoch_lost', 'another one loads')
  const asked: Fence[] = []
  const requireOwned = async (one: Fence): Promise<void> => {
    asked.push(one)
    throw lost
  }
  expect(await causeOfFailure(failed, fence, { requireOwned })).toBe(lost)
  expect(asked).toEqual([fence])
})

it('is the error itself for whoever still has it, or cannot ask', async () => {
  for (const answer of [async () => {}, async () => Promise.reject(new MillraceError('unavailable', 'the store is away'))]) {
    expect(await causeOfFailure(failed, fence, { requireOwned: answer })).toBe(failed)
  }
})
