import type { Clock } from '../platform/clock.ts'
import { MillraceError } from '../platform/errors.ts'
import type { LogPosition, LogWriter } from '../ports/log.ts'
import type { PartitionRow, StatusReader } from '../ports/oltp.ts'
import { failStep } from '../platform/fail-point.ts'
import { WaitingBound } from './waiting-bound.ts'

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

const pollMs = 10
/** Nothing decided for so long: the pump is away, and the importer should hear so. */
const standstillMs = 60_000

interface Appended {
  readonly position: LogPosition
  readonly events: number
}

/** Lines of one call for one partition, not yet in the log. */
interface Waiting {
  readonly lines: readonly string[]
  stored(): void
  failed(error: unknown): void
}

/**
 * The way of history into the log: straight, and only as fast as the pump decides it. Partitions take turns, the fullest
 * first, so that a few waiting events still make large transactions.
 */
export class ImportLane {
  readonly #dependencies: LaneDependencies
  readonly #waiting = new Map<number, Waiting[]>()
  readonly #appended = new Map<number, Appended[]>()
  #feeding = false
  #undecided = 0
  /** The pump is fed while fewer events of imports wait for it. This and one more turn are how much later a live event is decided: about a second. */
  readonly #bound = new WaitingBound()
  /** The last batch of each partition when the last record was decided. */
  #heads: readonly PartitionRow[] = []

  constructor(dependencies: LaneDependencies) {
    this.#dependencies = dependencies
  }

  /**
   * Appends what is not known yet, when there is room. Resolves when it is durable. Fails, retryable, with `overloaded` if the
   * pump decides nothing for a minute or the broker is away, and as the log fails; a repeat stores nothing twice. What waits
   * here is bounded by the calls that its caller has open.
   */
  async append(workspace: number, records: readonly ImportRecord[]): Promise<BlockOutcome> {
    const outcome = { stored: 0, known: 0 }
    await Promise.all(records.map(async (record) => {
      const { lines, known } = await this.#unknownLines(workspace, record)
      outcome.known += known
      if (lines.length === 0) return
      await new Promise<void>((resolve, reject) => {
        const list = this.#waiting.get(record.partition) ?? []
        list.push({ lines, stored: resolve, failed: reject })
        this.#waiting.set(record.partition, list)
        void this.#feed()
      })
      outcome.stored += lines.length
    }))
    return outcome
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

  /** Never fails: whoever waits hears of it. */
  async #feed(): Promise<void> {
    if (this.#feeding) return
    this.#feeding = true
    for (let next = this.#fullest(); next !== null; next = this.#fullest()) {
      try {
        await this.#room()
        await this.#turn(next)
      } catch (error) {
        for (const list of this.#waiting.values()) for (const { failed } of list) failed(error)
        this.#waiting.clear()
      }
    }
    this.#feeding = false
  }

  #fullest(): number | null {
    let fullest: { readonly partition: number; readonly events: number } | null = null
    for (const [partition, list] of this.#waiting) {
      const events = list.reduce((sum, { lines }) => sum + lines.length, 0)
      if (events > (fullest?.events ?? 0)) fullest = { partition, events }
    }
    return fullest?.partition ?? null
  }

  async #turn(partition: number): Promise<void> {
    const list = this.#waiting.get(partition) ?? []
    const taken: Waiting[] = []
    for (let events = 0; list[0] !== undefined && (events === 0 || events + list[0].lines.length <= this.#bound.turnEvents);) {
      events += list[0].lines.length
      taken.push(list[0])
      list.shift()
    }
    await Promise.all(taken.map(async (waiting) => {
      const { lines, stored, failed } = waiting
      try {
        const position = await failStep('import.append', () => this.#dependencies.log.append(partition, Buffer.from(`${lines.join('\n')}\n`), lines.length))
        this.#count(partition, position, lines.length)
        stored()
      } catch (error) {
        failed(error)
      }
    }))
  }

  #count(partition: number, position: LogPosition | null, events: number): void {
    // The spool took it after all, and does not know the place.
    if (position === null) return
    const list = this.#appended.get(partition) ?? []
    list.push({ position, events })
    this.#appended.set(partition, list)
    if (this.#undecided === 0) this.#bound.begun(this.#dependencies.clock.elapsed())
    this.#undecided += events
  }

  async #room(): Promise<void> {
    const { clock, log } = this.#dependencies
    // What the spool holds for the shop's own events is not for history to fill.
    if (log.readiness().storedIn === 'spool') throw new MillraceError('overloaded', 'the broker is away; the import waits for it', { retryable: true })
    let standstillAt = clock.elapsed() + standstillMs
    let before = this.#undecided
    while (this.#undecided >= this.#bound.events) {
      await this.#settle()
      if (this.#undecided < before) standstillAt = clock.elapsed() + standstillMs
      before = this.#undecided
      if (this.#undecided < this.#bound.events) return
      if (clock.elapsed() > standstillAt) throw new MillraceError('overloaded', 'the pump has decided nothing for a minute', { retryable: true })
      await clock.sleep(pollMs)
    }
  }

  /** Takes off what is decided by now. */
  async #settle(): Promise<void> {
    if (this.#undecided === 0) return
    const before = this.#undecided
    const rows = await this.#dependencies.reader.partitions()
    for (const { partition, position } of rows) {
      const list = this.#appended.get(partition)
      while (position !== null && list?.[0] !== undefined && list[0].position <= position) this.#undecided -= list.shift()?.events ?? 0
    }
    this.#bound.decided(before - this.#undecided, this.#dependencies.clock.elapsed())
    if (this.#undecided === 0) this.#heads = rows
  }
}
