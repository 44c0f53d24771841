import { messageKey, uuidBytes } from '../../../platform/uuid.ts'
import { compositionText } from '../identity-rows.ts'
import { consentColumns, consentsByKey, consentValues } from '../consent-rows.ts'
import { eventPeriodMs, forEver } from '../event-period.ts'
import type { EdgeRow, IdentifierRow, IdentityChanges, ProfileRow } from '../../../ports/identity.ts'
import type { BatchRow, DecideChanges, MetricDelta, NewClaim, PeopleChanges } from '../../../ports/oltp.ts'
import { putErasures } from './mysql-erasure-store.ts'
import type { Session, Value } from './session.ts'
import { putResolves, putSettings } from './workspace-settings.ts'

/**
 * Writes a batch's change set: one statement for many rows, tables in one fixed order, rows sorted by key, so that two
 * transactions that touch the same rows reach them in the same order. No `INSERT IGNORE`: it would cut and drop in silence.
 */
export async function applyChanges(session: Session, changes: DecideChanges, isKnown: (row: IdentifierRow) => boolean): Promise<void> {
  const { batch } = changes
  await putClaims(session, changes.claims, batch)
  await applyPeople(session, changes, { from: batch, isKnown })
  await session.insert(`INSERT INTO quarantine (workspace, message_key, message_id, reason, received_at, event) VALUES ?
    ON DUPLICATE KEY UPDATE reason = reason`,
  changes.quarantine.map((row) => [row.workspace, messageKey(row.messageId), row.messageId, row.reason, row.receivedAt, row.event]))
  await putErasures(session, changes.erasures)
  await putSettings(session, changes.settings)
  await putResolves(session, changes.resolves)
  await putBatch(session, batch)
  await session.run('UPDATE `partition` SET position = ?, sequence = ?, batch = ? WHERE `partition` = ?',
    batch.lastPosition, changes.sequence, batch.batch, batch.partition)
}

/** The part of {@link applyChanges} that is about people. */
export async function applyPeople(
  session: Session, changes: PeopleChanges, { from, isKnown }: { from: Pick<BatchRow, 'partition' | 'batch'>; isKnown: (row: IdentifierRow) => boolean },
): Promise<void> {
  await putIdentifiers(session, changes.identity.identifiers, isKnown)
  await putProfiles(session, changes.identity.profiles)
  await touchProfiles(session, changes)
  await putEdges(session, changes.identity.edges)
  await putVetoes(session, changes.identity)
  await putMerges(session, changes.identity, from)
  await session.insert(`INSERT INTO identifier_register (workspace, identifier_key, registers) VALUES ?
    ON DUPLICATE KEY UPDATE registers = VALUES(registers)`,
  byKey(changes.registers).map((row) => [row.workspace, uuidBytes(row.identifierKey), row.registers]))
  // A message id that comes again after the duplicate window says the same of the same moment.
  await session.insert(`INSERT INTO consent (${consentColumns}) VALUES ? ON DUPLICATE KEY UPDATE trusted = GREATEST(trusted, VALUES(trusted))`,
    consentsByKey(changes.consents).map(consentValues))
  await putMetrics(session, changes.metrics)
  // A message id that comes again after the duplicate window is stored again, but it is the same moment of the same person.
  await session.insert(`INSERT INTO timeline (workspace, identifier_key, metric, time, message_id, properties) VALUES ?
    ON DUPLICATE KEY UPDATE time = VALUES(time)`,
  byKey(changes.timeline).map((row) => [row.workspace, uuidBytes(row.identifierKey), row.metric, row.time, row.messageId, row.properties]))
}

function byKey<T extends { readonly workspace: number; readonly identifierKey: string }>(rows: readonly T[]): readonly T[] {
  return rows.toSorted((a, b) => a.workspace - b.workspace || (a.identifierKey < b.identifierKey ? -1 : a.identifierKey > b.identifierKey ? 1 : 0))
}

/** Plain inserts: an id that another partition claimed since it was looked up ends the transaction, which is then repeated. */
async function putClaims(session: Session, claims: readonly NewClaim[], { partition, batch }: BatchRow): Promise<void> {
  const rows = claims
    .map((claim) => ({ claim, key: messageKey(claim.messageId) }))
    .toSorted((a, b) => a.claim.workspace - b.claim.workspace || Buffer.compare(a.key, b.key))
    .map(({ claim, key }): readonly Value[] => [
      claim.workspace, key, claim.sourced ? forEver : (Math.floor(claim.receivedAt / eventPeriodMs) + 1) * eventPeriodMs, partition, batch,
      claim.identifierKey === null ? null : uuidBytes(claim.identifierKey),
    ])
  await session.insertNew('INSERT INTO event_key (workspace, message_key, period_end, `partition`, batch, identifier_key) VALUES ?', rows)
}

async function putIdentifiers(session: Session, identifiers: readonly IdentifierRow[], isKnown: (row: IdentifierRow) => boolean): Promise<void> {
  const sorted = identifiers.toSorted((a, b) => a.workspace - b.workspace || (a.key < b.key ? -1 : 1))
  const into = `INSERT INTO identifier (workspace, identifier_key, kind, namespace, value, profile_id, component,
    first_received_at, first_seen, version, fan_out, neighbours, degree_cutoffs) VALUES ?`
  const values = (row: IdentifierRow): readonly Value[] => [
    row.workspace, uuidBytes(row.key), row.kind, row.namespace, row.value, uuidBytes(row.profileId), uuidBytes(row.component),
    row.firstReceivedAt, row.firstSeen, row.version, row.fanOut ? 1 : 0, JSON.stringify(row.neighbours), JSON.stringify(row.degreeCutoffs),
  ]
  // What was not there when it was read under lock must still not be there.
  await session.insertNew(into, sorted.filter((row) => !isKnown(row)).map(values))
  await session.insert(`${into} ON DUPLICATE KEY UPDATE profile_id = VALUES(profile_id), component = VALUES(component),
    first_received_at = VALUES(first_received_at), first_seen = VALUES(first_seen), version = VALUES(version),
    fan_out = VALUES(fan_out), neighbours = VALUES(neighbours), degree_cutoffs = VALUES(degree_cutoffs)`, sorted.filter(isKnown).map(values))
}

async function putProfiles(session: Session, profiles: readonly ProfileRow[]): Promise<void> {
  const sorted = profiles.toSorted((a, b) => a.workspace - b.workspace || (a.id < b.id ? -1 : 1))
  await session.insert(`INSERT INTO profile (workspace, profile_id, version, created_at, merged_into, composition) VALUES ?
    ON DUPLICATE KEY UPDATE version = VALUES(version), created_at = VALUES(created_at), merged_into = VALUES(merged_into),
    composition = VALUES(composition)`,
  sorted.map((row) => [row.workspace, uuidBytes(row.id), row.version, row.createdAt, row.mergedInto === null ? null : uuidBytes(row.mergedInto), compositionText(row.composition)]))
}

/** New events change the card, so its version rises, unless this batch's identity already wrote the row. */
async function touchProfiles(session: Session, { touched, identity }: PeopleChanges): Promise<void> {
  const written = new Set(identity.profiles.map((profile) => `${profile.workspace}/${profile.id}`))
  const rest = touched.filter(({ workspace, id }) => !written.has(`${workspace}/${id}`))
  for (const [workspace, group] of Map.groupBy(rest, (row) => row.workspace)) {
    const keys = group.map(({ id }) => id).toSorted().map(uuidBytes)
    await session.runOf(keys, 'UPDATE profile SET version = version + 1 WHERE workspace = ? AND profile_id IN (?)', workspace)
  }
}

async function putEdges(session: Session, edges: readonly EdgeRow[]): Promise<void> {
  const sorted = edges.toSorted((a, b) => a.workspace - b.workspace || (a.a + a.b < b.a + b.b ? -1 : 1))
  await session.insert(`INSERT INTO identity_edge (workspace, a, b, \`rank\`, first_seen_secret, first_seen_public, last_seen, count,
    cause_message_id, cause_metric, state, witness) VALUES ?
    ON DUPLICATE KEY UPDATE \`rank\` = VALUES(\`rank\`), first_seen_secret = VALUES(first_seen_secret),
    first_seen_public = VALUES(first_seen_public), last_seen = VALUES(last_seen), count = VALUES(count),
    cause_message_id = VALUES(cause_message_id), cause_metric = VALUES(cause_metric), state = VALUES(state), witness = VALUES(witness)`,
  sorted.map((row) => [
    row.workspace, uuidBytes(row.a), uuidBytes(row.b), row.rank, row.firstSeenSecret, row.firstSeenPublic, row.lastSeen, row.count,
    row.cause.messageId, row.cause.metric, row.state, row.witness === null ? null : JSON.stringify(row.witness),
  ]))
}

async function putVetoes(session: Session, { vetoes, liftedVetoes }: IdentityChanges): Promise<void> {
  await session.insert('INSERT INTO identity_veto (workspace, a, b, created_at) VALUES ? ON DUPLICATE KEY UPDATE a = a',
    vetoes.map(({ workspace, a, b, createdAt }) => [workspace, uuidBytes(a), uuidBytes(b), createdAt]))
  for (const { workspace, a, b } of liftedVetoes) {
    await session.run('DELETE FROM identity_veto WHERE workspace = ? AND a = ? AND b = ?', workspace, uuidBytes(a), uuidBytes(b))
  }
}

async function putMerges(session: Session, { merges, overrides, pointings }: IdentityChanges, { partition, batch }: Pick<BatchRow, 'partition' | 'batch'>): Promise<void> {
  await session.insert(`INSERT INTO merge_log (workspace, \`partition\`, batch, line, from_profile, to_profile, identifier_keys,
    cause_message_id, cause_metric, at) VALUES ?`, merges.map((merge, line) => [
    merge.workspace, partition, batch, line, uuidBytes(merge.fromProfile), uuidBytes(merge.toProfile),
    merge.identifierKeys.join(','), merge.cause.messageId, merge.cause.metric, merge.at,
  ]))
  await session.insert('INSERT INTO identity_pointing_change (`partition`, batch, workspace, identifier_key, profile_id, version) VALUES ?',
    byKey(pointings).map((row) => [partition, batch, row.workspace, uuidBytes(row.identifierKey), uuidBytes(row.profileId), row.version]))
  const sorted = byKey(overrides).map((row): readonly Value[] => [row.workspace, uuidBytes(row.identifierKey), uuidBytes(row.profileId), row.version])
  await session.insert(`INSERT INTO identity_override (workspace, identifier_key, profile_id, version) VALUES ?
    ON DUPLICATE KEY UPDATE profile_id = VALUES(profile_id), version = VALUES(version)`, sorted)
  await session.insert('INSERT INTO identity_override_change (workspace, identifier_key, profile_id, version, `partition`, batch) VALUES ?',
    sorted.map((row) => [...row, partition, batch]))
}

async function putMetrics(session: Session, metrics: readonly MetricDelta[]): Promise<void> {
  await session.insert(`INSERT INTO identifier_metric (workspace, identifier_key, metric, count, first_at, last_at) VALUES ?
    ON DUPLICATE KEY UPDATE count = count + VALUES(count), first_at = LEAST(first_at, VALUES(first_at)),
    last_at = GREATEST(last_at, VALUES(last_at))`,
  byKey(metrics).map((row) => [row.workspace, uuidBytes(row.identifierKey), row.metric, row.count, row.firstAt, row.lastAt]))
}

async function putBatch(session: Session, row: BatchRow): Promise<void> {
  await session.run(`INSERT INTO batch (\`partition\`, batch, epoch, after_position, first_position, last_position, records,
    accepted, \`stored\`, duplicate, quarantined, decisions, first_received_at, last_received_at, minutes, months, line_bytes, digest,
    schema_version, decided_at, total_accepted, total_stored, total_duplicate, total_quarantined)
    SELECT ?, ? + COALESCE(MAX(total_accepted), 0), ? + COALESCE(MAX(total_stored), 0),
      ? + COALESCE(MAX(total_duplicate), 0), ? + COALESCE(MAX(total_quarantined), 0)
    FROM batch AS earlier WHERE \`partition\` = ? AND batch = ?`,
  [
    row.partition, row.batch, row.epoch, row.afterPosition, row.firstPosition, row.lastPosition, row.records,
    row.accepted, row.stored, row.duplicate, row.quarantined, row.decisions, row.firstReceivedAt, row.lastReceivedAt,
    row.minutes, row.months, row.lineBytes, row.digest, row.schemaVersion, row.decidedAt,
  ],
  row.accepted, row.stored, row.duplicate, row.quarantined, row.partition, row.batch - 1)
}
