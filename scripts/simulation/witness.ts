import { generationSetting } from '../../collector/src/ports/generation-setting.ts'
import type { LogPosition } from '../../collector/src/ports/log.ts'
import type { PartitionRow } from '../../collector/src/ports/oltp.ts'
import type { OltpTables } from './oltp-tables.ts'
import type { ObjectServer } from './simulated-objects.ts'
import type { OlapServer } from './simulated-olap.ts'
import type { World } from './world.ts'

interface Witnessed {
  readonly tables: OltpTables
  readonly objects: ObjectServer
  readonly olap: OlapServer
}

/** Looks on while a history happens: no cursor may pass what is not done at that instant, whatever is mended later. */
export class Witness {
  readonly #world: World
  readonly #witnessed: Witnessed
  readonly #seen = new Map<number, PartitionRow>()

  constructor(world: World, witnessed: Witnessed) {
    this.#world = world
    this.#witnessed = witnessed
  }

  committed(): void {
    for (const [partition, row] of this.#witnessed.tables.partitions) {
      const before = this.#seen.get(partition)
      if (before === row) continue
      this.#seen.set(partition, row)
      if (before !== undefined) this.#moved(before, row)
    }
  }

  acknowledged(partition: number, position: LogPosition): void {
    const { tables } = this.#witnessed
    const { archivedBatch } = tables.partition(partition)
    const archived = tables.batchesOf(partition)[archivedBatch - 1]
    if (archived === undefined || position > archived.lastPosition) {
      this.#world.violated(`the log of partition ${partition} may drop ${position}, and the archive is at batch ${archivedBatch}`)
    }
  }

  #moved(before: PartitionRow, row: PartitionRow): void {
    const { partition } = row
    const wrong = (what: string): void => this.#world.violated(`partition ${partition}: ${what}`)
    if (row.batch < before.batch || row.batch > before.batch + 1) wrong(`batch ${row.batch} came after ${before.batch}`)
    if (row.batch === before.batch + 1 && (row.position ?? '') <= (before.position ?? '')) wrong(`batch ${row.batch} ends at ${row.position}, and the one before at ${before.position}`)
    if (row.archivedBatch < before.archivedBatch || row.archivedBatch > row.batch) wrong(`the archive's cursor went from ${before.archivedBatch} to ${row.archivedBatch} of ${row.batch}`)
    if (row.loadedBatch < before.loadedBatch || row.loadedBatch > row.batch) wrong(`the load's cursor went from ${before.loadedBatch} to ${row.loadedBatch} of ${row.batch}`)
    for (let batch = before.archivedBatch + 1; batch <= row.archivedBatch; batch += 1) this.#archived(partition, batch, wrong)
    for (let batch = before.loadedBatch + 1; batch <= row.loadedBatch; batch += 1) this.#loaded(partition, batch, wrong)
  }

  #archived(partition: number, batch: number, wrong: (what: string) => void): void {
    const { tables, objects } = this.#witnessed
    const row = tables.objectsOf(partition).find(({ firstBatch, lastBatch }) => firstBatch <= batch && batch <= lastBatch)
    if (row === undefined || row.archivedAt === null) wrong(`the archive's cursor passed batch ${batch}, which no finished object has`)
    else if (!objects.objects.has(row.name)) wrong(`the archive's cursor passed batch ${batch}, and ${row.name} is not there`)
  }

  #loaded(partition: number, batch: number, wrong: (what: string) => void): void {
    const { tables, olap } = this.#witnessed
    const stored = tables.batchesOf(partition)[batch - 1]?.stored ?? 0
    const held = olap.generations.get(Number(tables.settings.get(generationSetting)))?.counts.get(`${partition}/${batch}`) ?? 0
    const load = tables.loadsOf(partition).filter(({ firstBatch, lastBatch }) => firstBatch <= batch && batch <= lastBatch)
    const refused = load.reduce((sum, row) => sum + (tables.refusals.get(`${partition}/${row.load}`)?.rows.length ?? 0), 0)
    if (held > stored || held + refused < stored) wrong(`the load's cursor passed batch ${batch}, of whose ${stored} rows the OLAP has ${held}`)
  }
}
