import { uuidText } from '../../platform/uuid.ts'
import type { ResolveRow, SettingsRow } from '../../ports/workspace-settings.ts'
import { bytesOf, numberOf, type Row, textOf } from './row.ts'

export function settingsRow(row: Row): SettingsRow {
  return {
    workspace: numberOf(row, 'workspace'), version: numberOf(row, 'version'), document: textOf(row, 'document'),
    messageId: textOf(row, 'message_id'), since: numberOf(row, 'since'),
  }
}

/** Begun and at no key yet is a key of no bytes. */
export function resolveRow(row: Row): ResolveRow {
  const after = row['after_key'] === null ? null : bytesOf(row, 'after_key')
  return {
    workspace: numberOf(row, 'workspace'), partition: numberOf(row, 'partition'), version: numberOf(row, 'version'),
    after: after === null ? null : after.length === 0 ? '' : uuidText(after),
  }
}
