import { MillraceError } from '../../platform/errors.ts'
import type { LogPosition, LogReadiness, LogWriter } from '../../ports/log.ts'
import type { PartitionProducer } from './partition-producer.ts'
import { positionText } from './position.ts'

export interface PulsarWriterOptions {
  readonly incarnation: number
  /** One a partition. */
  readonly producers: readonly PartitionProducer[]
  /** The longest record that the broker takes on this transport. */
  readonly recordBytesMax: number
  /** The broker's setting that bounds it, for messages. */
  readonly boundedBy: string
  /** Ends what the transport holds. */
  readonly end: () => Promise<void>
}

/** Above it appends are refused: the broker is slower than what comes. */
const pendingBytesMax = 134_217_728

/** Spreads appends over the producers of the partitions, within bounds. */
export class PulsarWriter implements LogWriter {
  readonly partitions: number
  readonly #options: PulsarWriterOptions
  #pendingBytes = 0
  #closing: Promise<void> | null = null

  constructor(options: PulsarWriterOptions) {
    this.partitions = options.producers.length
    this.#options = options
  }

  async append(partition: number, payload: Uint8Array, events: number): Promise<LogPosition | null> {
    const { producers, incarnation, recordBytesMax, boundedBy } = this.#options
    const producer = producers[partition]
    if (this.#closing !== null) throw new MillraceError('closed', 'the log is closed')
    if (producer === undefined) throw new MillraceError('internal', `there is no partition ${partition}`)
    if (payload.length === 0 || payload.length > recordBytesMax) {
      throw new MillraceError('log_failed', `a record has 1 to ${recordBytesMax} bytes, not ${payload.length}; ${boundedBy} of the broker bounds it`)
    }
    if (this.#pendingBytes + payload.length > pendingBytesMax) throw new MillraceError('log_full', 'the broker is behind', { retryable: true })
    this.#pendingBytes += payload.length
    try {
      const id = await producer.send(payload, events)
      return id === null ? null : positionText({ incarnation, ...id })
    } finally {
      this.#pendingBytes -= payload.length
    }
  }

  readiness(): LogReadiness {
    if (this.#closing !== null) return { ready: false, reason: 'the log is closed' }
    for (const [partition, producer] of this.#options.producers.entries()) {
      const trouble = producer.trouble()
      if (trouble !== null) return { ready: false, reason: `partition ${partition}: ${trouble}` }
    }
    return { ready: true }
  }

  pendingBytes(): number {
    return this.#pendingBytes
  }

  /** The archiver's acknowledgement already let go of the records; the broker removes its ledgers in its own time. */
  trim(): Promise<boolean> {
    return Promise.resolve(true)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await Promise.all(this.#options.producers.map((producer) => producer.close()))
    await this.#options.end()
  }
}
