/**
 * Numbered migrations, forward only; each may be repeated. Keys begin with the workspace, then the hash of the
 * identifier or profile, so that the same shapes shard. Hashes are 16-byte blobs, never collated text; documents are text.
 */
export const migrations: readonly string[] = [
  `
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS workspace (workspace INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS api_key (
  id TEXT PRIMARY KEY, workspace INTEGER NOT NULL, kind TEXT NOT NULL, hash TEXT NOT NULL UNIQUE,
  created_at INTEGER NOT NULL, revoked_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS partition (
  partition INTEGER PRIMARY KEY, pump_epoch INTEGER NOT NULL, load_epoch INTEGER NOT NULL, position TEXT, sequence INTEGER,
  batch INTEGER NOT NULL, archived_batch INTEGER NOT NULL, loaded_batch INTEGER NOT NULL, load INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS batch (
  partition INTEGER NOT NULL, batch INTEGER NOT NULL, epoch INTEGER NOT NULL,
  after_position TEXT, first_position TEXT NOT NULL, last_position TEXT NOT NULL, records INTEGER NOT NULL,
  accepted INTEGER NOT NULL, stored INTEGER NOT NULL, duplicate INTEGER NOT NULL, quarantined INTEGER NOT NULL,
  decisions TEXT, first_received_at INTEGER NOT NULL, last_received_at INTEGER NOT NULL,
  minutes TEXT NOT NULL, months TEXT NOT NULL, line_bytes INTEGER NOT NULL, digest TEXT NOT NULL,
  schema_version INTEGER NOT NULL, decided_at INTEGER NOT NULL,
  total_accepted INTEGER NOT NULL, total_stored INTEGER NOT NULL, total_duplicate INTEGER NOT NULL, total_quarantined INTEGER NOT NULL,
  PRIMARY KEY (partition, batch)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS archive_object (
  partition INTEGER NOT NULL, first_batch INTEGER NOT NULL, last_batch INTEGER NOT NULL, name TEXT NOT NULL,
  digest TEXT NOT NULL, events INTEGER NOT NULL, planned_at INTEGER NOT NULL, archived_at INTEGER,
  PRIMARY KEY (partition, last_batch)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS load (
  partition INTEGER NOT NULL, load INTEGER NOT NULL, first_batch INTEGER NOT NULL, last_batch INTEGER NOT NULL,
  first_month INTEGER, last_month INTEGER, closes_run INTEGER NOT NULL, digest TEXT NOT NULL,
  schema_version INTEGER NOT NULL, planned_at INTEGER NOT NULL, rows INTEGER, loaded_at INTEGER,
  PRIMARY KEY (partition, load)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS load_by_batch ON load (partition, last_batch);

CREATE TABLE IF NOT EXISTS event_period (period INTEGER PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS timeline (
  workspace INTEGER NOT NULL, identifier_key BLOB NOT NULL, metric TEXT NOT NULL, time INTEGER NOT NULL,
  message_id TEXT NOT NULL, properties TEXT NOT NULL,
  PRIMARY KEY (workspace, identifier_key, metric, time, message_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS identifier_metric (
  workspace INTEGER NOT NULL, identifier_key BLOB NOT NULL, metric TEXT NOT NULL,
  count INTEGER NOT NULL, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL,
  PRIMARY KEY (workspace, identifier_key, metric)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS identifier_register (
  workspace INTEGER NOT NULL, identifier_key BLOB NOT NULL, registers TEXT NOT NULL,
  PRIMARY KEY (workspace, identifier_key)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS identifier (
  workspace INTEGER NOT NULL, identifier_key BLOB NOT NULL, kind TEXT NOT NULL, namespace TEXT NOT NULL, value TEXT NOT NULL,
  profile_id BLOB NOT NULL, component BLOB NOT NULL, first_received_at INTEGER NOT NULL, first_seen INTEGER NOT NULL,
  version INTEGER NOT NULL, fan_out INTEGER NOT NULL, neighbours TEXT NOT NULL, degree_cutoffs TEXT NOT NULL,
  PRIMARY KEY (workspace, identifier_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS identifier_by_profile ON identifier (workspace, profile_id);
CREATE INDEX IF NOT EXISTS identifier_by_component ON identifier (workspace, component);
CREATE TABLE IF NOT EXISTS identity_edge (
  workspace INTEGER NOT NULL, a BLOB NOT NULL, b BLOB NOT NULL, rank INTEGER NOT NULL,
  first_seen_secret INTEGER, first_seen_public INTEGER, last_seen INTEGER NOT NULL, count INTEGER NOT NULL,
  cause_message_id TEXT NOT NULL, cause_metric TEXT NOT NULL, state TEXT NOT NULL, witness TEXT,
  PRIMARY KEY (workspace, a, b)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS identity_edge_by_b ON identity_edge (workspace, b);
CREATE TABLE IF NOT EXISTS identity_veto (
  workspace INTEGER NOT NULL, a BLOB NOT NULL, b BLOB NOT NULL, created_at INTEGER NOT NULL,
  PRIMARY KEY (workspace, a, b)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS profile (
  workspace INTEGER NOT NULL, profile_id BLOB NOT NULL, version INTEGER NOT NULL, created_at INTEGER NOT NULL, merged_into BLOB,
  PRIMARY KEY (workspace, profile_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS profile_by_survivor ON profile (workspace, merged_into) WHERE merged_into IS NOT NULL;
CREATE TABLE IF NOT EXISTS merge_log (
  workspace INTEGER NOT NULL, partition INTEGER NOT NULL, batch INTEGER NOT NULL, line INTEGER NOT NULL,
  from_profile BLOB NOT NULL, to_profile BLOB NOT NULL, identifier_keys TEXT NOT NULL,
  cause_message_id TEXT NOT NULL, cause_metric TEXT NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (workspace, partition, batch, line)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS merge_log_by_from ON merge_log (workspace, from_profile);
CREATE INDEX IF NOT EXISTS merge_log_by_to ON merge_log (workspace, to_profile);
CREATE TABLE IF NOT EXISTS identity_override (
  workspace INTEGER NOT NULL, identifier_key BLOB NOT NULL, profile_id BLOB NOT NULL, version INTEGER NOT NULL,
  PRIMARY KEY (workspace, identifier_key)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS identity_override_change (
  partition INTEGER NOT NULL, batch INTEGER NOT NULL, workspace INTEGER NOT NULL, identifier_key BLOB NOT NULL,
  profile_id BLOB NOT NULL, version INTEGER NOT NULL,
  PRIMARY KEY (partition, batch, workspace, identifier_key)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS quarantine (
  workspace INTEGER NOT NULL, message_key BLOB NOT NULL, message_id TEXT NOT NULL, reason TEXT NOT NULL,
  received_at INTEGER NOT NULL, event TEXT NOT NULL,
  PRIMARY KEY (workspace, message_key)
) STRICT, WITHOUT ROWID;
`,
  `
CREATE TABLE IF NOT EXISTS member (member TEXT NOT NULL PRIMARY KEY, roles TEXT NOT NULL, seen_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`,
  `
CREATE TABLE IF NOT EXISTS source_register (
  workspace INTEGER NOT NULL, message_key BLOB NOT NULL, partition INTEGER NOT NULL, batch INTEGER NOT NULL,
  identifier_key BLOB, PRIMARY KEY (workspace, message_key)
) STRICT, WITHOUT ROWID;
`,
  `
CREATE TABLE IF NOT EXISTS suppression (
  workspace INTEGER NOT NULL, identifier_key BLOB NOT NULL, at INTEGER NOT NULL, mode TEXT NOT NULL,
  PRIMARY KEY (workspace, identifier_key)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS erasure (
  workspace INTEGER NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, mode TEXT NOT NULL, identifier_keys TEXT NOT NULL,
  collected TEXT, erased_events INTEGER NOT NULL, replaced_objects TEXT NOT NULL, report TEXT,
  PRIMARY KEY (workspace, id)
) STRICT, WITHOUT ROWID;
`,
  `
CREATE TABLE IF NOT EXISTS automation (
  workspace INTEGER NOT NULL, automation TEXT NOT NULL, settings TEXT NOT NULL, updated_at INTEGER NOT NULL,
  PRIMARY KEY (workspace, automation)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS automation_consumer (partition INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, batch INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS cart (
  workspace INTEGER NOT NULL, automation TEXT NOT NULL, identifier_key BLOB NOT NULL,
  first_at INTEGER NOT NULL, first_message_id TEXT NOT NULL, last_at INTEGER NOT NULL, last_message_id TEXT NOT NULL,
  closed_through INTEGER, due_at INTEGER, lease_owner TEXT, lease_until INTEGER,
  PRIMARY KEY (workspace, automation, identifier_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS cart_by_due ON cart (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS cart_by_close ON cart (closed_through) WHERE due_at IS NULL;
CREATE TABLE IF NOT EXISTS webhook_delivery (
  workspace INTEGER NOT NULL, webhook_id TEXT NOT NULL, automation TEXT NOT NULL, profile_id BLOB NOT NULL, body TEXT NOT NULL,
  due_at INTEGER NOT NULL, created_at INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT, attempts INTEGER NOT NULL,
  round INTEGER NOT NULL, round_started_at INTEGER, next_at INTEGER, sent_at INTEGER, lease_owner TEXT, lease_until INTEGER,
  PRIMARY KEY (workspace, webhook_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS webhook_delivery_by_endpoint ON webhook_delivery (workspace, automation, next_at) WHERE next_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS webhook_delivery_by_next ON webhook_delivery (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS webhook_delivery_by_creation ON webhook_delivery (workspace, automation, created_at, webhook_id);
CREATE INDEX IF NOT EXISTS webhook_delivery_by_state ON webhook_delivery (workspace, automation, state, created_at, webhook_id);
CREATE INDEX IF NOT EXISTS webhook_delivery_by_end ON webhook_delivery (sent_at) WHERE sent_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS webhook_delivery_by_parking ON webhook_delivery (created_at) WHERE state = 'parked';
CREATE TABLE IF NOT EXISTS webhook_attempt (
  workspace INTEGER NOT NULL, webhook_id TEXT NOT NULL, at INTEGER NOT NULL, attempt INTEGER NOT NULL,
  duration_ms INTEGER NOT NULL, status INTEGER, error TEXT,
  PRIMARY KEY (workspace, webhook_id, at, attempt)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS webhook_endpoint (
  workspace INTEGER NOT NULL, automation TEXT NOT NULL, failing_since INTEGER, disabled_at INTEGER, disabled_reason TEXT,
  PRIMARY KEY (workspace, automation)
) STRICT, WITHOUT ROWID;
`,
  `
CREATE TABLE IF NOT EXISTS identity_pointing_change (
  partition INTEGER NOT NULL, batch INTEGER NOT NULL, workspace INTEGER NOT NULL, identifier_key BLOB NOT NULL,
  profile_id BLOB NOT NULL, version INTEGER NOT NULL,
  PRIMARY KEY (partition, batch, workspace, identifier_key)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS segment (
  workspace INTEGER NOT NULL, segment_id BLOB NOT NULL, version INTEGER NOT NULL, name TEXT NOT NULL, definition TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (workspace, segment_id, version)
) STRICT, WITHOUT ROWID;
`,
  `
CREATE TABLE IF NOT EXISTS consent (
  workspace INTEGER NOT NULL, identifier_key BLOB NOT NULL, channel TEXT NOT NULL, time INTEGER NOT NULL, strictness INTEGER NOT NULL,
  message_id TEXT NOT NULL, method TEXT, received_at INTEGER NOT NULL,
  PRIMARY KEY (workspace, identifier_key, channel, time, strictness, message_id)
) STRICT, WITHOUT ROWID;
`,
  `
CREATE TABLE IF NOT EXISTS load_refusal (
  partition INTEGER NOT NULL, load INTEGER NOT NULL, refused TEXT NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (partition, load)
) STRICT, WITHOUT ROWID;
`,
  `
CREATE TABLE IF NOT EXISTS key_limit (
  id TEXT PRIMARY KEY, events_per_second INTEGER, burst_events INTEGER, bytes_per_second INTEGER, events_per_day INTEGER
) STRICT, WITHOUT ROWID;
`,
  // Who said what is there already is not known: a rebuild of the profiles reads it from the archive.
  `
ALTER TABLE consent ADD COLUMN trusted INTEGER NOT NULL DEFAULT 0;
CREATE INDEX IF NOT EXISTS consent_by_trust ON consent (workspace, identifier_key, channel, trusted, time, strictness, message_id);
`,
  'ALTER TABLE profile ADD COLUMN composition TEXT',
  `
CREATE TABLE IF NOT EXISTS workspace_settings (
  workspace INTEGER NOT NULL, version INTEGER NOT NULL, document TEXT NOT NULL, message_id TEXT NOT NULL, since INTEGER NOT NULL,
  PRIMARY KEY (workspace, version)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS workspace_resolve (
  workspace INTEGER PRIMARY KEY, partition INTEGER NOT NULL, version INTEGER NOT NULL, after_key BLOB
) STRICT;
`,
  `
CREATE TABLE IF NOT EXISTS claim_run (run INTEGER PRIMARY KEY, week INTEGER NOT NULL, key_filter BLOB) STRICT;
CREATE TABLE IF NOT EXISTS claim_mark (id INTEGER PRIMARY KEY CHECK (id = 1), mark BLOB NOT NULL) STRICT;
`,
  `
CREATE TABLE IF NOT EXISTS property_shape (shape INTEGER PRIMARY KEY, names TEXT NOT NULL UNIQUE) STRICT;
`,
  // What is counted joins the events that it counts: activity.ts. The views are for those who look.
  `
ALTER TABLE timeline RENAME TO activity;
ALTER TABLE activity ADD COLUMN count INTEGER;
ALTER TABLE activity ADD COLUMN first_at INTEGER;
ALTER TABLE activity ADD COLUMN last_at INTEGER;
INSERT INTO activity (workspace, identifier_key, metric, time, message_id, properties, count, first_at, last_at)
  SELECT workspace, identifier_key, metric, -9007199254740991, '', '', count, first_at, last_at FROM identifier_metric;
DROP TABLE identifier_metric;
CREATE VIEW timeline AS SELECT workspace, identifier_key, metric, time, message_id, properties FROM activity WHERE time > -9007199254740991;
CREATE VIEW identifier_metric AS SELECT workspace, identifier_key, metric, count, first_at, last_at FROM activity WHERE time = -9007199254740991 AND metric <> '';
`,
]
