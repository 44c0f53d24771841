import type { IdentityReader } from '../../../ports/identity.ts'
import type { PeopleChanges, RebuildTransaction, RebuiltPeople } from '../../../ports/oltp.ts'
import { overrideRow } from '../identity-rows.ts'
import { rebuiltTables } from '../rebuilt-tables.ts'
import { bytesOf, numberOf } from '../row.ts'
import type { Connection } from './connection.ts'
import { allSettings } from './workspace-settings.ts'

/** What a rebuild reads is what it wrote itself. */
export function rebuildTransaction(connection: Connection, reader: IdentityReader & Pick<RebuildTransaction, 'registers' | 'replay'>): RebuildTransaction {
  return {
    identifiers: (workspace, keys) => reader.identifiers(workspace, keys),
    edges: (workspace, ends) => reader.edges(workspace, ends),
    components: (workspace, labels) => reader.components(workspace, labels),
    edgesOf: (workspace, keys) => reader.edgesOf(workspace, keys),
    profiles: (workspace, ids) => reader.profiles(workspace, ids),
    registers: (workspace, keys) => reader.registers(workspace, keys),
    allSettings: async () => allSettings(connection),
    replay: (changes, from) => reader.replay(withoutPast(changes), from),
  }
}

function withoutPast(changes: PeopleChanges): PeopleChanges {
  return { ...changes, identity: { ...changes.identity, merges: [], overrides: [], pointings: [] } }
}

/** Before the work, inside of the write transaction. */
export function beginRebuild(connection: Connection): void {
  connection.exec('CREATE TABLE rebuild_before AS SELECT workspace, identifier_key, profile_id, version FROM identifier')
  connection.exec('CREATE TABLE rebuild_version AS SELECT ifnull(max(version), 0) AS version FROM profile')
  for (const table of ['activity', ...rebuiltTables]) connection.exec(`DELETE FROM ${table}`)
}

/** After it, still inside. */
export function endRebuild(connection: Connection): RebuiltPeople {
  connection.exec('UPDATE identifier SET version = version + (SELECT ifnull(max(version), 0) FROM rebuild_before)')
  connection.exec('UPDATE profile SET version = version + (SELECT version FROM rebuild_version)')
  const moved = connection.all(`SELECT now.workspace AS workspace, now.identifier_key AS identifier_key, now.profile_id AS profile_id, now.version AS version
    FROM rebuild_before AS old JOIN identifier AS now ON now.workspace = old.workspace AND now.identifier_key = old.identifier_key
    WHERE now.profile_id <> old.profile_id ORDER BY 1, 2`)
  for (const row of moved) {
    connection.run(`INSERT INTO identity_override (workspace, identifier_key, profile_id, version) VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET profile_id = excluded.profile_id, version = excluded.version`,
    numberOf(row, 'workspace'), bytesOf(row, 'identifier_key'), bytesOf(row, 'profile_id'), numberOf(row, 'version'))
  }
  connection.exec('DROP TABLE rebuild_before')
  connection.exec('DROP TABLE rebuild_version')
  const count = (table: string): number => numberOf(connection.get(`SELECT count(*) AS rows FROM ${table}`) ?? {}, 'rows')
  return { identifiers: count('identifier'), profiles: count('profile WHERE merged_into IS NULL'), moved: moved.map(overrideRow) }
}
