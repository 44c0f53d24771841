import type { Clock } from '../../platform/clock.ts'
import { MillraceError, messageOf } from '../../platform/errors.ts'
import type { LogCursor, LogHead, LogPosition, LogReader } from '../../ports/log.ts'
import type { MessageId } from './message-id.ts'
import type { OpenStream } from './message-stream.ts'
import { parsePosition, type Place, positionText } from './position.ts'
import { PulsarCursor } from './pulsar-cursor.ts'
import type { TopicAdmin } from './topic-admin.ts'

export interface PulsarReaderOptions {
  readonly partitions: number
  readonly incarnation: number
  readonly topic: TopicAdmin
  /** For messages. */
  readonly shown: string
  readonly openStream: OpenStream
  readonly clock: Clock
  readonly report: (message: string) => void
  /** Ends what the transport holds. */
  readonly end: () => Promise<void>
}

interface Acknowledgement {
  position: LogPosition
  /** When the broker was told last, epoch milliseconds. */
  toldAt: number
  told: LogPosition | null
}

const acknowledgedProperty = 'millrace-acknowledged'
/** An acknowledgement costs the broker two writes of metadata and nobody waits for the room. */
const acknowledgeEveryMs = 5_000

/**
 * Reads from the positions that its callers keep; the broker's own cursor only holds back what is not archived. Who
 * reads a partition is decided above, so any number of readers may run.
 */
export class PulsarReader implements LogReader {
  readonly partitions: number
  readonly #options: PulsarReaderOptions
  readonly #cursors = new Set<PulsarCursor>()
  readonly #acknowledged = new Map<number, Acknowledgement>()
  #closed = false

  constructor(options: PulsarReaderOptions) {
    this.partitions = options.partitions
    this.#options = options
  }

  async open(partition: number, after: LogPosition | null): Promise<LogCursor> {
    const { incarnation, openStream, clock, report } = this.#options
    if (!Number.isInteger(partition) || partition < 0 || partition >= this.partitions) throw new MillraceError('internal', `there is no partition ${partition}`)
    if (this.#closed) throw new MillraceError('closed', 'the log is closed')
    const start = after === null ? null : await this.#startAfter(partition, after)
    const cursor: PulsarCursor = new PulsarCursor({
      partition, incarnation, after: start, openStream, clock, report, closed: () => this.#cursors.delete(cursor),
    })
    this.#cursors.add(cursor)
    return cursor
  }

  async heads(): Promise<readonly LogHead[]> {
    const { topic, incarnation } = this.#options
    return Promise.all(Array.from({ length: this.partitions }, async (_, partition) => {
      const last = await topic.last(partition)
      return { partition, position: last === null ? null : positionText({ incarnation, ...last }), sequence: undefined }
    }))
  }

  async acknowledge(partition: number, position: LogPosition): Promise<void> {
    const known = this.#acknowledged.get(partition) ?? { position: '', toldAt: Number.NEGATIVE_INFINITY, told: null }
    if (position <= known.position) return
    known.position = position
    this.#acknowledged.set(partition, known)
    if (this.#options.clock.elapsed() - known.toldAt < acknowledgeEveryMs) return
    await this.#tell(partition, known).catch((error: unknown) => {
      // What is not told is only kept longer, and the next one says it again.
      this.#options.report(`the broker was not told what of partition ${partition} is archived: ${messageOf(error)}`)
    })
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await Promise.all([...this.#cursors].map((cursor) => cursor.close()))
    // What is not told is only kept longer.
    await Promise.all([...this.#acknowledged].map(([partition, known]) => this.#tell(partition, known).catch(() => undefined)))
    await this.#options.end()
  }

  async #tell(partition: number, known: Acknowledgement): Promise<void> {
    const { topic, incarnation, clock } = this.#options
    const { position } = known
    const place = parsePosition(position)
    if (position === known.told || place.incarnation !== incarnation) return
    known.toldAt = clock.elapsed()
    // First what was acknowledged, then the room: whoever finds a ledger gone can tell whether he should have read it.
    await topic.setSubscriptionProperties(partition, { [acknowledgedProperty]: position })
    await topic.expire(partition, wholeEntriesUpTo(place))
    known.told = position
  }

  /** The message to read after; null where the topic was made anew since, so that all of it comes after. */
  async #startAfter(partition: number, after: LogPosition): Promise<MessageId | null> {
    const { topic, shown, incarnation, report } = this.#options
    const place = parsePosition(after)
    if (place.incarnation > incarnation) {
      throw new MillraceError('log_gap', `the topic ${shown} is older than position ${after}, which is decided already; was an earlier topic brought back, or the URL of the log changed?`)
    }
    if (place.incarnation < incarnation) {
      report(`the topic ${shown} was deleted and made anew after position ${after}: what it held undecided then is gone, reading goes on at the beginning of the new one`)
      return null
    }
    const ledgers = (await topic.holdings(partition))?.ledgers ?? []
    if (ledgers.includes(place.ledger)) return place
    if ((ledgers.at(-1) ?? -1) < place.ledger) {
      throw new MillraceError('log_gap', `partition ${partition} of ${shown} ends before position ${after}, which is decided already; was the broker's storage lost or restored?`)
    }
    await this.#requireNothingDropped(partition, after)
    return place
  }

  /** The ledger of the position is gone. That is fine as long as nothing behind the position was acknowledged. */
  async #requireNothingDropped(partition: number, after: LogPosition): Promise<void> {
    const acknowledged = (await this.#options.topic.subscriptionProperties(partition)).get(acknowledgedProperty)
    if (acknowledged !== undefined && acknowledged <= after) return
    throw new MillraceError('log_gap', acknowledged === undefined
      ? `records after position ${after} may be gone from partition ${partition} of ${this.#options.shown}: its subscription was removed and made anew`
      : `records after position ${after} are gone from partition ${partition} of ${this.#options.shown}: they were acknowledged up to ${acknowledged}`)
  }
}

/** Entries are acknowledged whole, so one that is read in part stays. */
function wholeEntriesUpTo({ ledger, entry, index }: Place): MessageId {
  return { ledger, entry: index < 0 ? entry : entry - 1, index: -1 }
}
