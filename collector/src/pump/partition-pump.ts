import { hasCode, MillraceError } from '../platform/errors.ts'
import type { Clock } from '../platform/clock.ts'
import { failStep } from '../platform/fail-point.ts'
import { Mutex } from '../platform/mutex.ts'
import type { LogPosition, LogReader, LogRecord } from '../ports/log.ts'
import type { Oltp, Claimed, Fence, PartitionRole } from '../ports/oltp.ts'
import { AutomationFeed, type ClaimedConsumer } from './automation-feed.ts'
import type { TakenEvents } from '../automation/take-events.ts'
import { Archiver, type ArchiverBounds, type ArchiverDependencies } from './archiver.ts'
import { BatchBuffer } from './batch-buffer.ts'
import { causeOfFailure } from './cause-of-failure.ts'
import type { DecideContext, DecidedBatch } from './decide.ts'
import { decideCarefully } from './decide-carefully.ts'
import { Loader, type LoaderBounds, type LoaderDependencies } from './loader.ts'
import type { PumpReports } from './pump-metrics.ts'
import { readRecord } from './read-record.ts'
import { resolveStep } from './resolve-step.ts'
import { Signal } from '../platform/signal.ts'

export interface PumpDependencies extends Omit<ArchiverDependencies, 'source'>, Omit<LoaderDependencies, 'generation'> {
  readonly oltp: Oltp
  readonly log: LogReader
  readonly clock: Clock
  readonly metrics: PumpReports
  readonly context: DecideContext
  /** The generation of the OLAP that is live now. */
  readonly liveGeneration: () => Promise<number>
  /** Told what a run of batches did to timers. */
  readonly taken: (events: TakenEvents) => void
}

export interface PumpBounds extends ArchiverBounds, LoaderBounds {
  readonly batchEventsMax: number
  /** Decided bytes kept in memory for archive and load, per partition. */
  readonly bufferBytesMax: number
}

interface ClaimedPump {
  readonly pump: Claimed
  readonly consumer: ClaimedConsumer
}

interface Step {
  readonly name: 'archive' | 'load' | 'automation'
  readonly signal: Signal
  readonly fence: Fence
  run(force: boolean): Promise<number>
}

/**
 * One partition: decides its batches, archives them, loads them, each at its own pace behind its own cursor.
 * A tier that is down holds up nobody else; a tier that is merely slower than the log slows the deciding,
 * so that memory stays bounded and no batch has to be read twice.
 */
export class PartitionPump {
  readonly #dependencies: PumpDependencies
  readonly #bounds: PumpBounds
  readonly #partition: number
  readonly #buffer: BatchBuffer
  readonly #stop = new AbortController()
  readonly #archive: Signal
  readonly #load: Signal
  readonly #automation: Signal
  readonly #room: Signal
  readonly #loading = new Mutex()
  #resume: () => void = () => {}
  #loadFence: Fence | null = null
  #generation = 0
  #failing = 0
  /** People may have to be solved again by new settings; a start looks whether a walk was interrupted. */
  #walking = true
  #walkFailures = 0
  /** After a failure events go on without the walk for a while; of the clock that only runs. */
  #walkAfterMs = 0
  #running: Promise<void>[] = []

  constructor(partition: number, dependencies: PumpDependencies, bounds: PumpBounds) {
    this.#partition = partition
    this.#dependencies = dependencies
    this.#bounds = bounds
    this.#archive = new Signal(dependencies.clock)
    this.#load = new Signal(dependencies.clock)
    this.#automation = new Signal(dependencies.clock)
    this.#room = new Signal(dependencies.clock)
    this.#buffer = new BatchBuffer(bounds.bufferBytesMax)
  }

  /**
   * Claims the partition for the roles, and fails if it cannot; then starts: `pump` decides, archives and shows batches to automations, `load` loads. `failed` is called once
   * for each loop that ends with an error (a lost epoch, corruption); the other loops end with it.
   */
  async start(roles: readonly PartitionRole[], failed: (error: unknown) => void): Promise<void> {
    const { oltp } = this.#dependencies
    // All claims before the first loop: a start that fails leaves nothing running.
    const claimed = roles.includes('pump') ? { pump: await oltp.claimPartition(this.#partition, 'pump'), consumer: await oltp.automations.claimConsumer(this.#partition) } : null
    const loading = roles.includes('load') ? await oltp.claimPartition(this.#partition, 'load') : null
    if (loading !== null) {
      // After the claim: whoever changes the generation has made sure that nobody claimed meanwhile.
      this.#generation = await this.#dependencies.liveGeneration()
      this.#loadFence = loading.fence
    }
    // What is decided elsewhere, or loaded elsewhere, is read back from the archive or the log.
    const shared = claimed !== null && loading !== null ? this.#buffer : undefined
    if (shared === undefined) this.#buffer.keepLinesOnly()
    const loops = [...(claimed === null ? [] : this.#pumpLoops(claimed)), ...(loading === null ? [] : [this.#loadLoop(loading, shared)])]
    this.#running = loops.map((loop) => loop.catch((error: unknown) => {
      this.#stop.abort()
      this.#wakeAll()
      failed(error)
    }))
  }

  #pumpLoops({ pump, consumer }: ClaimedPump): readonly Promise<void>[] {
    const archiver = new Archiver(pump.fence, this.#dependencies, this.#bounds)
    const feed = new AutomationFeed(consumer, { ...this.#dependencies, store: this.#dependencies.oltp.automations })
    return [
      this.#decideLoop(pump),
      this.#stepLoop({ name: 'archive', signal: this.#archive, fence: pump.fence, run: (force) => archiver.step(this.#buffer, force) }),
      this.#stepLoop({ name: 'automation', signal: this.#automation, fence: pump.fence, run: () => feed.step(this.#buffer) }),
    ]
  }

  #loadLoop({ fence }: Claimed, buffer: BatchBuffer | undefined): Promise<void> {
    const loader = new Loader(fence, { ...this.#dependencies, generation: () => this.#generation }, this.#bounds)
    return this.#stepLoop({ name: 'load', signal: this.#load, fence, run: (force) => this.#loading.run(() => loader.step(buffer, force)) })
  }

  /** Ends the loops after the step each is in; what was decided is archived and loaded by the next start. */
  async stop(): Promise<void> {
    this.#stop.abort()
    this.#wakeAll()
    await Promise.all(this.#running)
  }

  /** Resolves when no load is under way; none starts until {@link resumeLoads}. The fence tells whether nobody else has loaded since. */
  async pauseLoads(): Promise<Fence> {
    const fence = this.#loadFence
    if (fence === null) throw new MillraceError('unavailable', `partition ${this.#partition} is just being taken over; try again`, { retryable: true })
    let acquired = (): void => {}
    const paused = new Promise<void>((resolve) => {
      acquired = resolve
    })
    const released = new Promise<void>((resolve) => {
      this.#resume = resolve
    })
    const held = this.#loading.run(async () => {
      acquired()
      await released
    })
    this.#running.push(held)
    await paused
    return fence
  }

  /** Loads go on, into the generation. */
  resumeLoads(generation: number): void {
    this.#generation = generation
    this.#resume()
    this.#resume = () => {}
  }

  #wakeAll(): void {
    for (const signal of [this.#archive, this.#load, this.#automation, this.#room]) signal.wake()
  }

  /**
   * A log that is damaged or has a gap holds up its own partition alone: others go on, and this one looks again and again, since
   * a person can mend it meanwhile.
   */
  async #decideLoop({ fence, row }: Claimed): Promise<void> {
    const { clock, metrics, oltp } = this.#dependencies
    let position = row.position
    for (let attempt = 0; !this.#stop.signal.aborted; attempt += 1) {
      try {
        await this.#decideFrom(fence, position)
      } catch (error) {
        if (!(error instanceof MillraceError) || (error.code !== 'corrupt' && error.code !== 'log_gap')) throw error
        metrics.decideRetried(error)
        await clock.sleep(Math.min(30_000, 1_000 * 2 ** Math.min(attempt, 5)), this.#stop.signal)
        position = (await oltp.partition(this.#partition).catch(() => ({ position }))).position
      }
    }
  }

  async #decideFrom(fence: Fence, position: LogPosition | null): Promise<void> {
    const { log } = this.#dependencies
    const cursor = await log.open(this.#partition, position)
    try {
      let waiting: readonly LogRecord[] = []
      while (!this.#stop.signal.aborted) {
        while (this.#buffer.full && this.#failing === 0 && !this.#stop.signal.aborted) await this.#room.wait(100)
        // A step of the walk, a batch of events, a step: neither waits for the other's end.
        const walkInMs = await this.#walk(fence)
        if (waiting.length === 0) waiting = await cursor.next({ maxRecords: 10_000, maxBytes: 8_388_608, waitMs: Math.min(walkInMs, 1_000) })
        const batch = takeBatch(waiting, this.#bounds.batchEventsMax)
        waiting = waiting.slice(batch.length)
        if (batch.length > 0) await this.#decide(fence, batch)
      }
    } finally {
      await cursor.close()
    }
  }

  async #decide(fence: Fence, records: readonly LogRecord[]): Promise<void> {
    const { oltp, context, metrics, clock } = this.#dependencies
    const startedAt = clock.elapsed()
    const decided = await decideCarefully(fence, records, {
      oltp, clock, context, events: records.flatMap((record) => readRecord(record)),
      signal: this.#stop.signal, failed: (error) => metrics.decideRetried(error),
    })
    // It may have been committed by an attempt that did not hear so.
    if (decided === null || decided.walks) this.#walking = true
    if (decided === null) return
    metrics.decided(decided, clock.elapsed() - startedAt)
    this.#take(decided)
  }

  #take(decided: DecidedBatch): void {
    this.#buffer.add(decided.row, decided)
    this.#archive.wake()
    this.#load.wake()
    this.#automation.wake()
  }

  /**
   * A step of the walk, if one is due; answers in how many milliseconds the next one is. How far the walk is stands in the store,
   * so after whatever went wrong a step begins where the last one ended.
   */
  async #walk(fence: Fence): Promise<number> {
    const { oltp, context, metrics, clock } = this.#dependencies
    if (!this.#walking) return Infinity
    const waitMs = this.#walkAfterMs - clock.elapsed()
    if (waitMs > 0) return waitMs
    try {
      const { batch, atRest } = await failStep('settings.resolve', () => oltp.decide(fence, (transaction) => resolveStep(transaction, context)))
      if (batch !== null) this.#take(batch)
      if (atRest) this.#walking = false
      this.#walkFailures = 0
      return atRest ? Infinity : 0
    } catch (error) {
      metrics.decideRetried(error)
      if (hasCode(error, 'epoch_lost')) throw error
      const restMs = Math.min(30_000, 20 * 2 ** Math.min(this.#walkFailures, 11))
      this.#walkAfterMs = clock.elapsed() + restMs
      this.#walkFailures += 1
      return restMs
    }
  }

  async #stepLoop(step: Step): Promise<void> {
    const { clock, metrics, oltp } = this.#dependencies
    let attempt = 0
    while (!this.#stop.signal.aborted) {
      try {
        const waitMs = await step.run(false)
        if (attempt > 0) this.#failing -= 1
        attempt = 0
        this.#room.wake()
        if (waitMs > 0) await step.signal.wait(waitMs)
        // Batches come faster than they are worth a step: look again when one is due, not at each.
        if (waitMs > 0 && !this.#stop.signal.aborted) await clock.sleep(Math.min(waitMs, 50), this.#stop.signal)
      } catch (failure) {
        const error = await causeOfFailure(failure, step.fence, oltp)
        metrics.stepFailed(step.name, error)
        if (hasCode(error, 'epoch_lost')) throw error
        if (attempt === 0) this.#failing += 1
        attempt += 1
        this.#room.wake()
        await clock.sleep(Math.min(30_000, 100 * 2 ** Math.min(attempt, 9)), this.#stop.signal)
      }
    }
  }
}

function takeBatch(records: readonly LogRecord[], eventsMax: number): readonly LogRecord[] {
  let events = 0
  const end = records.findIndex((record, index) => {
    events += record.events
    return index > 0 && events > eventsMax
  })
  return end < 0 ? records : records.slice(0, end)
}
