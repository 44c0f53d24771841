import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Evidence } from '../../src/identity/gather-evidence.ts'
import type { Identifier } from '../../src/identity/identifier.ts'
import { identifierKey } from '../../src/identity/identifier-key.ts'
import { defaultIdentitySettings, type IdentitySettings } from '../../src/identity/identity-settings.ts'
import { readSettings, settingsOfRows } from '../../src/identity/live-settings.ts'
import { resolveBatch } from '../../src/identity/resolve-batch.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { MillraceError } from '../../src/platform/errors.ts'
import type { Fence, Oltp } from '../../src/ports/oltp.ts'
import { resolveStep } from '../../src/pump/resolve-step.ts'
import { propertySettings } from '../property-settings.ts'
import { solveInFull } from '../solve-in-full.ts'
import { batchRow } from './batch-row.ts'
import type { OltpUnderTest } from './oltp-contract.ts'
import { changes as changesOf } from './oltp-rows.ts'

const partitions = 6
const nothing = { ...changesOf(batchRow(1)), sequence: null }
const identityKey = Buffer.alloc(32, 7)
const settings: IdentitySettings = {
  ...defaultIdentitySettings, limits: { ...defaultIdentitySettings.limits, phone: 2, anonymous_id: 3 }, fanOutMax: 3, degreeMax: 4,
}
const pool: readonly Identifier[] = [
  ...['1', '2', '3'].map((value) => ({ kind: 'external_id', namespace: '', value }) as const),
  ...['a@example.com', 'b@example.com', 'c@example.com'].map((value) => ({ kind: 'email', namespace: '', value }) as const),
  { kind: 'phone', namespace: '', value: '+441' },
  ...['u', 'v', 'w', 'x', 'y'].map((value) => ({ kind: 'anonymous_id', namespace: '', value }) as const),
]
const drawn = fc.array(fc.record({
  who: fc.uniqueArray(fc.nat(pool.length - 1), { minLength: 1, maxLength: 3 }),
  time: fc.nat(50), partition: fc.nat(partitions - 1),
}), { minLength: 10, maxLength: 60 })

/** Events of one shop's few people over all partitions at once: no lost update may change who is who. */
export function oltpConcurrencyContract(name: string, open: () => Promise<OltpUnderTest>, runs: number): void {
  describe(`OLTP concurrency contract: ${name}`, () => {
    let under: OltpUnderTest

    beforeAll(async () => {
      under = await open()
      await under.oltp.migrate()
    })
    afterAll(() => under.cleanup())

    it('decides partitions side by side as if one after another', async () => {
      const claims = await Promise.all(Array.from({ length: partitions }, (_, partition) => under.oltp.claimPartition(partition, 'pump')))
      let workspace = 0
      await fc.assert(fc.asyncProperty(drawn, async (events) => {
        workspace += 1
        const evidence = evidenceOf(events, workspace)
        await Promise.all(claims.map(async ({ fence }) => {
          const mine = evidence.filter((_, index) => events[index]?.partition === fence.partition)
          for (let from = 0; from < mine.length; from += 5) await decide(under.oltp, fence, mine.slice(from, from + 5))
        }))
        await expectSame(under, evidence, settings)
      }), propertySettings(runs))
    }, 300_000)

    it('walks after new settings beside what is decided, as if they had always held', async () => {
      const claims = await Promise.all(Array.from({ length: partitions }, (_, partition) => under.oltp.claimPartition(partition, 'pump')))
      let workspace = 1_000
      await fc.assert(fc.asyncProperty(drawn, fc.array(fc.nat(documents.length - 1), { minLength: 1, maxLength: 3 }), async (events, changes) => {
        workspace += 1
        const evidence = evidenceOf(events, workspace)
        await Promise.all(claims.map(async ({ fence }) => {
          const mine = evidence.filter((_, index) => events[index]?.partition === fence.partition)
          for (let from = 0; from < mine.length; from += 5) await decide(under.oltp, fence, mine.slice(from, from + 5))
          if (fence.partition !== 0) return
          for (const [index, document] of changes.entries()) {
            await set(under.oltp, fence, { workspace, version: index + 1, document: documents[document] ?? {} })
            for (let step = 0; step < 3; step += 1) await walk(under.oltp, fence)
          }
          while (!(await walk(under.oltp, fence))) await Promise.resolve()
        }))
        await expectSame(under, evidence, readSettings({ version: 1, document: JSON.stringify({ identity: documents[changes.at(-1) ?? 0] }) }))
      }), propertySettings(runs))
    }, 300_000)
  })
}

const documents: readonly object[] = [
  { limits: { phone: 2, anonymousId: 3 }, fanOutMax: 3, degreeMax: 4 }, { limits: { email: 3, externalId: 2 }, fanOutMax: 5 }, { blocked: [{ value: 'u' }, { emailDomain: 'example.com' }] },
  { fanOutMax: 1, limits: { anonymousId: 1 }, degreeMax: 1 },
]

/** One batch of the partition that decides settings. */
async function set(oltp: Oltp, fence: Fence, { workspace, version, document }: { workspace: number; version: number; document: object }): Promise<void> {
  await untilDone(() => oltp.decide(fence, (transaction) => transaction.apply({
    ...nothing, batch: { ...batchRow(transaction.partition.batch + 1), partition: fence.partition },
    settings: [{ workspace, version, document: JSON.stringify({ identity: document }), messageId: `settings ${version}`, since: version }],
    resolves: [{ workspace, partition: fence.partition, version, after: null, done: false }],
  })))
}

/** A step of few identifiers; true at the end. */
function walk(oltp: Oltp, fence: Fence): Promise<boolean> {
  return untilDone(async () => (await oltp.decide(fence, (transaction) =>
    resolveStep(transaction, { settings, identityKey, clock: systemClock }, { identifiersMax: 3, edgesMax: 5 }))).atRest)
}

/** As a pump would: what another transaction got in the way of is done again from fresh reads. */
async function decide(oltp: Oltp, fence: Fence, evidence: readonly Evidence[]): Promise<void> {
  await untilDone(() => oltp.decide(fence, async (transaction) => {
    const settingsOf = settingsOfRows(await transaction.newestSettings([...new Set(evidence.map(({ workspace }) => workspace))]), settings)
    const { changes, profileOf } = await resolveBatch(transaction, { evidence }, { settings, settingsOf, identityKey })
    const strongest = evidence.map(({ workspace, identifiers: [first] }) => first === undefined ? '' : identifierKey(workspace, first))
    await transaction.apply({
      ...nothing, identity: changes,
      claims: evidence.map(({ workspace, messageId, receivedAt }, index) => ({ workspace, messageId, receivedAt, identifierKey: strongest[index] ?? null, sourced: false })),
      metrics: [...new Set(strongest)].map((identifier) => ({
        workspace: evidence[0]?.workspace ?? 0, identifierKey: identifier, metric: 'page', firstAt: 0, lastAt: 0,
        count: strongest.filter((key) => key === identifier).length,
      })),
      touched: [...new Set(strongest.map(profileOf))].map((id) => ({ workspace: evidence[0]?.workspace ?? 0, id })),
      batch: { ...batchRow(transaction.partition.batch + 1), partition: fence.partition },
    })
  }))
}

async function untilDone<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof MillraceError && error.retryable)) throw error
    }
  }
}

function evidenceOf(events: typeof drawn extends fc.Arbitrary<infer Drawn> ? Drawn : never, workspace: number): readonly Evidence[] {
  return events.map(({ who, time }, index) => ({
    workspace, time, receivedAt: time, trust: 'public', messageId: `m${index}`, metric: 'page',
    identifiers: who.toSorted((x, y) => x - y).flatMap((at) => pool[at] ?? []),
  }))
}

async function expectSame({ reader }: OltpUnderTest, evidence: readonly Evidence[], rules: IdentitySettings): Promise<void> {
  const full = solveInFull({ evidence, vetoes: [], identityKey }, rules)
  const workspace = evidence[0]?.workspace ?? 0
  const keys = [...full.profiles.keys()]
  const rows = await Promise.all(keys.map((key) => reader.identifier(workspace, key)))
  expect(new Map(rows.map((row) => [row?.key, row?.profileId]))).toEqual(full.profiles)
  expect(new Map(rows.map((row) => [row?.key, row?.component]))).toEqual(full.components)
  const edges = await reader.edgesOf(workspace, keys, 10_000)
  expect(new Map(edges.map((edge) => [edge.a + edge.b, { ...edge, workspace: undefined }]))).toEqual(full.edges)
  for (const id of new Set(full.profiles.values())) expect(await reader.profile(workspace, id)).toMatchObject({ mergedInto: null })
  const totals = await reader.metricTotals(workspace, keys)
  expect(totals.map(({ count }) => count)).toEqual([evidence.length])
}
