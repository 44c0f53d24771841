import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DecideChanges, DecideTransaction, Fence } from '../../src/ports/oltp.ts'
import type { ResolveProgress, SettingsRow } from '../../src/ports/workspace-settings.ts'
import { batchRow, t0 } from './batch-row.ts'
import type { OltpUnderTest } from './oltp-contract.ts'
import { applying, identifier, noIdentity, uuid } from './oltp-rows.ts'

function row(workspace: number, version: number): SettingsRow {
  return { workspace, version, document: `{"größe":${version}}`, messageId: `operator:${workspace}/${version}`, since: t0 + version }
}

/** Settings of workspaces, and the walks that follow them. */
export function oltpSettingsContract(name: string, open: () => Promise<OltpUnderTest>): void {
  describe(`OLTP settings contract: ${name}`, () => {
    let under: OltpUnderTest
    let fence: Fence
    const decide = (batch: number, part: Partial<DecideChanges>): Promise<void> => under.oltp.decide(fence, applying(batchRow(batch), part))
    const within = <T>(work: (transaction: DecideTransaction) => Promise<T>): Promise<T> => under.oltp.decide(fence, work)
    const walk = (part: Partial<ResolveProgress> = {}): ResolveProgress => ({ workspace: 1, partition: 0, version: 2, after: null, done: false, ...part })

    beforeEach(async () => {
      under = await open()
      await under.oltp.migrate()
      fence = (await under.oltp.claimPartition(0, 'pump')).fence
    })
    afterEach(() => under.cleanup())

    it('keeps every version, and knows the newest of each workspace', async () => {
      expect(await under.reader.settings(1, null)).toBeNull()
      await decide(1, { settings: [row(1, 1), row(1, 2)] })
      await decide(2, { settings: [row(2, 1), row(1, 3)] })
      expect(await under.reader.settings(1, null)).toEqual(row(1, 3))
      expect(await under.reader.settings(1, 2)).toEqual(row(1, 2))
      expect(await under.reader.settings(1, 4)).toBeNull()
      expect(await under.reader.newestSettings()).toEqual([row(1, 3), row(2, 1)])
      expect(await under.reader.settingsVersions(1, null, 2)).toEqual([row(1, 3), row(1, 2)])
      expect(await under.reader.settingsVersions(1, 2, 10)).toEqual([row(1, 1)])
      expect(await within((transaction) => transaction.newestSettings([2, 7, 1]))).toEqual(expect.arrayContaining([row(1, 3), row(2, 1)]))
      expect(await within((transaction) => transaction.newestSettings([7]))).toEqual([])
    })

    it('makes a version with its batch or not at all, and never a second time', async () => {
      await expect(under.oltp.decide(fence, async (transaction) => {
        await applying(batchRow(1), { settings: [row(1, 1)], resolves: [walk()] })(transaction)
        throw new Error('after the writes')
      })).rejects.toThrow('after the writes')
      expect(await under.reader.settings(1, null)).toBeNull()
      expect(await under.reader.resolve(1)).toBeNull()
      await decide(1, { settings: [row(1, 1)] })
      await expect(decide(2, { settings: [{ ...row(1, 1), document: '{}' }] })).rejects.toThrow()
      expect(await under.reader.settings(1, null)).toEqual(row(1, 1))
    })

    it('keeps how far a walk is until it is done, and begins it anew', async () => {
      const { done: _, ...begun } = walk()
      await decide(1, { resolves: [walk()] })
      expect(await under.reader.resolve(1)).toEqual(begun)
      await within((transaction) => transaction.moveResolve(walk({ after: '' })))
      expect(await within((transaction) => transaction.openResolve())).toEqual({ ...begun, after: '' })
      await decide(2, { resolves: [walk({ after: uuid(7) })] })
      expect(await under.reader.resolve(1)).toEqual({ ...begun, after: uuid(7) })
      await decide(3, { resolves: [walk({ version: 3 })] })
      expect(await under.reader.resolve(1)).toEqual({ ...begun, version: 3 })
      await within((transaction) => transaction.moveResolve(walk({ done: true })))
      expect(await under.reader.resolve(1)).toBeNull()
      expect(await within((transaction) => transaction.openResolve())).toBeNull()
    })

    it('shows a walk to the owner of its partition alone', async () => {
      await decide(1, { resolves: [walk({ partition: 5 })] })
      expect(await within((transaction) => transaction.openResolve())).toBeNull()
      const other = (await under.oltp.claimPartition(5, 'pump')).fence
      expect(await under.oltp.decide(other, (transaction) => transaction.openResolve())).toMatchObject({ workspace: 1, partition: 5 })
    })

    it('pages through the identifiers of a workspace in order of their keys', async () => {
      const members = [3, 1, 2].map((number) => identifier(number))
      await decide(1, { identity: { ...noIdentity, identifiers: [...members, identifier(9, { workspace: 2 })] } })
      const page = async (after: string | null, limit: number): Promise<readonly string[]> =>
        within(async (transaction) => (await transaction.identifiersAfter(1, after, limit)).map(({ key }) => key))
      expect(await page(null, 2)).toEqual([uuid(1), uuid(2)])
      expect(await page(uuid(2), 2)).toEqual([uuid(3)])
      expect(await page(uuid(3), 2)).toEqual([])
      expect(await within((transaction) => transaction.identifiersAfter(1, uuid(2), 1))).toEqual([identifier(3)])
    })

    it('lets a walk begin only when every decision under way is over', async () => {
      const other = (await under.oltp.claimPartition(1, 'pump')).fence
      const order: string[] = []
      let finish = (): void => {}
      const held = new Promise<void>((resolve) => {
        finish = resolve
      })
      let started = (): void => {}
      const isUnderWay = new Promise<void>((resolve) => {
        started = resolve
      })
      const deciding = under.oltp.decide(other, async () => {
        started()
        await held
        order.push('decided')
      })
      await isUnderWay
      const waiting = within(async (transaction) => {
        await transaction.waitForOthers()
        order.push('walk')
      })
      // Whoever does not wait is through by then; whoever does is still waiting however long this is.
      await Promise.race([waiting, sleep(100)])
      expect(order).toEqual([])
      finish()
      await Promise.all([deciding, waiting])
      expect(order).toEqual(['decided', 'walk'])
    })

    it('takes the settings of the archive in the place of its own', async () => {
      await decide(1, { settings: [row(1, 1), row(3, 1)] })
      await under.oltp.restoreSettings([row(1, 1), row(1, 2), row(2, 1)])
      expect(await under.reader.newestSettings()).toEqual([row(1, 2), row(2, 1)])
      let all: readonly SettingsRow[] = []
      await under.oltp.rebuildProfiles(async (transaction) => {
        all = await transaction.allSettings()
      })
      expect(all).toEqual([row(1, 1), row(1, 2), row(2, 1)])
    })
  })
}
