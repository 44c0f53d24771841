import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { MemoryLog } from '../../test/memory-log.ts'
import { defaultIdentitySettings } from '../identity/identity-settings.ts'
import { MillraceError } from '../platform/errors.ts'
import type { DecideChanges, DecideTransaction, Fence } from '../ports/oltp.ts'
import { SqliteOltp } from '../stores/oltp/sqlite/sqlite-oltp.ts'
import { decideCarefully } from './decide-carefully.ts'
import type { DecidedBatch } from './decide.ts'
import { readRecord } from './read-record.ts'

const clock = { now: () => 1_700_000_000_000, elapsed: () => 0, sleep: async () => {} }
const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']

let directory = ''
let oltp: SqliteOltp

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-careful-'))
  oltp = new SqliteOltp(join(directory, 'oltp.db'))
  await oltp.migrate()
})

afterEach(async () => {
  await oltp.close()
  rmSync(directory, { recursive: true })
})

function recordOf(messageIds: readonly string[]): ReturnType<MemoryLog['append']> {
  const lines = messageIds.map((messageId) => `1,${clock.now()},s,,\t${JSON.stringify({
    messageId, type: 'track', event: 'Seen', timestamp: '2023-11-14T22:13:20.000Z', userId: messageId,
  })}\n`)
  return new MemoryLog(1).append(0, lines.join(''), { events: lines.length, at: clock.now() })
}

/** Decides the events by a store that throws what `fault` says of a batch's changes. */
async function decideWith(fault: (stored: readonly string[]) => unknown): Promise<{ batch: DecidedBatch | null; failures: readonly unknown[] }> {
  const { fence } = await oltp.claimPartition(0, 'pump')
  const failures: unknown[] = []
  const faulty = {
    partition: (partition: number) => oltp.partition(partition),
    decide: <T>(held: Fence, work: (transaction: DecideTransaction) => Promise<T>): Promise<T> => oltp.decide(held, (transaction) => work(withFault(transaction, fault))),
  }
  const records = [recordOf(names)]
  const batch = await decideCarefully(fence, records, {
    oltp: faulty, clock, context: { settings: defaultIdentitySettings, identityKey: Buffer.alloc(32, 1), clock },
    events: records.flatMap(readRecord), failed: (error) => failures.push(error), signal: AbortSignal.timeout(60_000),
  })
  return { batch, failures }
}

/** The transaction itself, with a fault before what it writes. */
function withFault(transaction: DecideTransaction, fault: (stored: readonly string[]) => unknown): DecideTransaction {
  const faulty: DecideTransaction = Object.create(transaction)
  return Object.assign(faulty, {
    partition: transaction.partition,
    ...Object.fromEntries((['claimed', 'suppresses', 'suppressions', 'registers', 'newestSettings', 'identifiers', 'edges', 'edgesOf', 'components', 'profiles'] as const)
      .map((name) => [name, (...values: never[]): unknown => Reflect.apply(Object(Reflect.get(transaction, name)), transaction, values)])),
    apply: async (changes: DecideChanges): Promise<void> => {
      const error = fault(changes.timeline.map(({ messageId }) => messageId))
      if (error !== null) throw error
      await transaction.apply(changes)
    },
  })
}

it('quarantines the events that fail every time, and only those', async () => {
  const { batch } = await decideWith((stored) => (stored.includes('c') || stored.includes('g') ? new TypeError('cannot') : null))
  expect(batch?.row).toMatchObject({ accepted: 8, stored: 6, quarantined: 2 })
})

it('parks a batch of which no single event is to blame, and its partition goes on', async () => {
  const { batch } = await decideWith((stored) => (stored.length === names.length ? new TypeError('together') : null))
  expect(batch?.row).toMatchObject({ accepted: 8, stored: 0, quarantined: 8 })
  expect((await oltp.partition(0)).batch).toBe(1)
})

it.each([
  ['full', new MillraceError('unavailable', 'the disk is full', { retryable: true })],
  ['damaged', new MillraceError('corrupt', 'the database is damaged')],
  ['misconfigured', new MillraceError('bad_config', 'the password is wrong')],
])('waits for a store that is %s: no event pays for it', async (_, error) => {
  let tries = 0
  const { batch, failures } = await decideWith(() => {
    tries += 1
    return tries <= 12 ? error : null
  })
  expect(failures).toHaveLength(12)
  expect(batch?.row).toMatchObject({ stored: 8, quarantined: 0 })
})

it('a store that fails while the culprit is looked for makes no culprit', async () => {
  let tries = 0
  const { batch } = await decideWith((stored) => {
    tries += 1
    if (tries > 3 && tries < 9) return new MillraceError('unavailable', 'away', { retryable: true })
    return stored.includes('c') ? new TypeError('cannot') : null
  })
  expect(batch?.row).toMatchObject({ stored: 7, quarantined: 1 })
})

it('does not decide again what is committed after it looked', async () => {
  const { fence } = await oltp.claimPartition(0, 'pump')
  const records = [recordOf(names)]
  const before = await oltp.partition(0)
  let decisions = 0
  // The answer of the commit is lost, and the first look at the row comes before it takes effect.
  const late = {
    partition: async () => before,
    decide: async <T>(held: Fence, work: (transaction: DecideTransaction) => Promise<T>): Promise<T> => {
      decisions += 1
      const result = await oltp.decide(held, work)
      if (decisions === 1) throw new MillraceError('outcome_unknown', 'the answer is lost', { retryable: true })
      return result
    },
  }
  const batch = await decideCarefully(fence, records, {
    oltp: late, clock, context: { settings: defaultIdentitySettings, identityKey: Buffer.alloc(32, 1), clock },
    events: records.flatMap(readRecord), failed: () => {}, signal: AbortSignal.timeout(60_000),
  })
  expect([batch, decisions]).toEqual([null, 2])
  expect(await oltp.batches(0, 1, 10)).toMatchObject([{ batch: 1, stored: 8, duplicate: 0 }])
})

it('a fault that goes away costs nothing', async () => {
  let tries = 0
  const { batch } = await decideWith(() => {
    tries += 1
    return tries <= 2 ? new TypeError('for a moment') : null
  })
  expect(batch?.row).toMatchObject({ stored: 8, quarantined: 0 })
})
