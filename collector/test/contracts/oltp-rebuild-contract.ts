import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { generationSetting } from '../../src/ports/generation-setting.ts'
import type { PeopleChanges, RebuildTransaction } from '../../src/ports/oltp.ts'
import { batchRow } from './batch-row.ts'
import type { OltpUnderTest } from './oltp-contract.ts'
import { changes, identifier, noIdentity, profile, timelineRow, uuid } from './oltp-rows.ts'

const nobody: PeopleChanges = { identity: noIdentity, registers: [], consents: [], metrics: [], timeline: [], touched: [] }

/** How every OLTP driver makes the profiles anew. */
export function oltpRebuildContract(name: string, open: () => Promise<OltpUnderTest>): void {
  describe(`OLTP rebuild contract: ${name}`, () => {
    let under: OltpUnderTest

    beforeEach(async () => {
      under = await open()
      await under.oltp.migrate()
      const { fence } = await under.oltp.claimPartition(0, 'pump')
      await under.oltp.decide(fence, async (transaction) => {
        const identifiers = [identifier(1, { version: 5 }), identifier(2, { version: 2 })]
        await transaction.identifiers(1, identifiers.map(({ key }) => key))
        await transaction.apply(changes(batchRow(1), {
          identity: { ...noIdentity, identifiers, profiles: [profile(100, { version: 9 })] },
          timeline: [timelineRow(1)], registers: [{ workspace: 1, identifierKey: uuid(1), registers: '["old"]' }],
        }))
      })
    })
    afterEach(() => under.cleanup())

    async function replay(transaction: RebuildTransaction): Promise<void> {
      expect(await transaction.identifiers(1, [uuid(1), uuid(2)])).toEqual([])
      await transaction.replay({
        ...nobody, timeline: [timelineRow(1), timelineRow(2)],
        identity: { ...noIdentity, identifiers: [identifier(1), identifier(2, { profileId: uuid(200) })], profiles: [profile(100), profile(200)] },
      }, { partition: 0, batch: 1 })
      expect(await transaction.identifiers(1, [uuid(2)])).toEqual([identifier(2, { profileId: uuid(200) })])
      const { identifiers } = await transaction.components(1, [identifier(1).component])
      expect(identifiers.map(({ key }) => key)).toContain(uuid(1))
      await transaction.replay({ ...nobody, registers: [{ workspace: 1, identifierKey: uuid(1), registers: '["new"]' }] }, { partition: 0, batch: 2 })
    }

    it('begins with nobody, and goes on with versions above all old ones', async () => {
      expect(await under.oltp.rebuildProfiles(replay)).toEqual({
        identifiers: 2, profiles: 2, moved: [{ workspace: 1, identifierKey: uuid(2), profileId: uuid(200), version: 6 }],
      })
      expect(await under.reader.identifier(1, uuid(1))).toEqual(identifier(1, { version: 6 }))
      expect(await under.reader.profile(1, uuid(100))).toEqual(profile(100, { version: 10 }))
      expect(await under.reader.registersOf(1, [uuid(1)])).toEqual(['["new"]'])
      expect(await under.oltp.overrides(null, 10)).toEqual([{ workspace: 1, identifierKey: uuid(2), profileId: uuid(200), version: 6 }])
      expect(await under.oltp.rebuildProfiles(replay)).toMatchObject({ moved: [] })
    })

    it('tells an owner that was overtaken from the one that was not', async () => {
      const { fence: first } = await under.oltp.claimPartition(0, 'load')
      await under.oltp.requireOwned(first)
      const { fence: second } = await under.oltp.claimPartition(0, 'load')
      await under.oltp.requireOwned(second)
      await expect(under.oltp.requireOwned(first)).rejects.toMatchObject({ code: 'epoch_lost' })
    })

    it('gives no two rebuilds one generation, whether or not the first was swapped in', async () => {
      await under.oltp.settingOnce(generationSetting, '1')
      const before = await under.oltp.newGeneration()
      const { fence: load } = await under.oltp.claimPartition(0, 'load')
      await under.oltp.swapGeneration([load], { generation: before.generation, refusals: [] })
      const given = await Promise.all([1, 2, 3].map(() => under.oltp.newGeneration()))
      expect(given.map(({ live }) => live - before.generation)).toEqual([0, 0, 0])
      expect(given.map(({ generation }) => generation - before.generation).toSorted((a, b) => a - b)).toEqual([1, 2, 3])
    })

    it('leaves everybody as he was where it does not end', async () => {
      await expect(under.oltp.rebuildProfiles(async (transaction) => {
        await replay(transaction)
        throw new Error('after the writes')
      })).rejects.toThrow('after the writes')
      expect(await under.reader.identifier(1, uuid(2))).toEqual(identifier(2, { version: 2 }))
      expect(await under.reader.registersOf(1, [uuid(1)])).toEqual(['["old"]'])
      expect(await under.oltp.rebuildProfiles(replay)).toMatchObject({ identifiers: 2 })
    })
  })
}
