import { setTimeout as sleep } from 'node:timers/promises'
import { CollectorProcess } from '../../collector/test/collector-process.ts'

const startsMax = 20

/** A collector with a supervisor: when it ends it is started again, in the environment of the last start. */
export class KeptRunning {
  readonly collector: CollectorProcess
  #wanted = false
  #watching: Promise<void> = Promise.resolve()
  #failure: unknown = null

  constructor(data: string, flags: readonly string[]) {
    this.collector = new CollectorProcess(data, flags)
  }

  get url(): string {
    if (this.#failure !== null) throw this.#failure
    return this.collector.url
  }

  async start(environment: Readonly<Record<string, string>>): Promise<void> {
    this.collector.environment = environment
    this.#wanted = true
    await this.#start()
    this.#watching = this.#watch().catch((error: unknown) => {
      this.#failure = error
    })
  }

  /** Whatever is armed may break the end as well, so only SIGKILL is sure to be one. */
  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#wanted = false
    if (signal === 'SIGTERM') await this.collector.stop()
    else await this.collector.kill('collector')
    await this.#watching
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
        await this.collector.start()
        return
      } catch (error) {
        if (attempt === startsMax || !this.#wanted) throw error
        await sleep(100)
      }
    }
  }
}
