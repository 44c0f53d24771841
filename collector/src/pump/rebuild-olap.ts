import { MillraceError } from '../platform/errors.ts'
import type { NewGeneration } from '../ports/generation-setting.ts'
import type { Olap } from '../ports/olap.ts'
import type { IdentityOverride, IdentityPointing } from '../ports/identity.ts'
import type { Clock } from '../platform/clock.ts'
import type { LoadRefusal } from '../ports/load-outcome.ts'
import type { Oltp } from '../ports/oltp.ts'
import type { BatchSource } from './batch-source.ts'
import { insertLoad } from './loader.ts'
import { failStep } from '../platform/fail-point.ts'

export interface RebuildDependencies {
  readonly oltp: Oltp
  readonly olap: Olap
}

export interface RebuildPlan {
  readonly source: BatchSource
  readonly clock: Clock
  readonly partitions: number
  /** Its own, and the one that is live when it begins. */
  readonly given: NewGeneration
  /** Runs `fill` with live loads paused, then makes the generation with what it refuses the live one. */
  swap(fill: () => Promise<readonly LoadRefusal[]>): Promise<void>
}

export interface RebuildReport {
  readonly generation: number
  readonly loads: number
  readonly rows: number
  /** Rows that the OLAP does not take. */
  readonly refused: number
}

/**
 * Re-creates the OLAP from the archive: every finished load again, same rows, into a fresh generation under tokens of
 * its own; then the current overrides; then the swap. Live loads go on until the last few are copied. The old
 * generation is dropped only after the new one holds as many rows as the loads say.
 */
export async function rebuildOlap({ oltp, olap }: RebuildDependencies, plan: RebuildPlan): Promise<RebuildReport> {
  const { live, generation } = plan.given
  await dropLeftGenerations(olap, plan.given)
  await olap.createGeneration(generation)
  const done = new Map<number, number>()
  let loads = 0
  let rows = 0
  const refusals: LoadRefusal[] = []
  const fill = async (): Promise<void> => {
    for (let partition = 0; partition < plan.partitions; partition += 1) {
      for (;;) {
        const [load] = await oltp.loads(partition, (done.get(partition) ?? 0) + 1, 1)
        if (load === undefined || load.loadedAt === null) break
        const inserted = await insertLoad(load, { oltp, olap, source: plan.source, clock: plan.clock }, generation)
        rows += inserted.rows
        if (inserted.refusal !== null) refusals.push({ ...inserted.refusal, partition, load: load.load, at: plan.clock.now() })
        loads += 1
        done.set(partition, load.load)
      }
    }
    await putAllOverrides({ oltp, olap })
    await putAllPointings({ oltp, olap })
  }
  await failStep('rebuild.fill', fill)
  await plan.swap(async () => {
    await fill()
    const counted = await olap.countRows(generation)
    if (counted !== rows) throw new MillraceError('corrupt', `the rebuilt OLAP holds ${counted} rows where the loads hold ${rows}; the old one stays`)
    return refusals
  })
  await failStep('rebuild.drop', () => olap.dropGeneration(live))
  return { generation, loads, rows, refused: refusals.reduce((sum, refusal) => sum + refusal.rows.length, 0) }
}

/** So many of the last ones may have been left; whoever left one long ago has been followed by a rebuild since. */
const leftGenerationsMax = 32

/**
 * Drops what other rebuilds left below the generation: one that died half way, or behind its swap. One that still runs, in a process that lost its
 * partitions meanwhile, fails: it could not have been swapped in. The number it was given is lower than that of whoever came later, so it drops nothing of theirs.
 */
export async function dropLeftGenerations(olap: Pick<Olap, 'dropGeneration'>, { live, generation }: NewGeneration): Promise<void> {
  for (let left = Math.max(1, generation - leftGenerationsMax); left < generation; left += 1) {
    if (left !== live) await olap.dropGeneration(left)
  }
}

/** Where everybody points now. The batches that made it so are not known any more: what is put is true at any position. */
export async function putAllPointings({ oltp, olap }: RebuildDependencies): Promise<void> {
  let after: IdentityPointing | null = null
  for (;;) {
    const page: readonly IdentityPointing[] = await oltp.pointings(after, 10_000)
    if (page.length === 0) return
    await olap.putPointings(page.map((row) => ({ ...row, partition: 0, batch: 0 })))
    after = page.at(-1) ?? null
  }
}

async function putAllOverrides({ oltp, olap }: RebuildDependencies): Promise<void> {
  let after: IdentityOverride | null = null
  for (;;) {
    const page: readonly IdentityOverride[] = await oltp.overrides(after, 10_000)
    if (page.length === 0) return
    await olap.putOverrides(page)
    after = page.at(-1) ?? null
  }
}
