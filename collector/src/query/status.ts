import type { AutomationCounts, AutomationReader } from '../ports/automation-store.ts'
import type { LogHead } from '../ports/log.ts'
import type { ErasureReader } from '../ports/erasure-store.ts'
import type { PartitionRow, PartitionTotals, StatusReader } from '../ports/oltp.ts'

export interface StatusSources {
  readonly reader: StatusReader & {
    readonly erasures: Pick<ErasureReader, 'erasedEvents' | 'openErasures'>
    readonly automations: Pick<AutomationReader, 'counts'>
  }
  /** null while the log cannot be asked: nothing is at rest then. */
  readonly heads: () => Promise<readonly LogHead[] | null>
  /** Rows in the OLAP's live generation; null when it cannot be asked. */
  readonly olapRows: () => Promise<number | null>
  readonly spoolBytes: () => number
}

export interface PartitionStatus {
  readonly partition: number
  /** Events behind the log's durable end; decide counts events, the other two count decided ones still to come. */
  readonly lag: { readonly decide: number; readonly archive: number; readonly load: number }
}

export interface Status {
  /** Nothing is on its way: every cursor is at the end of the log. */
  readonly atRest: boolean
  /** accepted = stored + dropped, and all three tiers hold the same number. Only final at rest. */
  readonly agree: boolean
  readonly totals: {
    readonly accepted: number
    readonly stored: number
    readonly archived: number
    readonly loaded: number
    /** Stored and archived, but refused by the OLAP; absent where it refuses nothing. */
    readonly refused?: number
    readonly dropped: Readonly<Record<string, number>>
  }
  readonly partitions: readonly PartitionStatus[]
  readonly spool: { readonly bytes: number }
  /** Carts that wait for their instant, and webhooks by state, over all workspaces. */
  readonly automations: AutomationCounts
}

/** The reconciliation of the tiers. `loaded` is counted in the OLAP itself where it can be asked, not taken from a cursor. */
export async function status({ reader, heads, olapRows, spoolBytes }: StatusSources): Promise<Status> {
  // Heads first: what arrives while the rest is read can then only show as progress, never as a negative lag.
  const logHeads = await heads()
  const rows = await reader.partitions()
  const totals = await reader.totals()
  const erased = await reader.erasures.erasedEvents()
  const erasing = await reader.erasures.openErasures()
  const refused = sum((await reader.refusals()).map(({ rows: events }) => events.length))
  const partitions = rows.map((row) => partitionStatus(row, totals, logHeads ?? []))
  const decided = totals.map((total) => total.decided)
  const behind = sum(partitions.map(({ lag }) => lag.decide))
  // What was forgotten was stored once, in every tier.
  const stored = sum(decided.map((counts) => counts.stored)) - erased
  const archived = sum(totals.map((total) => total.archived)) - erased
  const loadedByCursor = sum(totals.map((total) => total.loaded)) - erased - refused
  const atRest = logHeads !== null && spoolBytes() === 0 && erasing === 0 && partitions.every(({ lag }) => lag.decide === 0 && lag.archive === 0 && lag.load === 0) &&
    rows.every((row) => isSettled(row, logHeads))
  const loaded = (await olapRows()) ?? loadedByCursor
  const dropped = {
    duplicate: sum(decided.map((counts) => counts.duplicate)),
    quarantined: sum(decided.map((counts) => counts.quarantined)),
    ...(erased === 0 ? {} : { erased }),
  }
  const accepted = sum(decided.map((counts) => counts.accepted)) + behind
  const agree = accepted - behind === stored + dropped.duplicate + dropped.quarantined + erased &&
    (!atRest || (stored === archived && stored === loaded + refused))
  return { atRest, agree, totals: { accepted, stored, archived, loaded, ...(refused === 0 ? {} : { refused }), dropped }, partitions, spool: { bytes: spoolBytes() }, automations: await reader.automations.counts(null) }
}

function partitionStatus(row: PartitionRow, totals: readonly PartitionTotals[], heads: readonly LogHead[]): PartitionStatus {
  const total = totals.find((candidate) => candidate.partition === row.partition)
  const head = heads.find((candidate) => candidate.partition === row.partition)
  const stored = total?.decided.stored ?? 0
  return {
    partition: row.partition,
    lag: { decide: undecided(row, head), archive: stored - (total?.archived ?? 0), load: stored - (total?.loaded ?? 0) },
  }
}

/** Also what counts as no event is through: a batch of repeats, an operator's decision. */
function isSettled({ partition, position, batch, archivedBatch, loadedBatch }: PartitionRow, heads: readonly LogHead[]): boolean {
  const end = heads.find((head) => head.partition === partition)?.position ?? null
  return archivedBatch === batch && loadedBatch === batch && (end === null || (position !== null && position >= end))
}

function undecided(row: PartitionRow, head: LogHead | undefined): number {
  if (head?.position == null) return 0
  // A broker counts no events of a partition: that some are still to come is all that can be said.
  if (head.sequence === undefined) return row.position !== null && row.position >= head.position ? 0 : 1
  if (row.position === null || row.sequence === null) return head.sequence
  // Another incarnation of the log counts from zero again, so nothing of it is decided yet.
  const sameIncarnation = row.position.split(':')[0] === head.position.split(':')[0]
  return Math.max(0, sameIncarnation ? head.sequence - row.sequence : head.sequence)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
