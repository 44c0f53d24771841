import { expect, it, vi } from 'vitest'
import { MillraceError } from '../platform/errors.ts'
import type { Logger } from '../platform/logger.ts'
import type { MemberRow } from '../ports/oltp.ts'
import { type OwnedPump, PartitionOwner } from './partition-owner.ts'

const member: MemberRow = { member: 'm', roles: ['pump', 'load'] }
const logger: Logger = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} }

it('tries a partition again that it could not claim, and no other', async () => {
  const starts: number[] = []
  let members: readonly MemberRow[] = [{ ...member, member: 'other' }]
  let beat = (): void => {}
  const stopped = new AbortController()
  const pumpOf = (partition: number): OwnedPump => ({
    start: async () => {
      starts.push(partition)
      if (partition === 1 && starts.filter((started) => started === 1).length === 1) throw new MillraceError('unavailable', 'the store is away', { retryable: true })
    },
    stop: async () => {}, pauseLoads: async () => ({ partition, role: 'load', epoch: 1 }), resumeLoads: () => {},
  })
  const owner = new PartitionOwner({
    oltp: { heartbeat: async () => members, leave: async () => {} }, logger, makePump: pumpOf,
    clock: {
      now: () => 0, elapsed: () => 0,
      sleep: (_, signal) => new Promise((resolve) => {
        beat = resolve
        signal?.addEventListener('abort', () => resolve(), { once: true })
      }),
    },
  }, { member, partitions: 2, shared: true }, () => stopped.abort())
  await owner.start()
  members = [member]
  beat()
  await vi.waitFor(() => expect(new Set(starts)).toEqual(new Set([0, 1])))
  beat()
  await vi.waitFor(() => expect(starts.filter((partition) => partition === 1)).toHaveLength(2))
  beat()
  await owner.stop()
  expect(starts.toSorted()).toEqual([0, 1, 1])
  expect(stopped.signal.aborted).toBe(false)
})
