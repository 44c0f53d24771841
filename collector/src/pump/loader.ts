import { type Clock, restOfDelay } from '../platform/clock.ts'
import { hasCode } from '../platform/errors.ts'
import type { Olap, OlapInsert } from '../ports/olap.ts'
import type { BatchRow, Fence, LoadRow, Oltp } from '../ports/oltp.ts'
import { runDigest } from './archive-object.ts'
import type { BatchBuffer } from './batch-buffer.ts'
import type { BatchSource } from './batch-source.ts'
import { insertAround, isRefusal, type Refusal } from './insert-around.ts'
import { insertMissing } from './insert-missing.ts'
import { rowsOf } from './olap-rows.ts'
import type { PumpReports } from './pump-metrics.ts'
import { failStep } from '../platform/fail-point.ts'

/** ClickHouse refuses an insert over 100 partitions; events are partitioned by month. */
const monthsMax = 90
/** Under the engine's block of 268 MB and the memory of this process. */
const loadBytesMax = 67_108_864
/** A refusal is of the rows, but a table that somebody is changing refuses for a moment too. */
const refusalsMax = 3

export interface LoaderDependencies {
  readonly oltp: Pick<Oltp, 'openLoads' | 'batches' | 'planLoads' | 'finishLoad' | 'partition' | 'overridesOf' | 'pointingsOf'>
  readonly olap: Pick<Olap, 'insert' | 'heldRows' | 'putOverrides' | 'putPointings'>
  readonly source: BatchSource
  readonly clock: Clock
  readonly metrics: Pick<PumpReports, 'rowsRefused'>
  /** The generation that live loads go to. */
  readonly generation: () => number
}

export interface LoaderBounds {
  readonly loadRowsMax: number
  /** How long a load waits for more batches, milliseconds. */
  readonly loadDelayMs: number
}

/**
 * Carries decided batches of one partition into the OLAP.
 *
 * States of a run of batches: decided → planned (load rows freeze which batches, and which months where there are
 * many) → inserted (the token makes a repeat a no-op) → finished (the cursor passed it).
 */
export class Loader {
  readonly #fence: Fence
  readonly #dependencies: LoaderDependencies
  readonly #bounds: LoaderBounds
  /** The load that was refused last, and how often in a row. */
  #refused = { load: 0, times: 0 }

  constructor(fence: Fence, dependencies: LoaderDependencies, bounds: LoaderBounds) {
    this.#fence = fence
    this.#dependencies = dependencies
    this.#bounds = bounds
  }

  /** As {@link Archiver.step}. */
  async step(buffer: BatchBuffer | undefined, force: boolean): Promise<number> {
    const { oltp, clock } = this.#dependencies
    const { partition } = this.#fence
    const open = await oltp.openLoads(partition)
    if (open.length > 0) {
      for (const load of open) await this.#finish(load, { buffer, again: true })
      return 0
    }
    const cursor = await oltp.partition(partition)
    // As the archiver.
    buffer?.loaded(cursor.loadedBatch)
    if (cursor.loadedBatch === cursor.batch) return this.#bounds.loadDelayMs
    const pending = await oltp.batches(partition, cursor.loadedBatch + 1, 1_000)
    const run = this.#run(pending)
    const wait = restOfDelay(this.#bounds.loadDelayMs, run[0]?.decidedAt ?? 0, clock.now())
    if (run.length === pending.length && wait > 0 && !force) return wait
    const loads = this.#plan(run, cursor.load)
    await failStep('load.plan', () => oltp.planLoads(this.#fence, loads))
    for (const load of loads) await this.#finish(load, { buffer, again: false })
    return 0
  }

  #run(pending: readonly BatchRow[]): readonly BatchRow[] {
    const run: BatchRow[] = []
    const months = new Set<string>()
    let rows = 0
    let bytes = 0
    for (const batch of pending) {
      for (const month of monthsOf(batch)) months.add(month)
      rows += batch.stored
      bytes += batch.lineBytes
      if (run.length > 0 && (rows > this.#bounds.loadRowsMax || bytes > loadBytesMax || months.size > monthsMax)) break
      run.push(batch)
    }
    return run
  }

  #plan(run: readonly BatchRow[], lastLoad: number): readonly LoadRow[] {
    const months = [...new Set(run.flatMap(monthsOf))].map(Number).toSorted((a, b) => a - b)
    const pieces = Math.max(1, Math.ceil(months.length / monthsMax))
    return Array.from({ length: pieces }, (_, piece): LoadRow => ({
      partition: this.#fence.partition,
      load: lastLoad + 1 + piece,
      firstBatch: run[0]?.batch ?? 0,
      lastBatch: run.at(-1)?.batch ?? 0,
      firstMonth: pieces === 1 ? null : (months[piece * monthsMax] ?? null),
      lastMonth: pieces === 1 ? null : (months[Math.min((piece + 1) * monthsMax, months.length) - 1] ?? null),
      closesRun: piece === pieces - 1,
      digest: runDigest(run),
      schemaVersion: run[0]?.schemaVersion ?? 0,
      plannedAt: this.#dependencies.clock.now(),
      rows: null,
      loadedAt: null,
    }))
  }

  /** `again`: an earlier attempt may have inserted it. */
  async #finish(load: LoadRow, { buffer, again }: { readonly buffer: BatchBuffer | undefined; readonly again: boolean }): Promise<void> {
    const { oltp, clock, generation, metrics } = this.#dependencies
    const insert = await insertOf(load, this.#dependencies, { generation: generation(), buffer })
    const refusal = insert === null ? null : await failStep('load.insert', () => this.#insert(load, insert, again))
    const at = clock.now()
    const refused = refusal === null ? null : { ...refusal, partition: load.partition, load: load.load, at }
    const rows = (insert?.rowCount ?? 0) - (refusal?.rows.length ?? 0)
    await failStep('load.finish', () => oltp.finishLoad(this.#fence, load, { rows, refusal: refused, loadedAt: at }))
    if (refused !== null) metrics.rowsRefused(refused)
    if (load.closesRun) buffer?.loaded(load.lastBatch)
  }

  /** Answers what the OLAP refuses, once it has refused the load so often that it must be its rows. */
  async #insert(load: LoadRow, insert: OlapInsert, again: boolean): Promise<Refusal | null> {
    const { olap, clock } = this.#dependencies
    const times = this.#refused.load === load.load ? this.#refused.times : 0
    if (times >= refusalsMax) return insertAround(insert, olap, await olap.heldRows(insert.generation, load))
    try {
      await (again ? insertMissing(load, insert, { olap, clock }) : olap.insert(insert))
      return null
    } catch (error) {
      if (isRefusal(error)) this.#refused = { load: load.load, times: times + 1 }
      throw error
    }
  }
}

export interface InsertedLoad {
  /** That the OLAP took. */
  readonly rows: number
  readonly refusal: Refusal | null
}

/** Inserts a finished load into a generation that does not have it yet, but for rows that the OLAP refuses. */
export async function insertLoad(load: LoadRow, dependencies: Pick<LoaderDependencies, 'oltp' | 'olap' | 'source' | 'clock'>, generation: number): Promise<InsertedLoad> {
  const { olap } = dependencies
  const insert = await insertOf(load, dependencies, { generation })
  if (insert === null) return { rows: 0, refusal: null }
  const refusal = await failStep('load.insert', () => olap.insert(insert).then(() => null, async (error: unknown) => {
    if (isRefusal(error)) return insertAround(insert, olap)
    if (!hasCode(error, 'unavailable')) throw error
    await insertMissing(load, insert, dependencies)
    return null
  }))
  return { rows: insert.rowCount - (refusal?.rows.length ?? 0), refusal }
}

/** The insert of a planned load, after what says who the people in it are; null where it carries no row. */
async function insertOf(
  load: LoadRow,
  { oltp, olap, source }: Pick<LoaderDependencies, 'oltp' | 'olap' | 'source'>,
  target: { readonly generation: number; readonly buffer?: BatchBuffer | undefined },
): Promise<OlapInsert | null> {
  const run = await oltp.batches(load.partition, load.firstBatch, load.lastBatch - load.firstBatch + 1)
  const overrides = await oltp.overridesOf(load.partition, load.firstBatch, load.lastBatch)
  // Before the rows: a row must never be seen under a profile that was already merged away.
  if (overrides.length > 0) await failStep('load.identity', () => olap.putOverrides(overrides))
  const pointings = await oltp.pointingsOf(load.partition, load.firstBatch, load.lastBatch)
  if (pointings.length > 0) await failStep('load.identity', () => olap.putPointings(pointings))
  const parts: Buffer[] = []
  let count = 0
  for (const batch of run) {
    const ready = load.firstMonth === null ? target.buffer?.rows(batch.batch) : null
    const rows = ready ? { bytes: ready, count: batch.stored } : rowsOf(batch, await source.lines(batch, target.buffer), load)
    parts.push(rows.bytes)
    count += rows.count
  }
  if (count === 0) return null
  const months = load.firstMonth === null ? '' : `/${load.firstMonth}-${load.lastMonth}`
  return {
    generation: target.generation,
    token: `event_g${target.generation}/${load.partition}/${load.load}/${load.digest.slice(0, 32)}/${load.schemaVersion}${months}`,
    rows: Buffer.concat(parts),
    rowCount: count,
  }
}

function monthsOf(batch: BatchRow): readonly string[] {
  return batch.months === '' ? [] : batch.months.split(',')
}
