import type { IdentitySettings } from '../identity/identity-settings.ts'
import { defaultDocument, parseDocument, type SettingsDocument, solvesDifferently } from '../identity/settings-document.ts'
import type { SettingsControl } from '../ports/record.ts'
import type { ResolveProgress, SettingsRow } from '../ports/workspace-settings.ts'

/** An operator's wish for other settings, as it stands in the log. */
export interface SettingsWish {
  readonly workspace: number
  /** Epoch milliseconds. */
  readonly receivedAt: number
  readonly control: SettingsControl
}

/** The versions that wishes make, in order; one that was made from a version that is not the newest any more makes none. */
export function versionsOf(wishes: readonly SettingsWish[], newest: readonly SettingsRow[]): readonly SettingsRow[] {
  const versions = new Map(newest.map(({ workspace, version }) => [workspace, version]))
  const made: SettingsRow[] = []
  for (const { workspace, receivedAt, control: { messageId, basedOn, document } } of wishes) {
    const version = versions.get(workspace) ?? 0
    if (basedOn !== version) continue
    versions.set(workspace, version + 1)
    made.push({ workspace, version: version + 1, document: JSON.stringify(document), messageId, since: receivedAt })
  }
  return made
}

/** The walks that new versions make necessary; the partition that decides them walks. */
export function walksOf(
  made: readonly SettingsRow[], newest: readonly SettingsRow[], { partition, defaults }: { readonly partition: number; readonly defaults: IdentitySettings },
): readonly ResolveProgress[] {
  const before = new Map(newest.map((row) => [row.workspace, documentOf(row)]))
  const walks = new Map<number, ResolveProgress>()
  for (const row of made) {
    const document = documentOf(row)
    if (solvesDifferently(before.get(row.workspace) ?? defaultDocument(defaults), document)) {
      walks.set(row.workspace, { workspace: row.workspace, partition, version: row.version, after: null, done: false })
    }
    before.set(row.workspace, document)
  }
  return [...walks.values()]
}

function documentOf({ document }: SettingsRow): SettingsDocument {
  return parseDocument(JSON.parse(document), defaultDocument())
}
