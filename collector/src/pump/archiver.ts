import { type Clock, restOfDelay } from '../platform/clock.ts'
import { hasCode } from '../platform/errors.ts'
import type { Gzip } from '../platform/gzip.ts'
import type { LogReader } from '../ports/log.ts'
import type { Objects } from '../ports/objects.ts'
import type { BatchRow, Fence, ObjectRow, Oltp } from '../ports/oltp.ts'
import { encodeObject, objectName, runDigest } from './archive-object.ts'
import type { BatchBuffer } from './batch-buffer.ts'
import type { BatchSource } from './batch-source.ts'
import { failStep } from '../platform/fail-point.ts'

export interface ArchiverDependencies {
  readonly oltp: Pick<Oltp, 'openObject' | 'batches' | 'planObject' | 'finishObject' | 'partition' | 'objectOf'>
  readonly objects: Pick<Objects, 'put' | 'delete'>
  readonly log: Pick<LogReader, 'acknowledge'>
  readonly source: Pick<BatchSource, 'lines'>
  readonly clock: Clock
  /** Absent: Node's. */
  readonly gzip?: Gzip
}

export interface ArchiverBounds {
  /** Uncompressed bytes after which an object is closed. */
  readonly objectBytesMax: number
  /** How long an object stays open for more batches, milliseconds. */
  readonly objectDelayMs: number
}

/**
 * Puts decided batches of one partition into objects.
 *
 * States of a run of batches: decided → planned (an object row without a time: the run is frozen) → put (the object
 * exists) → finished (the row has its time, the cursor passed it) → acknowledged (the log may drop it).
 * A crash in between repeats the step after the last durable one, with the same name and bytes.
 */
export class Archiver {
  readonly #fence: Fence
  readonly #dependencies: ArchiverDependencies
  readonly #bounds: ArchiverBounds

  constructor(fence: Fence, dependencies: ArchiverDependencies, bounds: ArchiverBounds) {
    this.#fence = fence
    this.#dependencies = dependencies
    this.#bounds = bounds
  }

  /**
   * One step: finishes a planned run, or plans and puts the next one if it is full, old enough, or `force`d.
   * Answers milliseconds to wait before the next step can have work; 0 if there may be more now.
   */
  async step(buffer: BatchBuffer, force: boolean): Promise<number> {
    const { oltp, clock } = this.#dependencies
    const { partition } = this.#fence
    const planned = await oltp.openObject(partition)
    if (planned !== null) {
      const count = planned.lastBatch - planned.firstBatch + 1
      await this.#finish(planned, await oltp.batches(partition, planned.firstBatch, count), buffer)
      return 0
    }
    const cursor = await oltp.partition(partition)
    // Also what an earlier step finished without hearing of it: a full buffer holds up the deciding.
    buffer.archived(cursor.archivedBatch)
    if (cursor.archivedBatch === cursor.batch) return this.#bounds.objectDelayMs
    const pending = await oltp.batches(partition, cursor.archivedBatch + 1, 1_000)
    const run = this.#run(pending)
    const oldest = run[0]?.decidedAt ?? clock.now()
    const wait = restOfDelay(this.#bounds.objectDelayMs, oldest, clock.now())
    const full = run.length < pending.length || sum(run) >= this.#bounds.objectBytesMax
    if (!full && wait > 0 && !force) return wait
    await this.#plan(run, buffer)
    return 0
  }

  #run(pending: readonly BatchRow[]): readonly BatchRow[] {
    const run: BatchRow[] = []
    for (const batch of pending) {
      if (run.length > 0 && sum(run) + batch.lineBytes > this.#bounds.objectBytesMax) break
      run.push(batch)
    }
    return run
  }

  async #plan(run: readonly BatchRow[], buffer: BatchBuffer): Promise<void> {
    const row: ObjectRow = {
      partition: this.#fence.partition,
      firstBatch: run[0]?.batch ?? 0,
      lastBatch: run.at(-1)?.batch ?? 0,
      name: objectName(run),
      digest: runDigest(run),
      events: run.reduce((events, batch) => events + batch.stored, 0),
      plannedAt: this.#dependencies.clock.now(),
      archivedAt: null,
    }
    await failStep('archive.plan', () => this.#dependencies.oltp.planObject(this.#fence, row))
    await this.#finish(row, run, buffer)
  }

  async #finish(row: ObjectRow, run: readonly BatchRow[], buffer: BatchBuffer): Promise<void> {
    const { oltp, objects, log, source, clock, gzip } = this.#dependencies
    const lines: Buffer[] = []
    for (const batch of run) lines.push(await source.lines(batch, buffer))
    const bytes = await encodeObject(run, lines, gzip)
    await failStep('archive.put', () => objects.put(row.name, bytes))
    try {
      await failStep('archive.finish', () => oltp.finishObject(this.#fence, row, clock.now()))
    } catch (error) {
      if (hasCode(error, 'epoch_lost')) await this.#takeBack(row)
      throw error
    }
    buffer.archived(row.lastBatch)
    const last = run.at(-1)
    if (last !== undefined) await failStep('log.acknowledge', () => log.acknowledge(this.#fence.partition, last.lastPosition))
  }

  /** Where another owner archived the run meanwhile and an erasure wrote its object anew, what was put here late holds what was erased, and nobody knows of it. */
  async #takeBack({ partition, lastBatch, name }: ObjectRow): Promise<void> {
    const { oltp, objects } = this.#dependencies
    const known = await oltp.objectOf(partition, lastBatch)
    if (known !== null && known.name !== name) await objects.delete(name)
  }
}

function sum(run: readonly BatchRow[]): number {
  return run.reduce((bytes, batch) => bytes + batch.lineBytes, 0)
}
