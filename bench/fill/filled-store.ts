import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BatchSender } from '../../collector/test/batch-sender.ts'
import { type CollectorProcess, testKeys } from '../../collector/test/collector-process.ts'
import { untilAtRest } from '../../collector/test/read-side.ts'
import { type HistoryPlan, historyBatches, sampleLines } from './retail-history.ts'

/** Events that are sent at a time; what is in every tier is written down behind them. */
const partEvents = 250_000
const restMs = 600_000

interface FillState {
  readonly plan: HistoryPlan
  /** Events that are in every tier. */
  readonly filled: number
}

export interface FillOptions {
  /** A fill that takes longer ends after the part that it is in. */
  readonly secondsMax: number
  readonly told: (text: string) => void
}

/**
 * A data directory with a history in it, sent over HTTP and kept, so that a bench that comes again finds it filled. An interrupted fill goes on
 * where it was: events that are sent again have the ids that they had.
 */
export class FilledStore {
  readonly data: string
  readonly #directory: string
  readonly #plan: HistoryPlan

  constructor(directory: string, plan: HistoryPlan) {
    this.#directory = directory
    this.#plan = plan
    this.data = join(directory, 'data')
    mkdirSync(directory, { recursive: true })
    const { plan: found } = this.#read()
    if (JSON.stringify(found) !== JSON.stringify(plan)) throw new Error(`${directory} is filled with another history, ${JSON.stringify(found)}: name another directory, or the same flags`)
  }

  get filled(): number {
    return this.#read().filled
  }

  /** Brings the events up to this number; those that are there already are not sent again. False where the seconds were over before. */
  async fill(collector: CollectorProcess, events: number, { secondsMax, told }: FillOptions): Promise<boolean> {
    if (this.filled >= events) return true
    const until = performance.now() + secondsMax * 1_000
    const lines = await sampleLines()
    if (collector.processes().length === 0) await collector.start()
    const sender = new BatchSender({ url: () => collector.url, writeKey: testKeys.writeKey, connections: 8 })
    for (let first = this.filled; first < events && performance.now() < until; first = this.filled) {
      const end = Math.min(events, first + partEvents)
      const begin = performance.now()
      await sender.sendAll(historyBatches(this.#plan, lines, { first, end }))
      await untilAtRest(() => collector.url, testKeys.secretKey, { accepted: 0, withinMs: restMs })
      this.#write({ plan: this.#plan, filled: end })
      told(`filled ${end} of ${events} events, ${Math.round((end - first) / (performance.now() - begin) * 1_000)} a second`)
    }
    sender.close()
    return this.filled >= events
  }

  #read(): FillState {
    const path = join(this.#directory, 'fill.json')
    if (!existsSync(path)) return { plan: this.#plan, filled: 0 }
    const state: FillState = JSON.parse(readFileSync(path, 'utf8'))
    return state
  }

  #write(state: FillState): void {
    const path = join(this.#directory, 'fill.json')
    writeFileSync(`${path}.new`, JSON.stringify(state))
    renameSync(`${path}.new`, path)
  }
}
