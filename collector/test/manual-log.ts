import type { LogPosition, LogReadiness, LogWriter } from '../src/ports/log.ts'

interface Waiting {
  readonly payload: string
  readonly partition: number
  resolve(): void
  reject(error: Error): void
}

/** A log whose appends are settled by the test: at once, never, or with an error. */
export class ManualLog implements LogWriter {
  readonly partitions = 2
  /** What became durable, as text. */
  readonly durable: string[] = []
  readonly waiting: Waiting[] = []
  mode: 'at once' | 'by hand' | Error = 'at once'
  state: LogReadiness = { ready: true, storedIn: 'log' }
  pending = 0

  append(partition: number, payload: Uint8Array): Promise<LogPosition | null> {
    const text = Buffer.from(payload).toString()
    if (this.mode instanceof Error) return Promise.reject(this.mode)
    if (this.mode === 'at once') {
      this.durable.push(text)
      return Promise.resolve(null)
    }
    return new Promise((resolve, reject) => {
      const taken = (): void => {
        this.durable.push(text)
        resolve(null)
      }
      this.waiting.push({ payload: text, partition, resolve: taken, reject })
    })
  }

  readiness(): LogReadiness {
    return this.state
  }

  async trim(): Promise<boolean> {
    return true
  }

  pendingBytes(): number {
    return this.pending
  }

  async close(): Promise<void> {}

  /** The events that became durable, in order. */
  events(): readonly Record<string, unknown>[] {
    return this.durable.flatMap((payload) => payload.split('\n')).filter((line) => line !== '').map((line) => {
      const event: Record<string, unknown> = JSON.parse(line.slice(line.indexOf('\t') + 1))
      return event
    })
  }
}
