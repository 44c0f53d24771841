import type { Clock } from '../platform/clock.ts'
import type { AttemptOutcome, AutomationStore } from '../ports/automation-store.ts'
import { failStep } from '../platform/fail-point.ts'

export interface OutcomeWriterDependencies {
  readonly store: Pick<AutomationStore, 'finishAttempts'>
  readonly clock: Clock
  readonly report: (error: unknown) => void
}

interface Waiting {
  readonly outcome: AttemptOutcome
  readonly written: () => void
}

/** Bounds one transaction; the number of tries under way bounds what waits. */
const outcomesPerWriteMax = 200
const retryMs = 500

/** Writes outcomes of tries in groups: what ends while one group is committed makes the next. */
export class OutcomeWriter {
  readonly #dependencies: OutcomeWriterDependencies
  readonly #stop = new AbortController()
  #waiting: Waiting[] = []
  #writing: Promise<void> | null = null

  constructor(dependencies: OutcomeWriterDependencies) {
    this.#dependencies = dependencies
  }

  /** Resolves when the outcome is stored, or when the writer is closed without: then the lease runs out. */
  write(outcome: AttemptOutcome): Promise<void> {
    return new Promise((written) => {
      this.#waiting.push({ outcome, written })
      this.#writing ??= this.#writeAll()
    })
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#writing
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting.slice(0, outcomesPerWriteMax)
      try {
        await failStep('webhook.finish', () => this.#dependencies.store.finishAttempts(group.map(({ outcome }) => outcome)))
      } catch (error) {
        this.#dependencies.report(error)
        if (!this.#stop.signal.aborted) {
          await this.#dependencies.clock.sleep(retryMs, this.#stop.signal)
          continue
        }
      }
      this.#waiting = this.#waiting.slice(group.length)
      for (const { written } of group) written()
    }
    this.#writing = null
  }
}
