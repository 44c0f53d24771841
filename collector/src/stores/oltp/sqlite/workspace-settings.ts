import { uuidBytes } from '../../../platform/uuid.ts'
import type { ResolveProgress, ResolveRow, SettingsRow } from '../../../ports/workspace-settings.ts'
import { resolveRow, settingsRow } from '../settings-rows.ts'
import type { Connection } from './connection.ts'

export function newestSettings(connection: Connection): readonly SettingsRow[] {
  return connection.all(`SELECT * FROM workspace_settings AS newest WHERE version =
    (SELECT max(version) FROM workspace_settings WHERE workspace = newest.workspace) ORDER BY workspace`).map(settingsRow)
}

export function newestOf(connection: Connection, workspaces: readonly number[]): readonly SettingsRow[] {
  return workspaces.flatMap((workspace) => settingsOf(connection, workspace, null) ?? [])
}

export function settingsOf(connection: Connection, workspace: number, version: number | null): SettingsRow | null {
  const row = version === null
    ? connection.get('SELECT * FROM workspace_settings WHERE workspace = ? ORDER BY version DESC LIMIT 1', workspace)
    : connection.get('SELECT * FROM workspace_settings WHERE workspace = ? AND version = ?', workspace, version)
  return row === undefined ? null : settingsRow(row)
}

export function settingsVersions(
  connection: Connection, { workspace, before, limit }: { readonly workspace: number; readonly before: number | null; readonly limit: number },
): readonly SettingsRow[] {
  return connection.all('SELECT * FROM workspace_settings WHERE workspace = ? AND version < ? ORDER BY version DESC LIMIT ?',
    workspace, before ?? Number.MAX_SAFE_INTEGER, limit).map(settingsRow)
}

export function allSettings(connection: Connection): readonly SettingsRow[] {
  return connection.all('SELECT * FROM workspace_settings ORDER BY workspace, version').map(settingsRow)
}

export function putSettings(connection: Connection, rows: readonly SettingsRow[]): void {
  for (const { workspace, version, document, messageId, since } of rows) {
    connection.run('INSERT INTO workspace_settings (workspace, version, document, message_id, since) VALUES (?, ?, ?, ?, ?)',
      workspace, version, document, messageId, since)
  }
}

/** In the place of all there are. */
export function restoreSettings(connection: Connection, rows: readonly SettingsRow[]): void {
  connection.exec('DELETE FROM workspace_settings')
  putSettings(connection, rows)
}

export function openResolve(connection: Connection, partition: number): ResolveRow | null {
  const row = connection.get('SELECT * FROM workspace_resolve WHERE partition = ? ORDER BY workspace LIMIT 1', partition)
  return row === undefined ? null : resolveRow(row)
}

export function resolveOf(connection: Connection, workspace: number): ResolveRow | null {
  const row = connection.get('SELECT * FROM workspace_resolve WHERE workspace = ?', workspace)
  return row === undefined ? null : resolveRow(row)
}

export function putResolves(connection: Connection, rows: readonly ResolveProgress[]): void {
  for (const { workspace, partition, version, after, done } of rows) {
    if (done) connection.run('DELETE FROM workspace_resolve WHERE workspace = ?', workspace)
    else connection.run(`INSERT INTO workspace_resolve (workspace, partition, version, after_key) VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET partition = excluded.partition, version = excluded.version, after_key = excluded.after_key`,
    workspace, partition, version, after === null ? null : uuidBytes(after))
  }
}
