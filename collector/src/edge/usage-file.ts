import type { Clock } from '../platform/clock.ts'
import { readWhole, writeWhole } from '../platform/whole-file.ts'
import { DayUsage } from './day-usage.ts'

/** What the keys used of their day outlives the process, but for the last seconds before a crash. */
export class UsageFile {
  readonly #path: string
  #written = ''

  constructor(path: string) {
    this.#path = path
  }

  /** Nothing used where there is no file yet, or none that can be read: a quota is worth no refusal to start. */
  async read(): Promise<DayUsage> {
    try {
      const value: unknown = JSON.parse(await readWhole(this.#path) ?? '{}')
      const day: unknown = Reflect.get(Object(value), 'day')
      const events: unknown = Reflect.get(Object(value), 'events')
      const counts = Object.entries(Object(events)).filter((entry): entry is [string, number] => Number.isSafeInteger(entry[1]))
      return typeof day === 'number' ? new DayUsage({ day, events: new Map(counts) }) : new DayUsage()
    } catch {
      return new DayUsage()
    }
  }

  /** Does nothing where nothing changed. */
  async write(usage: DayUsage): Promise<void> {
    const { day, events } = usage.current
    const text = JSON.stringify({ day, events: Object.fromEntries(events) })
    if (events.size === 0 || text === this.#written) return
    await writeWhole(this.#path, text)
    this.#written = text
  }
}

export interface UsageKeeping {
  readonly usage: DayUsage
  readonly file: UsageFile
  readonly clock: Clock
  readonly signal: AbortSignal
  report(error: unknown): void
}

const everyMs = 5_000

/** Writes the usage down until `signal`, and once more then. */
export async function keepUsage({ usage, file, clock, signal, report }: UsageKeeping): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(everyMs, signal)
    await file.write(usage).catch(report)
  }
}
