import { uuidText } from '../../src/platform/uuid.ts'
import type { IdentifierRow, IdentityChanges, ProfileRow } from '../../src/ports/identity.ts'
import type { BatchRow, DecideChanges, DecideTransaction, LoadRow, ObjectRow } from '../../src/ports/oltp.ts'
import type { TimelineRow } from '../../src/ports/profile-reader.ts'
import { t0 } from './batch-row.ts'

export const noIdentity: IdentityChanges = { identifiers: [], edges: [], profiles: [], merges: [], overrides: [], pointings: [], vetoes: [], liftedVetoes: [] }
export const day = 86_400_000

export function uuid(number: number): string {
  const bytes = Buffer.alloc(16)
  bytes.writeUInt32BE(number, 12)
  return uuidText(bytes)
}

export function changes(batch: BatchRow, part: Partial<DecideChanges> = {}): DecideChanges {
  return {
    identity: noIdentity, claims: [], registers: [], consents: [], metrics: [], timeline: [], quarantine: [], erasures: [], settings: [], resolves: [], touched: [],
    batch, sequence: batch.batch * 3, ...part,
  }
}

export function identifier(number: number, part: Partial<IdentifierRow> = {}): IdentifierRow {
  return {
    workspace: 1, key: uuid(number), kind: 'email', namespace: '', value: `p${number}@example.com`, profileId: uuid(100), component: uuid(number),
    firstReceivedAt: t0, firstSeen: t0, version: 1, neighbours: { external_id: 2 }, fanOut: false, degreeCutoffs: { anonymous_id: 'k' }, ...part,
  }
}

export function profile(number: number, part: Partial<ProfileRow> = {}): ProfileRow {
  return { workspace: 1, id: uuid(number), version: 1, createdAt: t0, mergedInto: null, composition: null, ...part }
}

export function timelineRow(number: number, part: Partial<TimelineRow> = {}): TimelineRow {
  return {
    workspace: 1, identifierKey: uuid(1), metric: 'Order Completed', time: t0 + number, messageId: `m${number}`, properties: `{"n":${number}}`, ...part,
  }
}

export function objectRow(firstBatch: number, lastBatch: number): ObjectRow {
  return { partition: 0, firstBatch, lastBatch, name: `raw/v1/${firstBatch}`, digest: 'd', events: 4, plannedAt: t0, archivedAt: null }
}

export function loadRow(load: number, part: Partial<LoadRow> = {}): LoadRow {
  return {
    partition: 0, load, firstBatch: 1, lastBatch: 1, firstMonth: null, lastMonth: null, closesRun: true, digest: 'd', schemaVersion: 1,
    plannedAt: t0, rows: null, loadedAt: null, ...part,
  }
}

/** Work for `decide`: reads the identifiers under lock, as the pump does, and writes the change set. */
export function applying(batch: BatchRow, part: Partial<DecideChanges> = {}): (transaction: DecideTransaction) => Promise<void> {
  return async (transaction) => {
    for (const { workspace, key } of part.identity?.identifiers ?? []) await transaction.identifiers(workspace, [key])
    await transaction.apply(changes(batch, part))
  }
}
