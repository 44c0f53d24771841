import type { AutomationService } from '../automation/automation-service.ts'
import type { Clock } from '../platform/clock.ts'
import { ClockWatch } from '../platform/clock-watch.ts'
import type { Logger } from '../platform/logger.ts'
import { hasCode, MillraceError, messageOf } from '../platform/errors.ts'
import type { Gzip } from '../platform/gzip.ts'
import { Mutex } from '../platform/mutex.ts'
import { generationAfter, type GenerationSwap, generationSetting, newestGenerationSetting } from '../ports/generation-setting.ts'
import type { LogReader } from '../ports/log.ts'
import type { Objects } from '../ports/objects.ts'
import type { Olap } from '../ports/olap.ts'
import type { Fence, MemberRow, Oltp } from '../ports/oltp.ts'
import { BatchSource } from './batch-source.ts'
import type { DecideContext } from './decide.ts'
import { carryOutErasure, type ErasureReport } from './eraser.ts'
import { PartitionOwner } from './partition-owner.ts'
import { PartitionPump, type PumpBounds } from './partition-pump.ts'
import type { PumpReports } from './pump-metrics.ts'
import { rebuildProfiles, type RebuildProfilesReport } from './rebuild-profiles.ts'
import { dropLeftGenerations, putAllPointings, rebuildOlap, type RebuildReport } from './rebuild-olap.ts'
import { failStep } from '../platform/fail-point.ts'

export interface WorkerDependencies {
  readonly oltp: Oltp
  readonly log: LogReader
  readonly objects: Objects
  readonly olap: Olap
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: PumpReports
  readonly context: DecideContext
  readonly automation: Pick<AutomationService, 'start' | 'stop' | 'taken'>
  /** Absent: Node's. */
  readonly gzip?: Gzip
}

export interface WorkerBounds extends PumpBounds {
  readonly duplicateWindowDays: number
  /** Who this process is among those that share the partitions. */
  readonly member: MemberRow
  /** False where nobody else can have the engines. */
  readonly shared: boolean
}

const pruneEveryMs = 10_000
/** How long a start waits to hear that the OLAP is unfit. */
const olapPatienceMs = 2_000

/** Everything the pump and load roles do in one process: all partitions, pruning, rebuilds. */
export class WorkerService {
  readonly #dependencies: WorkerDependencies
  readonly #bounds: WorkerBounds
  readonly #source: BatchSource
  readonly #stop = new AbortController()
  #prepared: Promise<void> = Promise.resolve()
  #isPrepared = false
  #failed: (error: unknown) => void = () => {}
  #owner: PartitionOwner | null = null
  #pruning: Promise<void> = Promise.resolve()
  /** What rewrites a tier: one at a time. */
  readonly #exclusive = new Mutex()

  constructor(dependencies: WorkerDependencies, bounds: WorkerBounds) {
    this.#dependencies = dependencies
    this.#bounds = bounds
    this.#source = new BatchSource(dependencies)
  }

  /**
   * `failed` hears of an error that this process cannot get over: it should end and be started again. An OLAP that is
   * away holds nothing up but the loads; one that is there and unfit fails the start.
   */
  async start(failed: (error: unknown) => void): Promise<void> {
    this.#failed = failed
    const { oltp, log, clock, logger } = this.#dependencies
    await oltp.settingOnce(generationSetting, '1')
    if (this.#bounds.member.roles.includes('load')) this.#prepared = this.#prepareOlap()
    // Whoever loads hears of it; before anybody does it is no unhandled rejection.
    this.#prepared.catch((error: unknown) => {
      if (!this.#stop.signal.aborted) failed(error)
    })
    await Promise.race([this.#prepared, clock.sleep(olapPatienceMs)])
    this.#owner = new PartitionOwner(
      { oltp, clock, logger, makePump: (partition) => this.#pump(partition) },
      { member: this.#bounds.member, partitions: log.partitions, shared: this.#bounds.shared }, failed,
    )
    await this.#owner.start()
    if (this.#bounds.member.roles.includes('pump')) await this.#dependencies.automation.start()
    this.#pruning = this.#prune()
  }

  /** Until it succeeds, or the process is stopped, or the OLAP turns out to be unfit. */
  async #prepareOlap(): Promise<void> {
    const { olap, clock, logger } = this.#dependencies
    for (let attempt = 1; !this.#stop.signal.aborted; attempt += 1) {
      try {
        await olap.prepare()
        await this.#showLiveGeneration()
        await this.#fillPointings()
        this.#isPrepared = true
        return
      } catch (error) {
        if (!(error instanceof MillraceError && error.retryable)) throw error
        logger.warn('the OLAP cannot be reached; profiles go on, loads wait for it', { error: messageOf(error) })
        await clock.sleep(Math.min(30_000, 500 * 2 ** Math.min(attempt, 6)), this.#stop.signal)
      }
    }
    throw new MillraceError('closed', 'the worker is stopping')
  }

  /** Until it is the live one still when it is shown: another process may have made the OLAP anew meanwhile. */
  async #showLiveGeneration(): Promise<void> {
    const { olap } = this.#dependencies
    let live = await this.#liveGeneration()
    for (let shown = 0; shown !== live; live = await this.#liveGeneration()) {
      shown = live
      await olap.createGeneration(shown)
      await olap.useGeneration(shown)
      // A rebuild that died behind its swap left the one before.
      await dropLeftGenerations(olap, { live: shown, generation: shown })
    }
  }

  /** Once, for data of a version that did not yet load them. */
  async #fillPointings(): Promise<void> {
    const { oltp, olap } = this.#dependencies
    if ((await oltp.setting('olap_pointings')) !== null) return
    await putAllPointings({ oltp, olap })
    await oltp.setSetting('olap_pointings', 'filled')
  }

  /** Refuses at once instead of waiting: the pump goes on deciding only while it knows that a tier is away. */
  #requireOlap(): void {
    if (!this.#isPrepared) throw new MillraceError('unavailable', 'the OLAP is not prepared yet', { retryable: true })
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await Promise.all([this.#owner?.stop(), this.#dependencies.automation.stop()])
    await this.#pruning
  }

  /** Carries out an erasure that was decided; whoever asks twice waits for the same. */
  carryOutErasure(erasure: { readonly workspace: number; readonly id: string }): Promise<ErasureReport> {
    return this.#exclusive.run(async () => {
      await this.#prepared
      const { oltp, olap } = this.#dependencies
      // A rebuild that failed half way left rows of whoever is forgotten; one that another process is about would bring them back. An earlier
      // version took the next number without storing it.
      const { live, generation } = generationAfter(await oltp.setting(generationSetting), await oltp.setting(newestGenerationSetting))
      await dropLeftGenerations(olap, { live, generation: generation + 1 })
      return carryOutErasure(erasure, { ...this.#dependencies, generation: live }, this.#stop.signal)
    })
  }

  /** What a crash or an outage interrupted goes on. */
  async #goOnErasing(): Promise<void> {
    if (!this.#isPrepared) return
    for (const erasure of await this.#dependencies.oltp.erasures.openErasures()) await this.carryOutErasure(erasure)
  }

  /** Makes the profiles anew from the archive while readers go on with the old ones; deciding waits. */
  rebuildProfiles(): Promise<RebuildProfilesReport> {
    return this.#exclusive.run(async () => {
      await this.#prepared
      return rebuildProfiles({ ...this.#dependencies, source: this.#source, partitions: this.#dependencies.log.partitions })
    })
  }

  /** Fills a new generation of the OLAP from the archive and swaps it in, while everything else goes on. */
  rebuildOlap(): Promise<RebuildReport> {
    return this.#exclusive.run(() => this.#rebuildOlap())
  }

  async #rebuildOlap(): Promise<RebuildReport> {
    await this.#prepared
    const pumps = await this.#owner?.allLoads() ?? null
    if (pumps === null) {
      throw new MillraceError('unavailable', 'other processes load too and would write into the old generation; stop all processes with the load role but this one')
    }
    const given = await this.#dependencies.oltp.newGeneration()
    return rebuildOlap(this.#dependencies, {
      source: this.#source,
      clock: this.#dependencies.clock,
      partitions: this.#dependencies.log.partitions,
      given,
      swap: async (fill) => {
        let next = given.live
        try {
          const fences: Fence[] = []
          for (const pump of pumps) {
            const fence = await pump.pauseLoads()
            // A load whose end was committed and not answered yet still holds its partition: behind it, everything that is loaded is seen.
            await this.#dependencies.oltp.requireOwned(fence)
            fences.push(fence)
          }
          await this.#useGeneration(fences, { generation: given.generation, refusals: await fill() })
          next = given.generation
        } finally {
          for (const pump of pumps) pump.resumeLoads(next)
        }
      },
    })
  }

  /** What is stored, since another process may have made the OLAP anew. */
  async #liveGeneration(): Promise<number> {
    return Number(await this.#dependencies.oltp.setting(generationSetting))
  }

  /**
   * The stored generation changes only while this process owns all loads: one that comes later reads it after its claim. Where this fails
   * nobody knows which generation the next start takes: what is loaded until then could go into the other, so this process ends.
   */
  async #useGeneration(fences: readonly Fence[], swap: GenerationSwap): Promise<void> {
    const { oltp, olap } = this.#dependencies
    try {
      await oltp.swapGeneration(fences, swap)
      await failStep('rebuild.swap', () => olap.useGeneration(swap.generation))
      // Another process may have taken over and made the OLAP anew since the swap was stored.
      if (await this.#liveGeneration() !== swap.generation) await this.#showLiveGeneration()
    } catch (error) {
      const overtaken = hasCode(error, 'epoch_lost')
      if (!overtaken) this.#failed(error)
      throw error
    }
  }

  #pump(partition: number): PartitionPump {
    const { olap, automation } = this.#dependencies
    return new PartitionPump(partition, {
      ...this.#dependencies, source: this.#source, liveGeneration: () => this.#liveGeneration(), taken: (events) => automation.taken(events),
      olap: {
        insert: async (insert) => {
          this.#requireOlap()
          await olap.insert(insert)
        },
        heldRows: async (generation, run) => {
          this.#requireOlap()
          return olap.heldRows(generation, run)
        },
        putOverrides: async (rows) => {
          this.#requireOlap()
          await olap.putOverrides(rows)
        },
        putPointings: async (rows) => {
          this.#requireOlap()
          await olap.putPointings(rows)
        },
      },
    }, this.#bounds)
  }

  async #prune(): Promise<void> {
    const { oltp, clock, log } = this.#dependencies
    const watch = new ClockWatch(clock)
    // Nobody waits for pruning, but somebody may for an erasure that the process before this one died at.
    await this.#logged('erasing', () => this.#goOnErasing())
    while (!this.#stop.signal.aborted) {
      await clock.sleep(pruneEveryMs, this.#stop.signal)
      this.#lookAtClock(watch)
      await this.#logged('pruning', async () => {
        const windowStart = clock.now() - this.#bounds.duplicateWindowDays * 86_400_000
        for (let partition = 0; partition < log.partitions && !this.#stop.signal.aborted && !watch.inDoubt; partition += 1) await oltp.prune(partition, windowStart)
        await this.#goOnErasing()
      })
    }
  }

  /** What passes is tried again with the next round. */
  async #logged(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (error instanceof MillraceError && !error.retryable) this.#dependencies.logger.error(`${what} failed`, { error: messageOf(error) })
    }
  }

  #lookAtClock(watch: ClockWatch): void {
    const jumpMs = watch.look()
    if (jumpMs === 0) return
    this.#dependencies.metrics.clockJumped()
    this.#dependencies.logger.warn('the clock of this machine was set; message ids are kept beyond their window for a day', { seconds: Math.round(jumpMs / 1_000) })
  }
}
