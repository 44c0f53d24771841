import { messageKey, uuidBytes } from '../../../platform/uuid.ts'
import type { EdgeRow, IdentifierRow, IdentityChanges, ProfileRow } from '../../../ports/identity.ts'
import type { BatchRow, DecideChanges, PeopleChanges, QuarantineRow, RegisterRow } from '../../../ports/oltp.ts'
import { compositionText } from '../identity-rows.ts'
import { consentColumns, consentsByKey, consentValues } from '../consent-rows.ts'
import { addMetric, putEvent, putSighting } from './activity.ts'
import type { Connection } from './connection.ts'
import type { GivenEdges } from './given-edges.ts'
import { putErasure } from './sqlite-erasure-store.ts'
import type { EventPeriods } from './event-periods.ts'
import { putResolves, putSettings } from './workspace-settings.ts'

/** Where changes of people go, and what the transaction was given of it before. */
export interface PeopleTarget {
  readonly connection: Connection
  readonly given: GivenEdges
}

/** Writes a batch's change set in one fixed order of tables, rows sorted by key: neighbours in the tree are written together. */
export function applyChanges(target: PeopleTarget, periods: EventPeriods, changes: DecideChanges): void {
  const { connection } = target
  const { batch } = changes
  periods.claim(changes.claims, batch.partition, batch.batch)
  applyPeople(target, changes, batch)
  for (const row of changes.quarantine) putQuarantine(connection, row)
  for (const erasure of changes.erasures) putErasure(connection, erasure)
  putSettings(connection, changes.settings)
  putResolves(connection, changes.resolves)
  putBatch(connection, batch)
  connection.run('UPDATE partition SET position = ?, sequence = ?, batch = ? WHERE partition = ?',
    batch.lastPosition, changes.sequence, batch.batch, batch.partition)
}

/** The part of {@link applyChanges} that is about people. */
export function applyPeople(target: PeopleTarget, changes: PeopleChanges, from: Pick<BatchRow, 'partition' | 'batch'>): void {
  const { connection } = target
  applyIdentity(target, changes.identity, from)
  touchProfiles(connection, changes)
  for (const row of byKey(changes.registers)) putRegisters(connection, row)
  // A message id that comes again after the duplicate window says the same of the same moment.
  for (const row of consentsByKey(changes.consents)) {
    connection.run(`INSERT INTO consent (${consentColumns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET trusted = MAX(trusted, excluded.trusted)`, ...consentValues(row))
  }
  for (const row of byKey(changes.metrics)) addMetric(connection, row)
  for (const row of byKey(changes.timeline)) putEvent(connection, row)
  target.given.clear()
}

function byKey<T extends { readonly workspace: number; readonly identifierKey: string }>(rows: readonly T[]): readonly T[] {
  return rows.toSorted((a, b) => a.workspace - b.workspace || (a.identifierKey < b.identifierKey ? -1 : a.identifierKey > b.identifierKey ? 1 : 0))
}

function applyIdentity({ connection, given }: PeopleTarget, identity: IdentityChanges, batch: Pick<BatchRow, 'partition' | 'batch'>): void {
  for (const row of identity.identifiers.toSorted((a, b) => (a.key < b.key ? -1 : 1))) putIdentifier(connection, row)
  for (const row of identity.profiles.toSorted((a, b) => (a.id < b.id ? -1 : 1))) putProfile(connection, row)
  for (const row of identity.edges.toSorted((a, b) => (a.a + a.b < b.a + b.b ? -1 : 1))) {
    if (given.isOnlySeen(row)) putSighting(connection, row)
    else putEdge(connection, row)
  }
  for (const [line, merge] of identity.merges.entries()) {
    connection.run(`INSERT INTO merge_log (workspace, partition, batch, line, from_profile, to_profile, identifier_keys,
      cause_message_id, cause_metric, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    merge.workspace, batch.partition, batch.batch, line, uuidBytes(merge.fromProfile), uuidBytes(merge.toProfile),
    merge.identifierKeys.join(','), merge.cause.messageId, merge.cause.metric, merge.at)
  }
  for (const { workspace, a, b, createdAt } of identity.vetoes) {
    connection.run('INSERT INTO identity_veto (workspace, a, b, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING', workspace, uuidBytes(a), uuidBytes(b), createdAt)
  }
  for (const { workspace, a, b } of identity.liftedVetoes) {
    connection.run('DELETE FROM identity_veto WHERE workspace = ? AND a = ? AND b = ?', workspace, uuidBytes(a), uuidBytes(b))
  }
  for (const row of identity.overrides) {
    const values = [row.workspace, uuidBytes(row.identifierKey), uuidBytes(row.profileId), row.version] as const
    connection.run(`INSERT INTO identity_override (workspace, identifier_key, profile_id, version) VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET profile_id = excluded.profile_id, version = excluded.version`, ...values)
    connection.run(`INSERT INTO identity_override_change (workspace, identifier_key, profile_id, version, partition, batch)
      VALUES (?, ?, ?, ?, ?, ?)`, ...values, batch.partition, batch.batch)
  }
  for (const row of byKey(identity.pointings)) {
    connection.run(`INSERT INTO identity_pointing_change (partition, batch, workspace, identifier_key, profile_id, version) VALUES (?, ?, ?, ?, ?, ?)`,
      batch.partition, batch.batch, row.workspace, uuidBytes(row.identifierKey), uuidBytes(row.profileId), row.version)
  }
}

function putIdentifier(connection: Connection, row: IdentifierRow): void {
  connection.run(`INSERT INTO identifier (workspace, identifier_key, kind, namespace, value, profile_id, component,
    first_received_at, first_seen, version, fan_out, neighbours, degree_cutoffs) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET profile_id = excluded.profile_id, component = excluded.component,
    first_received_at = excluded.first_received_at, first_seen = excluded.first_seen, version = excluded.version,
    fan_out = excluded.fan_out, neighbours = excluded.neighbours, degree_cutoffs = excluded.degree_cutoffs`,
  row.workspace, uuidBytes(row.key), row.kind, row.namespace, row.value, uuidBytes(row.profileId), uuidBytes(row.component),
  row.firstReceivedAt, row.firstSeen, row.version, row.fanOut ? 1 : 0, JSON.stringify(row.neighbours), JSON.stringify(row.degreeCutoffs))
}

function putProfile(connection: Connection, row: ProfileRow): void {
  connection.run(`INSERT INTO profile (workspace, profile_id, version, created_at, merged_into, composition) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET version = excluded.version, created_at = excluded.created_at, merged_into = excluded.merged_into,
    composition = excluded.composition`,
  row.workspace, uuidBytes(row.id), row.version, row.createdAt, row.mergedInto === null ? null : uuidBytes(row.mergedInto), compositionText(row.composition))
}

function putEdge(connection: Connection, row: EdgeRow): void {
  connection.run(`INSERT INTO identity_edge (workspace, a, b, rank, first_seen_secret, first_seen_public, last_seen, count,
    cause_message_id, cause_metric, state, witness) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET rank = excluded.rank, first_seen_secret = excluded.first_seen_secret,
    first_seen_public = excluded.first_seen_public, last_seen = excluded.last_seen, count = excluded.count,
    cause_message_id = excluded.cause_message_id, cause_metric = excluded.cause_metric, state = excluded.state, witness = excluded.witness`,
  row.workspace, uuidBytes(row.a), uuidBytes(row.b), row.rank, row.firstSeenSecret, row.firstSeenPublic, row.lastSeen, row.count,
  row.cause.messageId, row.cause.metric, row.state, row.witness === null ? null : JSON.stringify(row.witness))
}

/** New events change the card, so its version rises, unless this batch's identity already wrote the row. */
function touchProfiles(connection: Connection, { touched, identity }: PeopleChanges): void {
  const written = new Set(identity.profiles.map((profile) => `${profile.workspace}/${profile.id}`))
  for (const { workspace, id } of touched.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    if (!written.has(`${workspace}/${id}`)) {
      connection.run('UPDATE profile SET version = version + 1 WHERE workspace = ? AND profile_id = ?', workspace, uuidBytes(id))
    }
  }
}

function putRegisters(connection: Connection, row: RegisterRow): void {
  connection.run(`INSERT INTO identifier_register (workspace, identifier_key, registers) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET registers = excluded.registers`, row.workspace, uuidBytes(row.identifierKey), row.registers)
}

function putQuarantine(connection: Connection, row: QuarantineRow): void {
  connection.run(`INSERT INTO quarantine (workspace, message_key, message_id, reason, received_at, event) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT DO NOTHING`, row.workspace, messageKey(row.messageId), row.messageId, row.reason, row.receivedAt, row.event)
}

function putBatch(connection: Connection, row: BatchRow): void {
  connection.run(`INSERT INTO batch (partition, batch, epoch, after_position, first_position, last_position, records,
    accepted, stored, duplicate, quarantined, decisions, first_received_at, last_received_at, minutes, months, line_bytes, digest,
    schema_version, decided_at, total_accepted, total_stored, total_duplicate, total_quarantined)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
      ?8 + ifnull(max(total_accepted), 0), ?9 + ifnull(max(total_stored), 0),
      ?10 + ifnull(max(total_duplicate), 0), ?11 + ifnull(max(total_quarantined), 0)
    FROM batch WHERE partition = ?1 AND batch = ?2 - 1`,
  row.partition, row.batch, row.epoch, row.afterPosition, row.firstPosition, row.lastPosition, row.records,
  row.accepted, row.stored, row.duplicate, row.quarantined, row.decisions, row.firstReceivedAt, row.lastReceivedAt,
  row.minutes, row.months, row.lineBytes, row.digest, row.schemaVersion, row.decidedAt)
}
