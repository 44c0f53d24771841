import type { BatchRow } from '../../src/ports/oltp.ts'

export const t0 = Date.UTC(2026, 0, 5)

/** A decided batch of three events; its parts are the caller's. */
export function batchRow(batch: number, part: Partial<BatchRow> = {}): BatchRow {
  return {
    partition: 0, batch, epoch: 1, afterPosition: batch === 1 ? null : position(batch - 1),
    firstPosition: position(batch), lastPosition: position(batch), records: 1,
    accepted: 3, stored: 2, duplicate: 1, quarantined: 0, decisions: 'x;0*2,.', firstReceivedAt: t0, lastReceivedAt: t0,
    minutes: '{}', months: '202601', lineBytes: 10, digest: 'd'.repeat(64), schemaVersion: 1, decidedAt: t0, ...part,
  }
}

/** A position of a made-up log. */
export function position(batch: number): string {
  return `1:${String(batch).padStart(16, '0')}`
}
