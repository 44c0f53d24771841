import { quarantineReasons } from '@millrace/schemas'
import { MillraceError } from '../../platform/errors.ts'
import type { KeyRow } from '../../ports/key.ts'
import type { LoadRefusal } from '../../ports/load-outcome.ts'
import { type BatchRow, type LoadRow, type MemberRow, type ObjectRow, type PartitionRow, partitionRoles, type QuarantineRow, type SegmentRow } from '../../ports/oltp.ts'
import { uuidText } from '../../platform/uuid.ts'
import { bytesOf, numberOf, numberOrNull, type Row, textOf, textOrNull } from './row.ts'

export function partitionRow(row: Row): PartitionRow {
  return {
    partition: numberOf(row, 'partition'), pumpEpoch: numberOf(row, 'pump_epoch'), loadEpoch: numberOf(row, 'load_epoch'),
    position: textOrNull(row, 'position'), sequence: numberOrNull(row, 'sequence'),
    batch: numberOf(row, 'batch'), archivedBatch: numberOf(row, 'archived_batch'),
    loadedBatch: numberOf(row, 'loaded_batch'), load: numberOf(row, 'load'),
  }
}

export function batchRow(row: Row): BatchRow {
  return {
    partition: numberOf(row, 'partition'), batch: numberOf(row, 'batch'), epoch: numberOf(row, 'epoch'),
    afterPosition: textOrNull(row, 'after_position'), firstPosition: textOf(row, 'first_position'),
    lastPosition: textOf(row, 'last_position'), records: numberOf(row, 'records'),
    accepted: numberOf(row, 'accepted'), stored: numberOf(row, 'stored'),
    duplicate: numberOf(row, 'duplicate'), quarantined: numberOf(row, 'quarantined'),
    decisions: textOrNull(row, 'decisions'), firstReceivedAt: numberOf(row, 'first_received_at'),
    lastReceivedAt: numberOf(row, 'last_received_at'), minutes: textOf(row, 'minutes'), months: textOf(row, 'months'),
    lineBytes: numberOf(row, 'line_bytes'), digest: textOf(row, 'digest'),
    schemaVersion: numberOf(row, 'schema_version'), decidedAt: numberOf(row, 'decided_at'),
  }
}

export function objectRow(row: Row): ObjectRow {
  return {
    partition: numberOf(row, 'partition'), firstBatch: numberOf(row, 'first_batch'), lastBatch: numberOf(row, 'last_batch'),
    name: textOf(row, 'name'), digest: textOf(row, 'digest'), events: numberOf(row, 'events'),
    plannedAt: numberOf(row, 'planned_at'), archivedAt: numberOrNull(row, 'archived_at'),
  }
}

export function loadRow(row: Row): LoadRow {
  return {
    partition: numberOf(row, 'partition'), load: numberOf(row, 'load'), firstBatch: numberOf(row, 'first_batch'),
    lastBatch: numberOf(row, 'last_batch'), firstMonth: numberOrNull(row, 'first_month'),
    lastMonth: numberOrNull(row, 'last_month'), closesRun: numberOf(row, 'closes_run') === 1,
    digest: textOf(row, 'digest'), schemaVersion: numberOf(row, 'schema_version'),
    plannedAt: numberOf(row, 'planned_at'), rows: numberOrNull(row, 'rows'), loadedAt: numberOrNull(row, 'loaded_at'),
  }
}

export function loadRefusal(row: Row): LoadRefusal {
  const refused: unknown = JSON.parse(textOf(row, 'refused'))
  return {
    partition: numberOf(row, 'partition'), load: numberOf(row, 'load'), reason: textOf(row, 'reason'), at: numberOf(row, 'at'),
    rows: Array.isArray(refused) ? refused.map((one: unknown) => ({ workspace: Number(Reflect.get(Object(one), 'workspace')), messageId: String(Reflect.get(Object(one), 'messageId')) })) : [],
  }
}

export function segmentRow(row: Row): SegmentRow {
  return {
    workspace: numberOf(row, 'workspace'), id: uuidText(bytesOf(row, 'segment_id')), version: numberOf(row, 'version'),
    name: textOf(row, 'name'), definition: textOf(row, 'definition'), createdAt: numberOf(row, 'created_at'),
  }
}

/** Every key with its limits, oldest first: the same SQL for every driver. */
export const selectKeys = `SELECT api_key.*, key_limit.events_per_second, key_limit.burst_events, key_limit.bytes_per_second, key_limit.events_per_day
  FROM api_key LEFT JOIN key_limit ON key_limit.id = api_key.id ORDER BY api_key.created_at, api_key.id`

export function keyRow(row: Row): KeyRow {
  const kind = textOf(row, 'kind')
  if (kind !== 'write' && kind !== 'secret') throw new MillraceError('corrupt', 'an api_key row has an unknown kind')
  return {
    id: textOf(row, 'id'), workspace: numberOf(row, 'workspace'), kind, hash: textOf(row, 'hash'),
    createdAt: numberOf(row, 'created_at'), revokedAt: numberOrNull(row, 'revoked_at'),
    limits: {
      eventsPerSecond: numberOrNull(row, 'events_per_second'), burstEvents: numberOrNull(row, 'burst_events'),
      bytesPerSecond: numberOrNull(row, 'bytes_per_second'), eventsPerDay: numberOrNull(row, 'events_per_day'),
    },
  }
}

export function quarantineRow(row: Row): QuarantineRow {
  const reason = textOf(row, 'reason')
  return {
    workspace: numberOf(row, 'workspace'), messageId: textOf(row, 'message_id'),
    reason: quarantineReasons.find((known) => known === reason) ?? 'internal_error',
    receivedAt: numberOf(row, 'received_at'), event: textOf(row, 'event'),
  }
}

export function memberRow(row: Row): MemberRow {
  const roles = textOf(row, 'roles').split(',')
  return { member: textOf(row, 'member'), roles: partitionRoles.filter((role) => roles.includes(role)) }
}
