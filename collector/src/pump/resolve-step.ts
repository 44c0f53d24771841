import type { Clock } from '../platform/clock.ts'
import { readSettings } from '../identity/live-settings.ts'
import { resolveAgain } from '../identity/resolve-again.ts'
import { noChanges } from '../identity/resolve-batch.ts'
import { eventRowVersion } from '../ports/event-row.ts'
import type { IdentifierRow, IdentityChanges } from '../ports/identity.ts'
import type { BatchRow, DecideTransaction, PartitionRow } from '../ports/oltp.ts'
import type { ResolveProgress, ResolveRow } from '../ports/workspace-settings.ts'
import { sha256 } from './archive-object.ts'
import type { DecideContext, DecidedBatch } from './decide.ts'
import { packDecisions } from './decisions.ts'

export interface ResolveBounds {
  /** Of one step. */
  readonly identifiersMax: number
  /** The same, unless a single identifier has more. */
  readonly edgesMax: number
}

/** What a step holds others up for. */
const usualBounds: ResolveBounds = Object.freeze({ identifiersMax: 250, edgesMax: 2_500 })

/** A step's outcome: a batch without records where somebody is somebody else now. */
export interface ResolveStep {
  readonly batch: DecidedBatch | null
  /** The partition has no walk any more. */
  readonly atRest: boolean
}

/**
 * One step of a walk that solves again what new settings change, and how far the walk is, in one transaction: a crash repeats
 * nothing and skips nothing. What it changes is a batch like any other, with no event in it, so merges and splits reach the
 * archive's order, ClickHouse and the cache by the way they always go.
 *
 * A walk begins by waiting for every decision under way, since one that had read the settings before could otherwise put
 * its outcome behind the walk.
 */
export async function resolveStep(transaction: DecideTransaction, context: DecideContext, bounds: ResolveBounds = usualBounds): Promise<ResolveStep> {
  const walk = await transaction.openResolve()
  if (walk === null) return { batch: null, atRest: true }
  if (walk.after === null) {
    await transaction.waitForOthers()
    await transaction.moveResolve({ ...walk, after: '', done: false })
    return { batch: null, atRest: false }
  }
  const [newest] = await transaction.newestSettings([walk.workspace])
  const rows = withinEdges(await transaction.identifiersAfter(walk.workspace, walk.after === '' ? null : walk.after, bounds.identifiersMax), bounds)
  const changes = newest === undefined ? noChanges() : await resolveAgain(transaction, {
    workspace: walk.workspace, rows,
    cause: { messageId: newest.messageId, metric: `settings ${newest.version}`, receivedAt: newest.since },
  }, { ...context, settings: readSettings(newest) })
  const progress = progressOf(walk, rows)
  if (isNothing(changes)) {
    await transaction.moveResolve(progress)
    return { batch: null, atRest: false }
  }
  const row = emptyBatch(transaction.partition, context.clock)
  await transaction.apply({
    identity: changes, claims: [], registers: [], consents: [], metrics: [], timeline: [], quarantine: [], erasures: [], settings: [], touched: [],
    resolves: [progress], batch: row, sequence: transaction.partition.sequence,
  })
  return { batch: { row, walks: false, solvedIdentifiers: [], lines: Buffer.alloc(0), rows: Buffer.alloc(0) }, atRest: false }
}

function progressOf(walk: ResolveRow, rows: readonly IdentifierRow[]): ResolveProgress {
  return { ...walk, after: rows.at(-1)?.key ?? walk.after, done: rows.length === 0 }
}

/** The first ones that have not too many edges together. */
function withinEdges(rows: readonly IdentifierRow[], { edgesMax }: ResolveBounds): readonly IdentifierRow[] {
  let edges = 0
  const end = rows.findIndex(({ neighbours }, index) => {
    edges += Object.values(neighbours).reduce((sum, count) => sum + count, 0)
    return index > 0 && edges > edgesMax
  })
  return end < 0 ? rows : rows.slice(0, end)
}

function isNothing({ identifiers, edges, profiles }: IdentityChanges): boolean {
  return identifiers.length === 0 && edges.length === 0 && profiles.length === 0
}

/** Stands where the batch before it ended. */
function emptyBatch({ partition, pumpEpoch, position, batch }: PartitionRow, clock: Clock): BatchRow {
  const now = clock.now()
  return {
    partition, batch: batch + 1, epoch: pumpEpoch, afterPosition: position, firstPosition: position ?? '', lastPosition: position ?? '', records: 0,
    accepted: 0, stored: 0, duplicate: 0, quarantined: 0, decisions: packDecisions([]), firstReceivedAt: now, lastReceivedAt: now,
    minutes: '{}', months: '', lineBytes: 0, digest: sha256(new Uint8Array()), schemaVersion: eventRowVersion, decidedAt: now,
  }
}
