import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/platform/clock.ts'
import type { Olap } from '../../src/ports/olap.ts'
import { openClickHouse } from '../../src/stores/olap/clickhouse/clickhouse-olap.ts'
import { type Engine, startEngine } from '../../src/stores/olap/engine/start-engine.ts'

const logger = { error: (): void => {}, warn: (): void => {}, info: (): void => {}, debug: (): void => {} }

/** An embedded engine of its own with an empty store of generation 1. */
export class OlapBench {
  readonly #directory = mkdtempSync(join(tmpdir(), 'millrace-olap-'))
  #engine: Engine | null = null
  #olap: Olap | null = null

  get olap(): Olap {
    if (this.#olap === null) throw new Error('the engine is not started')
    return this.#olap
  }

  async start(): Promise<void> {
    const engine = await startEngine({ directory: this.#directory, memoryBytesMax: 1_073_741_824, clock: systemClock, logger })
    this.#engine = engine
    this.#olap = openClickHouse({ url: engine.url, username: 'millrace', password: engine.password, tlsCaFile: null, database: 'millrace', queryTimeoutMs: 20_000 })
    await this.#olap.prepare()
    await this.#olap.createGeneration(1)
    await this.#olap.useGeneration(1)
  }

  async stop(): Promise<void> {
    await this.#olap?.close()
    await this.#engine?.stop()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
