import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { noLimits } from '../../src/ports/key.ts'
import { type BatchRow, type DecideChanges, type Fence, type Oltp, type OltpReader, segmentsMax } from '../../src/ports/oltp.ts'
import { generationSetting } from '../../src/ports/generation-setting.ts'
import type { TimelineRow } from '../../src/ports/profile-reader.ts'
import { batchRow, position, t0 } from './batch-row.ts'
import { applying, changes, day, identifier, loadRow, noIdentity, objectRow, profile, timelineRow, uuid } from './oltp-rows.ts'

export interface OltpUnderTest {
  readonly oltp: Oltp
  readonly reader: OltpReader
  /** A second writer on the same database, as a process that took over would be. */
  second(): Promise<Oltp>
  cleanup(): Promise<void>
}

/** What every OLTP driver must do. A driver may skip a case only with a written reason. */
export function oltpContract(name: string, open: () => Promise<OltpUnderTest>): void {
  describe(`OLTP contract: ${name}`, () => {
    let under: OltpUnderTest
    let fence: Fence
    const decide = (batch: BatchRow, part: Partial<DecideChanges> = {}): Promise<void> => under.oltp.decide(fence, applying(batch, part))

    beforeEach(async () => {
      under = await open()
      await under.oltp.migrate()
      fence = (await under.oltp.claimPartition(0, 'pump')).fence
    })
    afterEach(() => under.cleanup())

    it('migrates twice without harm', async () => {
      await under.oltp.migrate()
      expect((await under.oltp.partition(0)).batch).toBe(0)
    })

    it('keeps the first value of a setting that is set once', async () => {
      expect(await under.oltp.settingOnce('identity_key', 'a')).toBe('a')
      expect(await under.oltp.settingOnce('identity_key', 'b')).toBe('a')
      await under.oltp.setSetting('identity_key', 'c')
      expect(await under.reader.setting('identity_key')).toBe('c')
      expect(await under.reader.setting('nothing')).toBeNull()
    })

    it('moves position and batch with the batch row, in one commit', async () => {
      await decide(batchRow(1))
      const row = await under.oltp.partition(0)
      expect(row).toMatchObject({ batch: 1, position: position(1), sequence: 3 })
      expect(await under.oltp.batches(0, 1, 10)).toEqual([batchRow(1)])
    })

    it('leaves nothing of a transaction that rejects', async () => {
      const claim = { workspace: 1, messageId: 'm', receivedAt: t0, identifierKey: null, sourced: false }
      await expect(under.oltp.decide(fence, async (transaction) => {
        await transaction.apply(changes(batchRow(1), { claims: [claim] }))
        throw new Error('after the writes')
      })).rejects.toThrow('after the writes')
      expect((await under.oltp.partition(0)).batch).toBe(0)
      expect(await under.reader.claimOf(1, 'm')).toBeNull()
      await decide(batchRow(1), { claims: [claim] })
      expect(await under.reader.claimOf(1, 'm')).toEqual({ partition: 0, batch: 1, identifierKey: null })
    })

    it('refuses a zombie: an owner whose epoch was passed changes nothing', async () => {
      const second = await under.second()
      const taken = await second.claimPartition(0, 'pump')
      expect(taken.fence.epoch).toBe(fence.epoch + 1)
      await expect(decide(batchRow(1))).rejects.toMatchObject({ code: 'epoch_lost' })
      await expect(under.oltp.planObject(fence, objectRow(1, 1))).rejects.toMatchObject({ code: 'epoch_lost' })
      expect((await under.oltp.partition(0)).batch).toBe(0)
      await second.close()
    })

    it('counts no partition of a negative number', async () => {
      await under.oltp.claimPartition(-1, 'pump')
      expect((await under.reader.partitions()).map(({ partition }) => partition)).toEqual([0])
      expect((await under.reader.totals()).map(({ partition }) => partition)).toEqual([0])
    })

    it('fences the two roles apart', async () => {
      const load = await under.oltp.claimPartition(0, 'load')
      await decide(batchRow(1))
      await under.oltp.planLoads(load.fence, [loadRow(1)])
      const zombie = { ...load.fence, epoch: load.fence.epoch - 1 }
      await expect(under.oltp.planLoads(zombie, [loadRow(2)])).rejects.toMatchObject({ code: 'epoch_lost' })
      await under.oltp.swapGeneration([load.fence, fence], { generation: 2, refusals: [] })
      await expect(under.oltp.swapGeneration([fence, zombie], { generation: 3, refusals: [] })).rejects.toMatchObject({ code: 'epoch_lost' })
      expect(await under.oltp.setting(generationSetting)).toBe('2')
    })

    it('knows claimed message ids exactly, whatever their form, over weeks and workspaces', async () => {
      const ids = ['0197a7a0-0000-7000-8000-000000000001', 'Order-1', 'order-1', 'order-1 ', 'ä', '💥']
      await decide(batchRow(1), {
        claims: ids.map((messageId, index) => ({ workspace: 1, messageId, receivedAt: t0 + index * 8 * day, identifierKey: uuid(index), sourced: false })),
      })
      await under.oltp.decide(fence, async (transaction) => {
        const refs = [...ids, 'ORDER-1', '0197A7A0-0000-7000-8000-000000000001'].map((messageId) => ({ workspace: 1, messageId, receivedAt: t0 }))
        expect(await transaction.claimed(refs)).toEqual([true, true, true, true, true, true, false, false])
        expect(await transaction.claimed(refs.map((ref) => ({ ...ref, workspace: 2 })))).not.toContain(true)
      })
      expect(await under.reader.claimOf(1, 'ä')).toEqual({ partition: 0, batch: 1, identifierKey: uuid(4) })
    })

    it('forgets message ids only once their week has left the window', async () => {
      const claim = (messageId: string, receivedAt: number) => ({ workspace: 1, messageId, receivedAt, identifierKey: null, sourced: false })
      await decide(batchRow(1), { claims: [claim('old', t0), claim('new', t0 + 30 * day)] })
      await under.oltp.prune(0, t0 + 1 * day)
      expect(await under.reader.claimOf(1, 'old')).not.toBeNull()
      await under.oltp.prune(0, t0 + 20 * day)
      expect(await under.reader.claimOf(1, 'old')).toBeNull()
      expect(await under.reader.claimOf(1, 'new')).not.toBeNull()
    })

    it('keeps the source register for ever, apart from the weeks, and shows it as claimed', async () => {
      const claim = (messageId: string, sourced: boolean) => ({ workspace: 1, messageId, receivedAt: t0, identifierKey: uuid(7), sourced })
      await decide(batchRow(1), { claims: [claim('made', true), claim('live', false)] })
      await under.oltp.prune(0, t0 + 400 * day)
      expect(await under.reader.registered(1, ['made', 'live', 'neither'])).toEqual([true, false, false])
      expect(await under.reader.registered(2, ['made'])).toEqual([false])
      expect(await under.reader.claimOf(1, 'made')).toEqual({ partition: 0, batch: 1, identifierKey: uuid(7) })
      await under.oltp.decide(fence, async (transaction) => {
        const refs = ['made', 'live'].map((messageId) => ({ workspace: 1, messageId, receivedAt: t0 + 400 * day }))
        expect(await transaction.claimed(refs)).toEqual([true, false])
      })
    })

    it('gives back identity rows as they were written', async () => {
      const edge = {
        workspace: 1, a: uuid(1), b: uuid(2), rank: 1, firstSeenSecret: null, firstSeenPublic: t0, lastSeen: t0 + 5, count: 2,
        cause: { messageId: 'm', metric: 'identify' }, state: 'rejected', witness: { rule: 'limit', kind: 'email', a: uuid(1), b: uuid(2) },
      } as const
      const inert = { ...edge, b: uuid(3), state: 'inert', witness: null } as const
      const members = [identifier(1), identifier(2, { component: uuid(1), value: 'Größe 💥' }), identifier(3, { workspace: 2 })]
      await decide(batchRow(1), { identity: { ...noIdentity, identifiers: members, edges: [edge, inert], profiles: [profile(100)] } })
      await under.oltp.decide(fence, async (transaction) => {
        expect(await transaction.identifiers(1, [uuid(1), uuid(3), uuid(9)])).toEqual([members[0]])
        expect(await transaction.edges(1, [{ a: uuid(1), b: uuid(2) }, { a: uuid(2), b: uuid(1) }])).toEqual([edge])
        expect(await transaction.components(1, [uuid(1)])).toEqual({ identifiers: members.slice(0, 2), liveEdges: [edge], vetoes: [] })
        expect((await transaction.edgesOf(1, [uuid(3)]))).toEqual([inert])
        expect(await transaction.profiles(1, [uuid(100)])).toEqual([profile(100)])
      })
      expect(await under.reader.identifiersOf(1, uuid(100), 10)).toEqual(members.slice(0, 2))
      expect(await under.reader.identifier(2, uuid(3))).toEqual(members[2])
      expect((await under.reader.identifiers(1, [uuid(2), uuid(9), uuid(1)])).toSorted((one, other) => (one.key < other.key ? -1 : 1))).toEqual(members.slice(0, 2))
      expect(await under.reader.edgesOf(1, [uuid(2)], 10)).toEqual([edge])
    })

    it('keeps a veto until it is lifted, whichever comes again', async () => {
      const veto = { workspace: 1, a: uuid(1), b: uuid(2), createdAt: t0 }
      const members = [identifier(1), identifier(2, { component: uuid(1) })]
      const vetoes = async (): Promise<unknown> => under.oltp.decide(fence, async (transaction) => (await transaction.components(1, [uuid(1)])).vetoes)
      await decide(batchRow(1), { identity: { ...noIdentity, identifiers: members, vetoes: [veto] } })
      await decide(batchRow(2), { identity: { ...noIdentity, vetoes: [{ ...veto, createdAt: t0 + 1 }] } })
      expect(await vetoes()).toEqual([veto])
      expect(await under.reader.vetoesOf(1, [uuid(2), uuid(3)], 10)).toEqual([veto])
      expect(await under.reader.vetoesOf(2, [uuid(1)], 10)).toEqual([])
      await decide(batchRow(3), { identity: { ...noIdentity, liftedVetoes: [veto] } })
      expect(await vetoes()).toEqual([])
      await decide(batchRow(4), { identity: { ...noIdentity, liftedVetoes: [veto] } })
    })

    it('raises a touched profile once a batch, and finds redirects by their survivor', async () => {
      const composition = { anchor: { key: uuid(7), kind: 'email', firstReceivedAt: 5 }, counts: { 'external_id:shopify:x': 1, 'email': 2 }, settings: 3 } as const
      await decide(batchRow(1), { identity: { ...noIdentity, profiles: [profile(1, { composition }), profile(2, { mergedInto: uuid(1) })] } })
      await decide(batchRow(2), { touched: [{ workspace: 1, id: uuid(1) }] })
      expect(await under.reader.profile(1, uuid(1))).toEqual(profile(1, { version: 2, composition }))
      await under.oltp.decide(fence, async (transaction) => {
        expect((await transaction.profiles(1, [uuid(1)])).map((row) => row.id).toSorted()).toEqual([uuid(1), uuid(2)])
      })
    })

    it('keeps overrides per batch for the loader and the latest of each identifier for a rebuild', async () => {
      const override = (version: number, profileId: string) => ({ workspace: 1, identifierKey: uuid(1), profileId, version })
      await decide(batchRow(1), { identity: { ...noIdentity, overrides: [override(2, uuid(7))] } })
      await decide(batchRow(2), { identity: { ...noIdentity, overrides: [override(3, uuid(8)), { ...override(1, uuid(9)), identifierKey: uuid(2) }] } })
      expect(await under.oltp.overridesOf(0, 1, 1)).toEqual([override(2, uuid(7))])
      expect(await under.oltp.overridesOf(0, 2, 2)).toHaveLength(2)
      const [first, ...rest] = await under.oltp.overrides(null, 1)
      expect(first).toEqual(override(3, uuid(8)))
      expect(rest).toEqual([])
      expect(await under.oltp.overrides(first ?? null, 10)).toEqual([{ ...override(1, uuid(9)), identifierKey: uuid(2) }])
    })

    it('keeps where identifiers point per batch for the loader until it is loaded, and the latest of each for a rebuild', async () => {
      const pointing = (key: number, version: number, profileId: string) => ({ workspace: 1, identifierKey: uuid(key), profileId, version })
      const decided = (batch: number, row: ReturnType<typeof pointing>) => ({ ...row, partition: 0, batch })
      const row = (key: number, version: number, profileId: string) => identifier(key, { profileId, version })
      await decide(batchRow(1), { identity: { ...noIdentity, identifiers: [row(2, 1, uuid(7)), row(1, 1, uuid(7))], pointings: [pointing(2, 1, uuid(7)), pointing(1, 1, uuid(7))] } })
      await decide(batchRow(2), { identity: { ...noIdentity, identifiers: [row(1, 2, uuid(8))], pointings: [pointing(1, 2, uuid(8))] } })
      expect(await under.oltp.pointingsOf(0, 1, 1)).toEqual([decided(1, pointing(1, 1, uuid(7))), decided(1, pointing(2, 1, uuid(7)))])
      expect(await under.oltp.pointingsOf(0, 1, 2)).toHaveLength(3)
      expect(await under.oltp.pointingsOf(1, 1, 2)).toEqual([])
      const [first, ...rest] = await under.oltp.pointings(null, 1)
      expect(first).toEqual(pointing(1, 2, uuid(8)))
      expect(rest).toEqual([])
      expect(await under.oltp.pointings(first ?? null, 10)).toEqual([pointing(2, 1, uuid(7))])
      const { fence: load } = await under.oltp.claimPartition(0, 'load')
      await under.oltp.planLoads(load, [loadRow(1)])
      await under.oltp.finishLoad(load, loadRow(1), { rows: 2, refusal: null, loadedAt: t0 })
      await under.oltp.prune(0, 0)
      expect(await under.oltp.pointingsOf(0, 1, 2)).toEqual([decided(2, pointing(1, 2, uuid(8)))])
    })

    it('numbers the versions of a segment, found by its id or its exact name', async () => {
      const draft = { workspace: 1, id: null, newId: uuid(1), name: 'Loyal', definition: '{"a":"Größe 💥"}', createdAt: t0 }
      const { id: _, newId, ...fields } = draft
      const first = { ...fields, id: newId, version: 1 }
      expect(await under.oltp.putSegment(draft)).toEqual(first)
      const second = { ...first, version: 2, definition: '{"b":1}' }
      expect(await under.oltp.putSegment({ ...draft, newId: uuid(2), definition: '{"b":1}' })).toEqual(second)
      const renamed = { ...second, version: 3, name: 'Loyal ones' }
      expect(await under.oltp.putSegment({ ...draft, id: uuid(1), newId: uuid(3), name: 'Loyal ones', definition: '{"b":1}' })).toEqual(renamed)
      // Names that a careless collation takes for one, and a name that is free again.
      for (const [index, name] of ['loyal ones', 'Loyal ones ', 'Löyal ones', 'Loyal'].entries()) {
        expect(await under.oltp.putSegment({ ...draft, newId: uuid(10 + index), name })).toMatchObject({ id: uuid(10 + index), version: 1, name })
      }
      await expect(under.oltp.putSegment({ ...draft, id: uuid(99) })).rejects.toMatchObject({ code: 'not_found' })
      await expect(under.oltp.putSegment({ ...draft, id: uuid(1), workspace: 2 })).rejects.toMatchObject({ code: 'not_found' })
      await expect(under.oltp.putSegment({ ...draft, id: uuid(1), name: 'loyal ones' })).rejects.toMatchObject({ code: 'bad_request' })
      expect(await under.oltp.putSegment({ ...draft, workspace: 2, newId: uuid(4) })).toEqual({ ...first, workspace: 2, id: uuid(4) })
      expect(await under.reader.segment(1, uuid(1), null)).toEqual(renamed)
      expect(await under.reader.segment(1, uuid(1), 1)).toEqual(first)
      expect(await under.reader.segment(1, uuid(1), 4)).toBeNull()
      expect(await under.reader.segment(2, uuid(1), null)).toBeNull()
      expect((await under.reader.segments(1)).map((row) => row.id)).toEqual([uuid(1), uuid(10), uuid(11), uuid(12), uuid(13)])
      expect((await under.reader.segments(1))[0]).toEqual(renamed)
    })

    it('adds segments only where no other has the name, and leaves those that are there', async () => {
      const draft = { workspace: 1, id: null, newId: uuid(1), name: 'Loyal', definition: '{"a":1}', createdAt: t0 }
      await under.oltp.createWorkspace('first', t0)
      const mine = await under.oltp.putSegment(draft)
      const added = (index: number, name: string) => ({ newId: uuid(index), name, definition: '{"b":1}', createdAt: t0 })
      const both = [added(2, 'Loyal'), added(3, 'New')]
      await Promise.all([under.oltp.addSegments(1, both), under.oltp.addSegments(1, both.map((one, index) => ({ ...one, newId: uuid(4 + index) })))])
      const segments = await under.reader.segments(1)
      expect(segments.map(({ name, version, definition }) => [name, version, definition])).toEqual([['Loyal', 1, '{"a":1}'], ['New', 1, '{"b":1}']])
      expect(segments[0]).toEqual(mine)
      expect(await under.reader.segments(2)).toEqual([])
      await under.oltp.addSegments(1, Array.from({ length: segmentsMax }, (_, index) => added(1_000 + index, `number ${index}`)))
      expect(await under.reader.segments(1)).toHaveLength(segmentsMax)
    })

    it('knows who lives, by its own clock, and forgets who leaves', async () => {
      const a = { member: 'a', roles: ['pump', 'load'] } as const
      const b = { member: 'b', roles: ['load'] } as const
      expect(await under.oltp.heartbeat(b, 60_000)).toEqual([b])
      expect(await under.oltp.heartbeat(a, 60_000)).toEqual([a, b])
      expect(await under.oltp.heartbeat(a, 60_000)).toEqual([a, b])
      await under.oltp.leave('b')
      expect(await under.oltp.heartbeat(a, 60_000)).toEqual([a])
      // Nobody else has been heard of within no time at all.
      await under.oltp.heartbeat(b, 60_000)
      await new Promise((resolve) => setTimeout(resolve, 5))
      expect(await under.oltp.heartbeat(a, 1)).toEqual([a])
    })

    it('adds up metrics and gives totals over several identifiers', async () => {
      const delta = (key: number, count: number, [firstAt, lastAt]: readonly [number, number]) =>
        ({ workspace: 1, identifierKey: uuid(key), metric: 'Order Completed', count, firstAt, lastAt })
      await decide(batchRow(1), { metrics: [delta(1, 2, [t0, t0 + 5]), delta(2, 1, [t0 - 5, t0])] })
      await decide(batchRow(2), { metrics: [delta(1, 3, [t0 - 9, t0 + 1])] })
      expect(await under.reader.metricTotals(1, [uuid(1), uuid(2)])).toEqual([{ metric: 'Order Completed', count: 6, firstAt: t0 - 9, lastAt: t0 + 5 }])
      expect(await under.reader.metricTotals(2, [uuid(1)])).toEqual([])
    })

    it('pages a timeline over identifiers and metrics, newest first, without a gap or a repeat', async () => {
      const rows = Array.from({ length: 60 }, (_, index) => timelineRow(index, {
        identifierKey: uuid(1 + (index % 3)), metric: index % 2 === 0 ? 'Order Completed' : 'page', time: t0 + Math.floor(index / 4),
      }))
      const metrics = rows.map((row) => ({ ...row, count: 1, firstAt: row.time, lastAt: row.time }))
      const merged = new Map(metrics.map((row) => [`${row.identifierKey}${row.metric}`, row]))
      for (const row of metrics) {
        const key = `${row.identifierKey}${row.metric}`
        const before = merged.get(key) ?? row
        merged.set(key, { ...before, firstAt: Math.min(before.firstAt, row.firstAt), lastAt: Math.max(before.lastAt, row.lastAt) })
      }
      await decide(batchRow(1), { timeline: rows, metrics: [...merged.values()] })
      const expected = rows.toSorted((a, b) => b.time - a.time || (a.messageId < b.messageId ? 1 : -1))
      const keys = [uuid(1), uuid(2), uuid(3)]
      const seen: TimelineRow[] = []
      for (;;) {
        const last = seen.at(-1)
        const cursor = last === undefined ? {} : { cursor: { time: last.time, messageId: last.messageId } }
        const page = await under.reader.timeline({ workspace: 1, identifierKeys: keys, limit: 7, ...cursor })
        if (page.length === 0) break
        seen.push(...page)
      }
      expect(seen).toEqual(expected)
      const some = await under.reader.timeline({ workspace: 1, identifierKeys: keys, metric: 'page', after: t0 + 2, before: t0 + 9, limit: 100 })
      expect(some).toEqual(expected.filter((row) => row.metric === 'page' && row.time > t0 + 2 && row.time < t0 + 9))
    })

    it('keeps registers and quarantined events', async () => {
      const quarantined = { workspace: 1, messageId: 'bad', reason: 'too_deep', receivedAt: t0, event: '{"raw":"…"}' } as const
      await decide(batchRow(1), { registers: [{ workspace: 1, identifierKey: uuid(1), registers: '["x"]' }], quarantine: [quarantined] })
      expect(await under.reader.registersOf(1, [uuid(1), uuid(2)])).toEqual(['["x"]'])
      expect(await under.reader.quarantined(1, 'bad')).toEqual(quarantined)
      await under.oltp.decide(fence, async (transaction) => {
        expect([...await transaction.registers(1, [uuid(1), uuid(2)])]).toEqual([[uuid(1), '["x"]']])
      })
    })

    it('plans an object, then finishes it, and knows it in between', async () => {
      await decide(batchRow(1))
      await decide(batchRow(2))
      await under.oltp.planObject(fence, objectRow(1, 2))
      await decide(batchRow(3))
      await expect(under.oltp.planObject(fence, objectRow(1, 3))).rejects.toMatchObject({ code: 'unavailable', retryable: true })
      expect(await under.oltp.openObject(0)).toEqual(objectRow(1, 2))
      await under.oltp.finishObject(fence, objectRow(1, 2), t0 + 9)
      expect(await under.oltp.openObject(0)).toBeNull()
      expect(await under.oltp.objectOf(0, 2)).toEqual({ ...objectRow(1, 2), archivedAt: t0 + 9 })
      expect(await under.oltp.objectOf(0, 3)).toBeNull()
      expect((await under.oltp.partition(0)).archivedBatch).toBe(2)
    })

    it('moves the load cursor only with the load that closes its run', async () => {
      const { fence: load } = await under.oltp.claimPartition(0, 'load')
      await decide(batchRow(1))
      const pieces = [loadRow(1, { firstMonth: 200001, lastMonth: 200706, closesRun: false }), loadRow(2, { firstMonth: 200707, lastMonth: 202601 })]
      await under.oltp.planLoads(load, pieces)
      await expect(under.oltp.planLoads(load, [loadRow(3)])).rejects.toMatchObject({ code: 'unavailable', retryable: true })
      expect(await under.oltp.openLoads(0)).toEqual(pieces)
      for (const piece of pieces) {
        expect((await under.oltp.partition(0)).loadedBatch).toBe(0)
        await under.oltp.finishLoad(load, piece, { rows: 2, refusal: null, loadedAt: t0 + 1 })
      }
      expect(await under.oltp.openLoads(0)).toEqual([])
      expect((await under.oltp.partition(0)).loadedBatch).toBe(1)
      expect(await under.reader.loadOf(0, 1)).toMatchObject({ load: 2, loadedAt: t0 + 1 })
      expect(await under.oltp.loads(0, 2, 5)).toHaveLength(1)
    })

    it('remembers what the OLAP refused of a load, until a rebuild finds otherwise', async () => {
      const { fence: load } = await under.oltp.claimPartition(0, 'load')
      await decide(batchRow(1))
      await under.oltp.planLoads(load, [loadRow(1)])
      const refusal = { partition: 0, load: 1, rows: [{ workspace: 1, messageId: 'größe "1"' }, { workspace: 2, messageId: 'm2' }], reason: 'it says no', at: t0 }
      await under.oltp.finishLoad(load, loadRow(1), { rows: 0, refusal, loadedAt: t0 })
      await under.oltp.finishLoad(load, loadRow(1), { rows: 0, refusal, loadedAt: t0 })
      expect(await under.reader.refusals()).toEqual([refusal])
      expect((await under.oltp.partition(0)).loadedBatch).toBe(1)
      const others = [{ ...refusal, load: 3, rows: refusal.rows.slice(1) }, { ...refusal, partition: 1 }]
      await under.oltp.swapGeneration([load], { generation: 2, refusals: others.toReversed() })
      expect(await under.reader.refusals()).toEqual(others)
      await under.oltp.swapGeneration([load], { generation: 3, refusals: [] })
      expect(await under.reader.refusals()).toEqual([])
    })

    it('gives a reader the batches in order from any on', async () => {
      for (const batch of [1, 2, 3]) await decide(batchRow(batch))
      expect(await under.reader.batches(0, 2, 10)).toEqual([batchRow(2), batchRow(3)])
      expect(await under.reader.batches(0, 1, 1)).toEqual([batchRow(1)])
      expect(await under.reader.batches(0, 4, 10)).toEqual([])
    })

    it('sums what is decided, archived and loaded without walking the batches', async () => {
      const { fence: load } = await under.oltp.claimPartition(0, 'load')
      for (const batch of [1, 2, 3]) await decide(batchRow(batch))
      await under.oltp.planObject(fence, objectRow(1, 2))
      await under.oltp.finishObject(fence, objectRow(1, 2), t0)
      await under.oltp.planLoads(load, [loadRow(1)])
      await under.oltp.finishLoad(load, loadRow(1), { rows: 2, refusal: null, loadedAt: t0 })
      expect(await under.reader.totals()).toEqual([{
        partition: 0, decided: { accepted: 9, stored: 6, duplicate: 3, quarantined: 0 }, archived: 4, loaded: 2,
      }])
    })

    it('lets go of the decisions of a batch that is archived and loaded, not earlier', async () => {
      const { fence: load } = await under.oltp.claimPartition(0, 'load')
      await decide(batchRow(1))
      await under.oltp.planObject(fence, objectRow(1, 1))
      await under.oltp.finishObject(fence, objectRow(1, 1), t0)
      await under.oltp.prune(0, 0)
      expect((await under.oltp.batches(0, 1, 1))[0]?.decisions).not.toBeNull()
      await under.oltp.planLoads(load, [loadRow(1)])
      await under.oltp.finishLoad(load, loadRow(1), { rows: 2, refusal: null, loadedAt: t0 })
      await under.oltp.prune(0, 0)
      expect((await under.oltp.batches(0, 1, 1))[0]?.decisions).toBeNull()
    })

    it('keeps keys by hash and revokes each once', async () => {
      const { workspace } = await under.oltp.createWorkspace('shop', t0)
      expect((await under.oltp.createWorkspace('shop', t0 + 1)).workspace).toBe(workspace)
      const key = { id: 'write_1', workspace, kind: 'write', hash: 'a'.repeat(64), createdAt: t0, revokedAt: null, limits: noLimits } as const
      await under.oltp.putKey(key)
      await under.oltp.putKey(key)
      expect(await under.reader.keys()).toEqual([key])
      const limits = { eventsPerSecond: 5, burstEvents: null, bytesPerSecond: 1_000_000_000_000, eventsPerDay: 7 }
      expect([await under.oltp.limitKey('write_1', { ...limits, burstEvents: 9 }), await under.oltp.limitKey('write_1', limits)]).toEqual([true, true])
      await under.oltp.putKey(key)
      expect(await under.reader.keys()).toEqual([{ ...key, limits }])
      expect(await under.oltp.limitKey('write_2', limits)).toBe(false)
      expect(await under.oltp.revokeKey('write_1', t0 + 5)).toBe(true)
      expect(await under.oltp.limitKey('write_1', noLimits)).toBe(false)
      expect(await under.oltp.revokeKey('write_1', t0 + 6)).toBe(false)
      expect((await under.reader.keys())[0]?.revokedAt).toBe(t0 + 5)
    })
  })
}
