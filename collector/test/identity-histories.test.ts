import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MillraceError } from '../src/platform/errors.ts'
import type { LogRecord } from '../src/ports/log.ts'
import type { Fence } from '../src/ports/oltp.ts'
import { decideBatch } from '../src/pump/decide.ts'
import { readRecord } from '../src/pump/read-record.ts'
import { SqliteOltp } from '../src/stores/oltp/sqlite/sqlite-oltp.ts'
import { busyHistory, expectEqualToOracle, type Fate, firstMoment, histories, identityKey, tightSettings, written } from './identity-history.ts'
import { MemoryLog } from './memory-log.ts'
import { propertySettings } from './property-settings.ts'

const context = { settings: tightSettings, identityKey, clock: { now: () => firstMoment, elapsed: () => 0, sleep: async () => {} } }
/** Ends a transaction as the death of its owner would. */
class Died extends Error {}

describe('random histories on SQLite', () => {
  let oltp: SqliteOltp
  let workspace = 0

  beforeAll(async () => {
    oltp = new SqliteOltp(':memory:')
    await oltp.migrate()
  })
  afterAll(() => oltp.close())

  function decide(fence: Fence, records: readonly LogRecord[], dies = false): Promise<void> {
    return oltp.decide(fence, async (transaction) => {
      await decideBatch(transaction, { records, events: records.flatMap(readRecord) }, context)
      if (dies) throw new Died()
    })
  }

  /** One batch of a partition by whoever owns it, who may not live through it. */
  async function step(log: MemoryLog, { owner, partition }: { owner: Fence; partition: number }, { lines, fate }: { lines: number; fate: Fate }): Promise<Fence> {
    const { position } = await oltp.partition(owner.partition)
    const records = log.after(partition, position).slice(0, lines)
    if (records.length === 0) return owner
    const successor = async (): Promise<Fence> => (await oltp.claimPartition(owner.partition, 'pump')).fence
    if (fate === 'dies before the commit') {
      await expect(decide(owner, records, true)).rejects.toThrow(Died)
      return successor()
    }
    if (fate === 'turns zombie') {
      const next = await successor()
      await expect(decide(owner, records)).rejects.toThrow(MillraceError)
      await decide(next, records)
      return next
    }
    await decide(owner, records)
    if (fate === 'is delivered again') await decide(owner, records)
    return fate === 'dies after the commit' ? successor() : owner
  }

  it('make the people and properties that all events solved from nothing make, whatever the interleaving and whoever dies', async () => {
    await fc.assert(fc.asyncProperty(histories, async (history) => {
      workspace += 1
      const said = written(history, workspace)
      const log = new MemoryLog(history.partitions)
      for (const { partition, line } of said.lines) log.append(partition, line, { events: 1, at: firstMoment })
      const owners = await Promise.all(Array.from({ length: history.partitions }, async (_, partition) =>
        (await oltp.claimPartition(8 * workspace + partition, 'pump')).fence))
      for (const { partition: drawn, ...rest } of history.steps) {
        const partition = drawn % history.partitions
        const owner = owners[partition]
        if (owner !== undefined) owners[partition] = await step(log, { owner, partition }, rest)
      }
      for (const [partition, owner] of owners.entries()) await step(log, { owner, partition }, { lines: 1_000, fate: 'lives' })
      const batches = (await Promise.all(owners.map(({ partition }) => oltp.batches(partition, 1, 1_000)))).flat()
      expect(batches.reduce((sum, { stored }) => sum + stored, 0)).toBe(said.events.length)
      expect(batches.reduce((sum, { quarantined }) => sum + quarantined, 0)).toBe(0)
      const [owner] = owners
      if (owner !== undefined) await expectEqualToOracle(oltp, owner, { workspace, said })
    }), propertySettings(400))
  }, 600_000)
})

describe('owners in processes of their own', () => {
  it('decide on one component at the same time, one killed and succeeded, as if one after another', async () => {
    const { seed } = propertySettings()
    const directory = mkdtempSync(join(tmpdir(), 'millrace-owners-'))
    const path = join(directory, 'millrace.db')
    const oltp = new SqliteOltp(path)
    try {
      await oltp.migrate()
      const said = written(busyHistory(240, seed), 1)
      const owners = Array.from({ length: 2 }, (_, partition) => {
        const file = join(directory, `lines-${partition}`)
        writeFileSync(file, said.lines.filter((line) => line.partition === partition).map(({ line }) => line).join(''))
        return { partition, file }
      })
      await Promise.all(owners.map(async ({ partition, file }) => {
        const kills = partition === 0 ? 2 : 0
        for (let life = 0; life <= kills; life += 1) await ownedBy([path, String(partition), file], { killedAfter: life < kills ? 5 + 3 * life : null })
      }))
      const { fence } = await oltp.claimPartition(0, 'pump')
      await expectEqualToOracle(oltp, fence, { workspace: 1, said })
    } finally {
      await oltp.close()
      rmSync(directory, { recursive: true })
    }
  }, 60_000)
})

/** A process that owns a partition until it has decided all of it, or so many batches. */
async function ownedBy(values: readonly string[], { killedAfter }: { readonly killedAfter: number | null }): Promise<void> {
  const child = fork(new URL('decide-until-killed.ts', import.meta.url), values)
  let decided = 0
  child.on('message', (message) => {
    if (message === 'decided') decided += 1
    if (decided === killedAfter) child.kill('SIGKILL')
  })
  const [code, signal] = await once(child, 'exit')
  // One that was done before the kill came has ended in order.
  expect(code === 0 || (killedAfter !== null && signal === 'SIGKILL')).toBe(true)
}
