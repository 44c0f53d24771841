import type { Clock } from './platform/clock.ts'
import type { LogHead, LogReader } from './ports/log.ts'

/** A broker that takes longer counts as away. */
const answerMs = 3_000

/** The ends of the log for the status page, which has to answer while the log is away. */
export class LogHeads {
  readonly #open: () => Promise<LogReader>
  readonly #clock: Clock
  #reader: Promise<LogReader> | null = null

  constructor(open: () => Promise<LogReader>, clock: Clock) {
    this.#open = open
    this.#clock = clock
  }

  /** null while the log cannot be asked. */
  async read(): Promise<readonly LogHead[] | null> {
    const answered = new AbortController()
    try {
      return await Promise.race([this.#ask(), this.#clock.sleep(answerMs, answered.signal).then(() => null)])
    } catch {
      // Opened anew by the next question.
      this.#reader = null
      return null
    } finally {
      answered.abort()
    }
  }

  async close(): Promise<void> {
    const reader = await this.#reader?.catch(() => null)
    await reader?.close()
  }

  async #ask(): Promise<readonly LogHead[]> {
    this.#reader ??= this.#open()
    return (await this.#reader).heads()
  }
}
