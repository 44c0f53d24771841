import { setTimeout as sleep } from 'node:timers/promises'
import { CollectorProcess } from '../../collector/test/collector-process.ts'
import type { LossyDisk } from './disk/lossy-disk.ts'

/** Each failure that is armed may fall into a start. */
const startsMax = 100
const lookEveryMs = 20
/** Ten times what it takes on a busy machine: longer is no slow start or end but one that never comes. */
const startMsMax = 120_000
const stopMsMax = 120_000

/** A collector that neither goes on nor ends, which is a defect of its own. */
class StuckCollector extends Error {}

export interface KeptRunningOptions {
  readonly data: string
  readonly flags: readonly string[]
  /** Of every start. */
  readonly environment: Readonly<Record<string, string>>
  /** What the data directory is on, where its power can be cut. */
  readonly disk: LossyDisk | null
  /** Decides what a power loss leaves. */
  readonly random: () => number
}

/** A collector with a supervisor: when it ends it is started again, in the environment of the last start, on what its disk kept. */
export class KeptRunning {
  readonly collector: CollectorProcess
  readonly #options: KeptRunningOptions
  #wanted = false
  #ending = false
  #watching: Promise<void> = Promise.resolve()
  /** The restart under way, or the last one. */
  #starting: Promise<void> = Promise.resolve()
  #looking: NodeJS.Timeout | null = null
  #failure: unknown = null

  constructor(options: KeptRunningOptions) {
    this.#options = options
    this.collector = new CollectorProcess(options.data, options.flags)
  }

  get url(): string {
    if (this.#failure !== null) throw this.#failure
    return this.collector.url
  }

  get environment(): Readonly<Record<string, string>> {
    return this.collector.environment
  }

  async start(environment: Readonly<Record<string, string>>): Promise<void> {
    const { disk } = this.#options
    this.collector.environment = { ...this.#options.environment, ...environment }
    this.#wanted = true
    // Whatever process lost the power: the others go down with it.
    if (disk !== null) this.#looking ??= setInterval(() => this.#endWithoutPower(disk), lookEveryMs)
    await this.#start()
    this.#watching = this.#watch().catch((error: unknown) => {
      this.#failure = error
    })
  }

  /** Whatever is armed may break the end as well, so only SIGKILL and the loss of power are sure to be one. */
  async stop(how: 'SIGTERM' | 'SIGKILL' | 'power loss'): Promise<void> {
    this.#wanted = false
    // A disk whose power is cut while it is being restored would be taken for one that is on.
    await this.#starting.catch(() => undefined)
    if (how === 'power loss') this.#options.disk?.cut()
    if (how === 'SIGTERM') await this.#within(stopMsMax, 'end', this.collector.stop())
    else await this.collector.kill('collector')
    await this.#watching
    if (this.#looking !== null) clearInterval(this.#looking)
    this.#looking = null
    await this.#restorePower()
    if (this.#failure !== null) throw this.#failure
  }

  /** Kills whatever still runs, without waiting for it. */
  leave(): void {
    this.#wanted = false
    this.collector.signal('SIGKILL')
  }

  /** Resolves when a collector that was killed is back. */
  async restarted(): Promise<void> {
    const { url } = this.collector
    while (this.collector.url === url && this.#failure === null) await sleep(20)
  }

  async #watch(): Promise<void> {
    for (;;) {
      await this.collector.ended()
      if (!this.#wanted) return
      this.#starting = this.#start()
      await this.#starting
    }
  }

  #endWithoutPower(disk: LossyDisk): void {
    if (this.#ending || !disk.isOff) return
    this.#ending = true
    void this.collector.kill('collector').finally(() => {
      this.#ending = false
    })
  }

  /** A start may be what is broken. Whoever is told to stop meanwhile does not begin, or is killed by {@link stop}. */
  async #start(): Promise<void> {
    for (let attempt = 1; this.#wanted; attempt += 1) {
      try {
        await this.#restorePower()
        if (this.#wanted) await this.#within(startMsMax, 'get ready', this.collector.start())
        return
      } catch (error) {
        if (!this.#wanted && !(error instanceof StuckCollector)) return
        if (attempt === startsMax || error instanceof StuckCollector) throw error
        await sleep(100)
      }
    }
  }

  async #within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
    const done = new AbortController()
    const late = sleep(ms, undefined, { signal: done.signal }).then(() => {
      const processes = this.collector.processes().map(({ pid, name }) => `${name} ${pid}`).join(', ')
      throw new StuckCollector(`the collector does not ${what} within ${ms / 1_000} s (${processes}); it printed:\n${this.collector.printed}`)
    })
    try {
      return await Promise.race([work, late])
    } finally {
      done.abort()
      late.catch(() => undefined)
    }
  }

  async #restorePower(): Promise<void> {
    const { disk, random } = this.#options
    if (disk?.isOff === true) await disk.restore(Math.floor(random() * 2 ** 31))
  }
}
