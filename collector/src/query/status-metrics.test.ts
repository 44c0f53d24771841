import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import type { Clock } from '../platform/clock.ts'
import { exportStatus } from './status-metrics.ts'
import type { Status } from './status.ts'

const never: Clock = { now: () => 0, elapsed: () => 0, sleep: () => new Promise(() => {}) }
const soon: Clock = { now: () => 0, elapsed: () => 0, sleep: () => Promise.resolve() }

const some: Status = {
  atRest: false, agree: false, spool: { bytes: 77 },
  automations: { openCarts: 0, deliveries: { waiting: 0, sent: 0, parked: 0 }, disabledEndpoints: 0 },
  totals: { accepted: 10, stored: 8, archived: 7, loaded: 6, dropped: { duplicate: 1, quarantined: 1 } },
  partitions: [{ partition: 0, lag: { decide: 1, archive: 2, load: 3 } }, { partition: 1, lag: { decide: 10, archive: 20, load: 30 } }],
}

async function samples(status: () => Promise<Status>, clock: Clock): Promise<readonly string[]> {
  const registry = new Registry()
  exportStatus(registry, { status, clock })
  return (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

test('exports lag, counts and verdict from one reading of the status', async () => {
  let readings = 0
  const lines = await samples(async () => {
    readings += 1
    return some
  }, never)
  expect(readings).toBe(1)
  expect(lines).toEqual([
    'millrace_lag_events{step="decide"} 11', 'millrace_lag_events{step="archive"} 22', 'millrace_lag_events{step="load"} 33',
    'millrace_reconciled_events{count="accepted"} 10', 'millrace_reconciled_events{count="stored"} 8', 'millrace_reconciled_events{count="archived"} 7',
    'millrace_reconciled_events{count="loaded"} 6', 'millrace_reconciled_events{count="duplicate"} 1', 'millrace_reconciled_events{count="quarantined"} 1',
    'millrace_tiers_agree 0', 'millrace_spool_bytes 77',
  ])
})

test.each([
  ['fails', () => Promise.reject(new Error('away')), never],
  ['does not answer in time', () => new Promise<Status>(() => {}), soon],
] as const)('claims nothing while the status %s', async (_, status, clock) => {
  expect(await samples(status, clock)).toEqual(['millrace_tiers_agree Nan', 'millrace_spool_bytes Nan'])
})
