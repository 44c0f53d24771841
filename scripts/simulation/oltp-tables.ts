import { MemoryIdentity } from '../../collector/test/memory-identity.ts'
import { MillraceError } from '../../collector/src/platform/errors.ts'
import type { AutomationRow, CartRow } from '../../collector/src/ports/automation-store.ts'
import type { ConsentRow } from '../../collector/src/ports/consent.ts'
import type { DecidedPointing, IdentityOverride } from '../../collector/src/ports/identity.ts'
import type { LoadRefusal } from '../../collector/src/ports/load-outcome.ts'
import type { BatchRow, DecideChanges, LoadRow, MetricDelta, NewClaim, ObjectRow, PartitionRow, PeopleChanges, QuarantineRow } from '../../collector/src/ports/oltp.ts'
import type { TimelineRow } from '../../collector/src/ports/profile-reader.ts'

export interface ClaimRow extends NewClaim {
  readonly partition: number
  readonly batch: number
}

export interface ConsumerRow {
  readonly epoch: number
  readonly batch: number
}

/** What batches changed of who is who, until it is loaded. */
interface Feeds {
  readonly overrides: Map<number, readonly IdentityOverride[]>
  readonly pointings: Map<number, readonly DecidedPointing[]>
}

/** The committed rows. */
export class OltpTables {
  readonly settings = new Map<string, string>()
  readonly members = new Map<string, { readonly roles: string; readonly seenAt: number }>()
  readonly partitions = new Map<number, PartitionRow>()
  /** Of each partition, batch 1 first. */
  readonly batches = new Map<number, BatchRow[]>()
  /** Of each partition in order of the last batch. */
  readonly objects = new Map<number, ObjectRow[]>()
  /** Of each partition in order. */
  readonly loads = new Map<number, LoadRow[]>()
  readonly refusals = new Map<string, LoadRefusal>()
  readonly feeds = new Map<number, Feeds>()
  readonly identity = new MemoryIdentity()
  readonly claims = new Map<string, ClaimRow>()
  readonly registers = new Map<string, string>()
  readonly consents = new Map<string, ConsentRow>()
  readonly metrics = new Map<string, MetricDelta>()
  readonly timeline = new Map<string, TimelineRow>()
  readonly quarantine = new Map<string, QuarantineRow>()
  readonly consumers = new Map<number, ConsumerRow>()
  readonly automations: AutomationRow[] = []
  readonly carts = new Map<string, CartRow>()

  partition(partition: number): PartitionRow {
    const row = this.partitions.get(partition)
    if (row === undefined) throw new MillraceError('not_found', `there is no partition ${partition}`)
    return row
  }

  feedsOf(partition: number): Feeds {
    return ofPartition(this.feeds, partition, () => ({ overrides: new Map(), pointings: new Map() }))
  }

  batchesOf(partition: number): BatchRow[] {
    return ofPartition(this.batches, partition, () => [])
  }

  objectsOf(partition: number): ObjectRow[] {
    return ofPartition(this.objects, partition, () => [])
  }

  loadsOf(partition: number): LoadRow[] {
    return ofPartition(this.loads, partition, () => [])
  }

  /** The change set of one batch, as a list of what can be done only together. */
  writesOf(changes: DecideChanges): readonly (() => void)[] {
    const { batch } = changes
    const { partition } = batch
    return [
      () => {
        for (const claim of changes.claims) this.claims.set(claimId(claim), { ...claim, partition, batch: batch.batch })
      },
      () => this.#applyIdentity(changes, batch),
      () => this.#applyEvents(changes),
      () => {
        for (const row of changes.quarantine) if (!this.quarantine.has(claimId(row))) this.quarantine.set(claimId(row), row)
      },
      () => {
        this.batchesOf(partition)[batch.batch - 1] = batch
      },
      () => {
        this.partitions.set(partition, { ...this.partition(partition), position: batch.lastPosition, sequence: changes.sequence, batch: batch.batch })
      },
    ]
  }

  /** The part of a change set that is about people. */
  applyPeople(changes: PeopleChanges, from: Pick<BatchRow, 'partition' | 'batch'>): void {
    this.#applyIdentity(changes, from)
    this.#applyEvents(changes)
  }

  #applyIdentity({ identity, touched }: PeopleChanges, { partition, batch }: Pick<BatchRow, 'partition' | 'batch'>): void {
    this.identity.apply(identity)
    const written = new Set(identity.profiles.map(({ id }) => id))
    for (const { id } of touched) {
      const row = this.identity.profileRows.get(id)
      if (row !== undefined && !written.has(id)) this.identity.profileRows.set(id, { ...row, version: row.version + 1 })
    }
    const feeds = this.feedsOf(partition)
    if (identity.overrides.length > 0) feeds.overrides.set(batch, identity.overrides)
    if (identity.pointings.length > 0) feeds.pointings.set(batch, identity.pointings.map((row) => ({ ...row, partition, batch })))
  }

  #applyEvents({ registers, consents, metrics, timeline }: PeopleChanges): void {
    for (const row of registers) this.registers.set(`${row.workspace}/${row.identifierKey}`, row.registers)
    for (const row of consents) {
      const id = `${row.workspace}/${row.identifierKey}/${row.channel}/${row.time}/${row.status}/${row.messageId}`
      this.consents.set(id, { ...row, trusted: row.trusted || this.consents.get(id)?.trusted === true })
    }
    for (const row of metrics) {
      const id = `${row.workspace}/${row.identifierKey}/${row.metric}`
      const before = this.metrics.get(id)
      this.metrics.set(id, before === undefined ? row : {
        ...row, count: before.count + row.count, firstAt: Math.min(before.firstAt, row.firstAt), lastAt: Math.max(before.lastAt, row.lastAt),
      })
    }
    for (const row of timeline) this.timeline.set(`${row.workspace}/${row.identifierKey}/${row.metric}/${row.time}/${row.messageId}`, row)
  }
}

export function claimId({ workspace, messageId }: { readonly workspace: number; readonly messageId: string }): string {
  return `${workspace}/${messageId}`
}

function ofPartition<T>(table: Map<number, T>, partition: number, empty: () => T): T {
  let rows = table.get(partition)
  if (rows === undefined) {
    rows = empty()
    table.set(partition, rows)
  }
  return rows
}
