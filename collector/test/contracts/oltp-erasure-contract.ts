import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { BatchRow, DecideChanges, Fence } from '../../src/ports/oltp.ts'
import { batchRow, t0 } from './batch-row.ts'
import type { OltpUnderTest } from './oltp-contract.ts'
import { applying, changes, identifier, noIdentity, objectRow, profile, timelineRow, uuid } from './oltp-rows.ts'

/** How every OLTP driver forgets. */
export function oltpErasureContract(name: string, open: () => Promise<OltpUnderTest>): void {
  describe(`OLTP erasure contract: ${name}`, () => {
    let under: OltpUnderTest
    let fence: Fence
    const decide = (batch: BatchRow, part: Partial<DecideChanges> = {}): Promise<void> => under.oltp.decide(fence, applying(batch, part))

    beforeEach(async () => {
      under = await open()
      await under.oltp.migrate()
      fence = (await under.oltp.claimPartition(0, 'pump')).fence
    })
    afterEach(() => under.cleanup())

    it('forgets a person whole, once, and remembers only that it must', async () => {
      const erasure = { workspace: 1, id: 'operator:1', at: t0, mode: 'anew', identifierKeys: [uuid(1)] } as const
      const members = [identifier(1), identifier(2, { component: uuid(1) }), identifier(3, { profileId: uuid(300), value: 'other@example.com' })]
      const edge = (a: number, b: number) => ({
        workspace: 1, a: uuid(a), b: uuid(b), rank: 1, firstSeenSecret: null, firstSeenPublic: t0, lastSeen: t0, count: 1,
        cause: { messageId: 'm', metric: 'identify' }, state: 'accepted', witness: null,
      }) as const
      const bad = (messageId: string, raw: string) => ({ workspace: 1, messageId, reason: 'too_deep', receivedAt: t0, event: JSON.stringify({ messageId, raw }) }) as const
      await decide(batchRow(1), {
        identity: { ...noIdentity, identifiers: members, edges: [edge(1, 2), edge(3, 9)], profiles: [profile(100), profile(300), profile(101, { mergedInto: uuid(100) })] },
        claims: [{ workspace: 1, messageId: 'bad', receivedAt: t0, identifierKey: null, sourced: false }],
        timeline: [timelineRow(1), timelineRow(2, { identifierKey: uuid(3) })], registers: [{ workspace: 1, identifierKey: uuid(2), registers: '["x"]' }],
        quarantine: [bad('bad', '{"email":"P1@Example.com"}'), bad('fine', '{"email":"other@example.com"}')],
      })
      await decide(batchRow(2), { erasures: [erasure] })
      expect(await under.oltp.erasures.openErasures()).toEqual([{ ...erasure, collected: null, erasedEvents: 0, replacedObjects: [], report: null }])
      const collected = await under.oltp.erasures.collectErasure(1, erasure.id, t0 + 50)
      expect(collected).toMatchObject({
        identifierKeys: [uuid(1), uuid(2)],
        collected: { profileIds: [uuid(100)], upToBatch: [2], quarantined: [{ messageId: 'bad', place: { partition: 0, batch: 1 } }], rows: { identifier: 2, timeline: 1, profile: 2 } },
      })
      expect(await under.oltp.erasures.collectErasure(1, erasure.id, t0 + 99)).toEqual(collected)
      expect(await under.reader.identifier(1, uuid(2))).toBeNull()
      expect(await under.reader.profile(1, uuid(101))).toBeNull()
      expect(await under.reader.registersOf(1, [uuid(2)])).toEqual([])
      expect(await under.reader.identifier(1, uuid(3))).toEqual(members[2])
      expect(await under.reader.edgesOf(1, [uuid(2), uuid(3)], 10)).toEqual([edge(3, 9)])
      expect(await under.reader.quarantined(1, 'bad')).toBeNull()
      expect(await under.reader.quarantined(1, 'fine')).not.toBeNull()
      expect(await under.reader.claimOf(1, 'bad')).not.toBeNull()
      await under.oltp.decide(fence, async (transaction) => {
        expect([await transaction.suppresses(1), await transaction.suppresses(2)]).toEqual([true, false])
        const suppression = { workspace: 1, at: t0 + 50, mode: 'anew' }
        expect(await transaction.suppressions(1, [uuid(1), uuid(2), uuid(3)])).toEqual(new Map([1, 2].map((n) => [uuid(n), { ...suppression, identifierKey: uuid(n) }])))
      })
      await under.oltp.planObject(fence, objectRow(1, 2))
      await under.oltp.finishObject(fence, objectRow(1, 2), t0)
      await under.oltp.erasures.replaceObject(collected, {
        partition: 0, lastBatch: 2, name: 'raw/v1/new', replacedName: 'raw/v1/1', digest: 'e', erasedEvents: 3, batches: [{ partition: 0, batch: 1, digest: 'f'.repeat(64), lineBytes: 7 }],
      })
      expect(await under.oltp.objectOf(0, 1)).toMatchObject({ name: 'raw/v1/new', digest: 'e' })
      expect((await under.oltp.batches(0, 1, 1))[0]).toMatchObject({ digest: 'f'.repeat(64), lineBytes: 7, decisions: null })
      await under.oltp.erasures.scrub()
      await under.oltp.erasures.finishErasure(collected, '{"done":true}')
      expect(await under.oltp.erasures.openErasures()).toEqual([])
      expect(await under.reader.erasures.erasure(1, erasure.id)).toMatchObject({ erasedEvents: 3, replacedObjects: ['raw/v1/1'], report: '{"done":true}' })
      expect(await under.reader.erasures.erasedEvents()).toBe(3)
    })

    it('forgets how often an edge to somebody who stays was seen', async () => {
      const edge = (count: number) => ({
        workspace: 1, a: uuid(3), b: uuid(2), rank: 1, firstSeenSecret: null, firstSeenPublic: t0, lastSeen: t0 + count, count,
        cause: { messageId: 'm', metric: 'identify' }, state: 'rejected', witness: { rule: 'limit', kind: 'email', a: uuid(3), b: uuid(2) },
      }) as const
      const seen = (batch: number, count: number): Promise<void> => under.oltp.decide(fence, async (transaction) => {
        const [given] = await transaction.edges(1, [{ a: uuid(3), b: uuid(2) }])
        // As identity does: what is unchanged is the same object.
        const row = given === undefined ? edge(count) : { ...given, count, lastSeen: t0 + count }
        await transaction.apply(changes(batchRow(batch), { identity: { ...noIdentity, edges: [row] } }))
      })
      await decide(batchRow(1), { identity: { ...noIdentity, identifiers: [identifier(2), identifier(3, { profileId: uuid(300) })], profiles: [profile(100), profile(300)] } })
      await seen(2, 1)
      await seen(3, 4)
      await seen(4, 9)
      for (const key of [uuid(2), uuid(3)]) expect(await under.reader.edgesOf(1, [key], 10)).toEqual([edge(9)])
      await decide(batchRow(5), { erasures: [{ workspace: 1, id: 'operator:1', at: t0, mode: 'anew', identifierKeys: [uuid(2)] }] })
      await under.oltp.erasures.collectErasure(1, 'operator:1', t0 + 50)
      expect(await under.reader.edgesOf(1, [uuid(3)], 10)).toEqual([])
      await seen(6, 1)
      expect(await under.reader.edgesOf(1, [uuid(3)], 10)).toEqual([edge(1)])
    })
  })
}
