import type { Clock } from './platform/clock.ts'
import { hasCode } from './platform/errors.ts'
import type { LogCursor, LogHead, LogPosition, LogReader } from './ports/log.ts'

/** A broker that takes longer counts as away. */
const answerMs = 3_000

/** The log for the read side, which has to answer while the log is away: opened when it is first asked. */
export class LogAccess {
  readonly #open: () => Promise<LogReader>
  readonly #clock: Clock
  #reader: Promise<LogReader> | null = null

  constructor(open: () => Promise<LogReader>, clock: Clock) {
    this.#open = open
    this.#clock = clock
  }

  /** null while the log cannot be asked. */
  async heads(): Promise<readonly LogHead[] | null> {
    const answered = new AbortController()
    try {
      return await Promise.race([this.#opened().then((reader) => reader.heads()), this.#clock.sleep(answerMs, answered.signal).then(() => null)])
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

  /** As {@link LogReader.open}. */
  async open(partition: number, after: LogPosition | null): Promise<LogCursor> {
    try {
      return await (await this.#opened()).open(partition, after)
    } catch (error) {
      if (hasCode(error, 'log_gap')) throw error
      this.#reader = null
      throw error
    }
  }

  #opened(): Promise<LogReader> {
    this.#reader ??= this.#open()
    return this.#reader
  }
}
