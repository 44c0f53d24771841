import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { BatchRow, DecideChanges, Fence } from '../../src/ports/oltp.ts'
import { batchRow } from './batch-row.ts'
import type { OltpUnderTest } from './oltp-contract.ts'
import { applying, noIdentity, profile, timelineRow, uuid } from './oltp-rows.ts'

/** What every OLTP driver gives back, and as of when. */
export function oltpReadingContract(name: string, open: () => Promise<OltpUnderTest>): void {
  describe(`OLTP reading contract: ${name}`, () => {
    let under: OltpUnderTest
    let fence: Fence
    const decide = (batch: BatchRow, part: Partial<DecideChanges> = {}): Promise<void> => under.oltp.decide(fence, applying(batch, part))

    beforeEach(async () => {
      under = await open()
      await under.oltp.migrate()
      fence = (await under.oltp.claimPartition(0, 'pump')).fence
    })
    afterEach(() => under.cleanup())

    it('gives the properties of every event back as they were written, whoever had some like them before', async () => {
      const written = Array.from({ length: 24 }, (_, person) => timelineRow(person, {
        identifierKey: uuid(person), properties: JSON.stringify(person % 3 === 0 ? {} : { 'order,"id"': `A\\"${person}`, value: person / 4, lines: [{ name: '},"Größe 💥":' }], none: null }),
      }))
      await decide(batchRow(1), {
        timeline: written, metrics: written.map(({ identifierKey, metric, time }) => ({ workspace: 1, identifierKey, metric, count: 1, firstAt: time, lastAt: time })),
      })
      const read = await under.reader.together(() => under.reader.timeline({ workspace: 1, identifierKeys: written.map(({ identifierKey }) => identifierKey), limit: 100 }))
      expect(read.toReversed()).toEqual(written)
    })

    it('reads together and alone, side by side and after one that failed, what is there by then', async () => {
      const { reader } = under
      const version = async (): Promise<number | undefined> => (await reader.profile(1, uuid(1)))?.version
      await decide(batchRow(1), { identity: { ...noIdentity, profiles: [profile(1)] } })
      const both = await Promise.all([reader.together(async () => [await version(), await version()]), reader.together(version), reader.registered(1, ['m1'])])
      expect(both).toEqual([[1, 1], 1, [false]])
      await expect(reader.together(async () => {
        await version()
        throw new Error('ours')
      })).rejects.toThrow('ours')
      await decide(batchRow(2), { touched: [{ workspace: 1, id: uuid(1) }] })
      expect(await reader.together(version)).toBe(2)
      await decide(batchRow(3), { touched: [{ workspace: 1, id: uuid(1) }] })
      expect(await version()).toBe(3)
    })
  })
}
