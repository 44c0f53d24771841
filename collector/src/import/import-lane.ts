import type { Clock } from '../platform/clock.ts'
import { MillraceError } from '../platform/errors.ts'
import { Mutex } from '../platform/mutex.ts'
import type { LogPosition, LogWriter } from '../ports/log.ts'
import type { PartitionRow, StatusReader } from '../ports/oltp.ts'

/** Events of one partition on their way into the log: lines as ports/record.ts says, and their message ids. */
export interface ImportRecord {
  readonly partition: number
  readonly messageIds: readonly string[]
  readonly text: string
}

export interface LaneDependencies {
  readonly log: LogWriter
  readonly reader: Pick<StatusReader, 'partitions' | 'registered'>
  readonly clock: Clock
}

/** What became of the events of a block. */
export interface BlockOutcome {
  /** Durable in the log now. */
  readonly stored: number
  /** In the source register already, so not appended again. */
  readonly known: number
}

/** What of the import is still to come, counted in events or, where it is in the tiers' hands, in batches. */
export interface LaneRest {
  readonly undecidedEvents: number
  readonly unarchivedBatches: number
  readonly unloadedBatches: number
}

/**
 * Events of an import that may wait for the pump at a time. They stand before whatever a shop sends meanwhile, so this, at the
 * pump's speed, is how much later a live event is decided: about a second.
 */
const undecidedEventsMax = 32_000
const pollMs = 10
/** Nothing decided for so long: the pump is away, and the importer should hear so. */
const standstillMs = 60_000

interface Appended {
  readonly position: LogPosition
  readonly events: number
}

/** The way of history into the log: straight, in large records, and only as fast as the pump decides it. */
export class ImportLane {
  readonly #dependencies: LaneDependencies
  readonly #turn = new Mutex()
  readonly #appended = new Map<number, Appended[]>()
  #undecided = 0
  /** The last batch of each partition when the last record was decided. */
  #heads: readonly PartitionRow[] = []

  constructor(dependencies: LaneDependencies) {
    this.#dependencies = dependencies
  }

  /**
   * Appends what is not known yet, when there is room. Resolves when it is durable. Fails, retryable, with `overloaded` if the
   * pump decides nothing for a minute or the broker is away, and as the log fails; a repeat stores nothing twice.
   */
  append(workspace: number, records: readonly ImportRecord[]): Promise<BlockOutcome> {
    return this.#turn.run(async () => {
      await this.#room()
      const outcome = { stored: 0, known: 0 }
      await Promise.all(records.map(async (record) => {
        const { lines, known } = await this.#unknownLines(workspace, record)
        outcome.known += known
        if (lines.length === 0) return
        const position = await this.#dependencies.log.append(record.partition, Buffer.from(`${lines.join('\n')}\n`), lines.length)
        outcome.stored += lines.length
        this.#count(record.partition, position, lines.length)
      }))
      return outcome
    })
  }

  /** What is still to come of everything appended here. */
  async rest(): Promise<LaneRest> {
    await this.#settle()
    const now = new Map((await this.#dependencies.reader.partitions()).map((row) => [row.partition, row]))
    const behind = (cursor: 'archivedBatch' | 'loadedBatch'): number =>
      this.#heads.reduce((sum, { partition, batch }) => sum + Math.max(0, batch - (now.get(partition)?.[cursor] ?? 0)), 0)
    return { undecidedEvents: this.#undecided, unarchivedBatches: behind('archivedBatch'), unloadedBatches: behind('loadedBatch') }
  }

  async #unknownLines(workspace: number, { partition, messageIds, text }: ImportRecord): Promise<{ readonly lines: readonly string[]; readonly known: number }> {
    const lines = text.split('\n').filter((line) => line !== '')
    const isPartition = Number.isInteger(partition) && partition >= 0 && partition < this.#dependencies.log.partitions
    if (!isPartition || lines.length !== messageIds.length) throw new MillraceError('bad_request', 'a record of the import is not in the form that this version reads')
    const registered = await this.#dependencies.reader.registered(workspace, messageIds)
    const unknown = lines.filter((_, index) => registered[index] !== true)
    return { lines: unknown, known: lines.length - unknown.length }
  }

  #count(partition: number, position: LogPosition | null, events: number): void {
    // The spool took it after all, and does not know the place.
    if (position === null) return
    const list = this.#appended.get(partition) ?? []
    list.push({ position, events })
    this.#appended.set(partition, list)
    this.#undecided += events
  }

  async #room(): Promise<void> {
    const { clock, log } = this.#dependencies
    // What the spool holds for the shop's own events is not for history to fill.
    if (log.readiness().storedIn === 'spool') throw new MillraceError('overloaded', 'the broker is away; the import waits for it', { retryable: true })
    let standstillAt = clock.now() + standstillMs
    let before = this.#undecided
    while (this.#undecided >= undecidedEventsMax) {
      await this.#settle()
      if (this.#undecided < before) standstillAt = clock.now() + standstillMs
      before = this.#undecided
      if (this.#undecided < undecidedEventsMax) return
      if (clock.now() > standstillAt) throw new MillraceError('overloaded', 'the pump has decided nothing for a minute', { retryable: true })
      await clock.sleep(pollMs)
    }
  }

  /** Takes off what is decided by now. */
  async #settle(): Promise<void> {
    if (this.#undecided === 0) return
    const rows = await this.#dependencies.reader.partitions()
    for (const { partition, position } of rows) {
      const list = this.#appended.get(partition)
      while (position !== null && list?.[0] !== undefined && list[0].position <= position) this.#undecided -= list.shift()?.events ?? 0
    }
    if (this.#undecided === 0) this.#heads = rows
  }
}
