import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CollectorProcess } from '../../collector/test/collector-process.ts'
import { asCsv, type HistoryPlan, retailHistory, sampleLines } from './retail-history.ts'

/** Events of one file, which one import brings. */
const partEvents = 500_000
const program = new URL('../../collector/src/main.ts', import.meta.url).pathname

interface FillState {
  readonly plan: HistoryPlan
  /** Events that are in every tier. */
  readonly filled: number
}

/**
 * A data directory with a history in it, filled by `millrace import` and kept, so that a bench that comes again finds it filled. An
 * interrupted fill goes on where it was.
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

  /** Brings the events up to this number; those that are there already are not brought again. */
  async fill(collector: CollectorProcess, events: number, told: (text: string) => void): Promise<void> {
    if (this.filled >= events) return
    const lines = await sampleLines()
    for (let first = this.filled; first < events; first = this.filled) {
      const end = Math.min(events, first + partEvents)
      const path = join(this.#directory, `${first}-${end}.csv`)
      if (!existsSync(path)) await writeFileOf(path, asCsv(retailHistory(this.#plan, lines, { first, end })))
      if (collector.processes().length === 0) await collector.start()
      const begin = performance.now()
      await imported(path, this.data)
      const seconds = (performance.now() - begin) / 1_000
      this.#write({ plan: this.#plan, filled: end })
      rmSync(path)
      told(`filled ${end} of ${events} events, ${Math.round((end - first) / seconds)} a second`)
    }
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

async function writeFileOf(path: string, pieces: Iterable<string>): Promise<void> {
  const file = createWriteStream(`${path}.new`)
  for (const piece of pieces) if (!file.write(piece)) await once(file, 'drain')
  file.end()
  await once(file, 'finish')
  renameSync(`${path}.new`, path)
}

async function imported(path: string, data: string): Promise<void> {
  const child = spawn(process.execPath, [program, 'import', path, '--data', data], { stdio: ['ignore', 'pipe', 'inherit'] })
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed = (printed + text).slice(-2_000)
  })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`the import of ${path} ended with ${String(code)}:\n${printed}`)
}
