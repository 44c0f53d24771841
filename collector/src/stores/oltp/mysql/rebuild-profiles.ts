import { bytesOf, numberOf } from '../row.ts'
import type { PeopleChanges, RebuildTransaction, RebuiltPeople } from '../../../ports/oltp.ts'
import { overrideRow } from '../identity-rows.ts'
import { rebuiltTables } from '../rebuilt-tables.ts'
import type { MysqlDecideTransaction } from './mysql-decide-transaction.ts'
import type { Session } from './session.ts'
import { allSettings } from './workspace-settings.ts'

/** What a rebuild reads is what it wrote itself. */
export function rebuildTransaction(session: Session, reader: MysqlDecideTransaction): RebuildTransaction {
  return {
    identifiers: (workspace, keys) => reader.identifiers(workspace, keys),
    edges: (workspace, ends) => reader.edges(workspace, ends),
    components: (workspace, labels) => reader.components(workspace, labels),
    edgesOf: (workspace, keys) => reader.edgesOf(workspace, keys),
    profiles: (workspace, ids) => reader.profiles(workspace, ids),
    registers: (workspace, keys) => reader.registers(workspace, keys),
    allSettings: () => allSettings(session),
    replay: (changes, from) => reader.applyPeople(withoutPast(changes), from),
  }
}

function withoutPast(changes: PeopleChanges): PeopleChanges {
  return { ...changes, identity: { ...changes.identity, merges: [], overrides: [], pointings: [] } }
}

/** Before the work, inside of the transaction that holds every partition; temporary tables do not end it. */
export async function beginRebuild(session: Session): Promise<void> {
  await session.run('DROP TEMPORARY TABLE IF EXISTS rebuild_before, rebuild_version')
  await session.run('CREATE TEMPORARY TABLE rebuild_before (PRIMARY KEY (workspace, identifier_key)) AS SELECT workspace, identifier_key, profile_id, version FROM identifier')
  await session.run('CREATE TEMPORARY TABLE rebuild_version AS SELECT IFNULL(MAX(version), 0) AS version FROM profile')
  for (const table of ['timeline', 'identifier_metric', ...rebuiltTables]) await session.run(`DELETE FROM ${table}`)
}

/** After it, still inside. */
export async function endRebuild(session: Session): Promise<RebuiltPeople> {
  const version = async (table: string): Promise<number> => numberOf(await session.get(`SELECT IFNULL(MAX(version), 0) AS version FROM ${table}`) ?? {}, 'version')
  await session.run('UPDATE identifier SET version = version + ?', await version('rebuild_before'))
  await session.run('UPDATE profile SET version = version + ?', await version('rebuild_version'))
  const moved = await session.all(`SELECT now.workspace AS workspace, now.identifier_key AS identifier_key, now.profile_id AS profile_id, now.version AS version
    FROM rebuild_before AS old JOIN identifier AS now ON now.workspace = old.workspace AND now.identifier_key = old.identifier_key
    WHERE now.profile_id <> old.profile_id ORDER BY 1, 2`)
  await session.insert(`INSERT INTO identity_override (workspace, identifier_key, profile_id, version) VALUES ?
    ON DUPLICATE KEY UPDATE profile_id = VALUES(profile_id), version = VALUES(version)`,
  moved.map((row) => [numberOf(row, 'workspace'), bytesOf(row, 'identifier_key'), bytesOf(row, 'profile_id'), numberOf(row, 'version')]))
  await session.run('DROP TEMPORARY TABLE rebuild_before, rebuild_version')
  const count = async (table: string): Promise<number> => numberOf(await session.get(`SELECT COUNT(*) AS found FROM ${table}`) ?? {}, 'found')
  return { identifiers: await count('identifier'), profiles: await count('profile WHERE merged_into IS NULL'), moved: moved.map(overrideRow) }
}
