import { uuidBytes } from '../../../platform/uuid.ts'
import type { ResolveProgress, ResolveRow, SettingsRow } from '../../../ports/workspace-settings.ts'
import { resolveRow, settingsRow } from '../settings-rows.ts'
import type { Session } from './session.ts'

const newest = `SELECT newest.* FROM workspace_settings AS newest WHERE newest.version =
  (SELECT MAX(version) FROM workspace_settings WHERE workspace = newest.workspace)`

export async function newestSettings(session: Session): Promise<readonly SettingsRow[]> {
  return (await session.all(`${newest} ORDER BY newest.workspace`)).map(settingsRow)
}

export async function newestOf(session: Session, workspaces: readonly number[]): Promise<readonly SettingsRow[]> {
  return (await session.allOf(workspaces, `${newest} AND newest.workspace IN (?) ORDER BY newest.workspace`)).map(settingsRow)
}

export async function settingsOf(session: Session, workspace: number, version: number | null): Promise<SettingsRow | null> {
  const row = version === null
    ? await session.get('SELECT * FROM workspace_settings WHERE workspace = ? ORDER BY version DESC LIMIT 1', workspace)
    : await session.get('SELECT * FROM workspace_settings WHERE workspace = ? AND version = ?', workspace, version)
  return row === undefined ? null : settingsRow(row)
}

export async function settingsVersions(
  session: Session, { workspace, before, limit }: { readonly workspace: number; readonly before: number | null; readonly limit: number },
): Promise<readonly SettingsRow[]> {
  return (await session.all('SELECT * FROM workspace_settings WHERE workspace = ? AND version < ? ORDER BY version DESC LIMIT ?',
    workspace, before ?? Number.MAX_SAFE_INTEGER, limit)).map(settingsRow)
}

export async function allSettings(session: Session): Promise<readonly SettingsRow[]> {
  return (await session.all('SELECT * FROM workspace_settings ORDER BY workspace, version')).map(settingsRow)
}

export function putSettings(session: Session, rows: readonly SettingsRow[]): Promise<void> {
  return session.insertNew('INSERT INTO workspace_settings (workspace, version, document, message_id, since) VALUES ?',
    rows.map(({ workspace, version, document, messageId, since }) => [workspace, version, document, messageId, since]))
}

/** In the place of all there are. */
export async function restoreSettings(session: Session, rows: readonly SettingsRow[]): Promise<void> {
  await session.run('DELETE FROM workspace_settings')
  await putSettings(session, rows)
}

export async function openResolve(session: Session, partition: number): Promise<ResolveRow | null> {
  const row = await session.get('SELECT * FROM workspace_resolve WHERE `partition` = ? ORDER BY workspace LIMIT 1', partition)
  return row === undefined ? null : resolveRow(row)
}

export async function resolveOf(session: Session, workspace: number): Promise<ResolveRow | null> {
  const row = await session.get('SELECT * FROM workspace_resolve WHERE workspace = ?', workspace)
  return row === undefined ? null : resolveRow(row)
}

export async function putResolves(session: Session, rows: readonly ResolveProgress[]): Promise<void> {
  for (const { workspace, partition, version, after, done } of rows) {
    if (done) await session.run('DELETE FROM workspace_resolve WHERE workspace = ?', workspace)
    else await session.run(`INSERT INTO workspace_resolve (workspace, \`partition\`, version, after_key) VALUES (?, ?, ?, ?)
      ON DUPLICATE KEY UPDATE \`partition\` = VALUES(\`partition\`), version = VALUES(version), after_key = VALUES(after_key)`,
    workspace, partition, version, after === null ? null : uuidBytes(after))
  }
}
