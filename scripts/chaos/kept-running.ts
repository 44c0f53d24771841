import { setTimeout as sleep } from 'node:timers/promises'
import { CollectorProcess } from '../../collector/test/collector-process.ts'
import type { LossyDisk } from './disk/lossy-disk.ts'

const startsMax = 20
const lookEveryMs = 20

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
  #watching: Promise<void> = Promise.resolve()
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
    if (disk !== null) this.#looking ??= setInterval(() => disk.isOff && void this.collector.kill('collector'), lookEveryMs)
    await this.#start()
    this.#watching = this.#watch().catch((error: unknown) => {
      this.#failure = error
    })
  }

  /** Whatever is armed may break the end as well, so only SIGKILL and the loss of power are sure to be one. */
  async stop(how: 'SIGTERM' | 'SIGKILL' | 'power loss'): Promise<void> {
    this.#wanted = false
    if (how === 'power loss') this.#options.disk?.cut()
    if (how === 'SIGTERM') await this.collector.stop()
    else await this.collector.kill('collector')
    await this.#watching
    if (this.#looking !== null) clearInterval(this.#looking)
    this.#looking = null
    await this.#restorePower()
    if (this.#failure !== null) throw this.#failure
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
      await this.#start()
    }
  }

  /** A start may be what is broken. */
  async #start(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#restorePower()
        await this.collector.start()
        return
      } catch (error) {
        if (attempt === startsMax || !this.#wanted) throw error
        await sleep(100)
      }
    }
  }

  async #restorePower(): Promise<void> {
    const { disk, random } = this.#options
    if (disk?.isOff === true) await disk.restore(Math.floor(random() * 2 ** 31))
  }
}
