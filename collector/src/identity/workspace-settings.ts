import { MillraceError } from '../platform/errors.ts'
import type { StatusReader } from '../ports/oltp.ts'
import type { SettingsControl } from '../ports/record.ts'
import type { ResolveRow, SettingsReader, SettingsRow } from '../ports/workspace-settings.ts'
import { untilDecided } from '../query/named-identifier.ts'
import { isoTime } from '../query/profile-card.ts'
import type { IdentitySettings } from './identity-settings.ts'
import { defaultDocument, parseDocument, type SettingsDocument } from './settings-document.ts'

/** One version as it is shown; 0 is what the installation says where the workspace has set nothing. */
export interface SettingsVersion extends SettingsDocument {
  readonly version: number
  readonly since: string | null
}

export interface SettingsAnswer {
  readonly settings: SettingsVersion
  /** While people are being solved again: by which version, and about which part of them is done, 0 to 1. */
  readonly resolving: { readonly version: number; readonly done: number } | null
  /** What the change does not do by itself. */
  readonly note?: string
}

export interface SettingsDependencies {
  readonly reader: SettingsReader & Pick<StatusReader, 'claimOf'>
  /** Of a workspace that has set nothing. */
  readonly defaults: IdentitySettings
  /** Resolves once the control is durable in the log. */
  readonly writeControl: (workspace: number, control: SettingsControl) => Promise<void>
  readonly newId: () => string
  /** Waits for that many milliseconds. */
  readonly pause: (ms: number) => Promise<void>
  /** Called with the version that a change made: this process reads identifiers by it at once, others within seconds. */
  readonly changed: (row: SettingsRow) => void
}

export interface SettingsRequest {
  readonly workspace: number
  /** Version, if it says one, and document. */
  readonly body: unknown
  /** The version that the change was made from, as a header said it; null where none did. */
  readonly ifVersion: number | null
}

/** Versions looked through for the one that a request made. */
const recentVersions = 100

export async function showSettings(workspace: number, { reader, defaults }: Pick<SettingsDependencies, 'reader' | 'defaults'>): Promise<SettingsAnswer> {
  // The walk first: it begins with a version that is there then, so an answer never shows new settings as followed that are not.
  const walk = await reader.resolve(workspace)
  return { settings: shown(await reader.settings(workspace, null), defaults), resolving: resolvingOf(walk) }
}

/** Versions newest first, and the number to ask on with. */
export async function listSettings(
  { workspace, before, limit }: { readonly workspace: number; readonly before: number | null; readonly limit: number },
  { reader, defaults }: Pick<SettingsDependencies, 'reader' | 'defaults'>,
): Promise<{ readonly versions: readonly SettingsVersion[]; readonly next: number | null }> {
  const rows = await reader.settingsVersions(workspace, before, limit)
  const last = rows.at(-1)?.version ?? 0
  return { versions: rows.map((row) => shown(row, defaults)), next: rows.length === limit && last > 1 ? last : null }
}

export async function settingsVersion(workspace: number, version: number, { reader, defaults }: Pick<SettingsDependencies, 'reader' | 'defaults'>): Promise<SettingsVersion> {
  const row = version === 0 ? null : await reader.settings(workspace, version)
  if (row === null && version !== 0) throw new MillraceError('not_found', `there is no version ${version} of the settings`)
  return shown(row, defaults)
}

/**
 * Makes the next version of a workspace's settings: what the body leaves out is as by default. It goes through the log like an event,
 * so that a replay knows it too; this answers when it is decided. From then on events are decided by it, and the people
 * that are there already are solved again in the background. A body that says what is so already makes no version.
 *
 * Fails with `bad_request` naming the field, `version_conflict` where the settings are not any more those that the change was made
 * from, `unavailable` (retryable) if it is in the log but not decided within 15 seconds.
 */
export async function putSettings({ workspace, body, ifVersion }: SettingsRequest, dependencies: SettingsDependencies): Promise<SettingsAnswer> {
  const { reader, defaults, newId, writeControl } = dependencies
  const { document, from } = requested(body, ifVersion, defaults)
  const before = shown(await reader.settings(workspace, null), defaults)
  if (from !== null && from !== before.version) throw conflict(from, before.version)
  if (JSON.stringify(before.identity) === JSON.stringify(document.identity)) return showSettings(workspace, dependencies)
  const messageId = newId()
  await writeControl(workspace, { messageId, control: 'settings', basedOn: before.version, document: { ...document } })
  await untilDecided(workspace, messageId, dependencies)
  const made = (await reader.settingsVersions(workspace, null, recentVersions)).find((row) => row.messageId === messageId)
  if (made === undefined) throw conflict(before.version, (await reader.settings(workspace, null))?.version ?? 0)
  dependencies.changed(made)
  const answer = await showSettings(workspace, dependencies)
  const later = [
    ...before.identity.region === document.identity.region ? [] : ['region holds for phone numbers'],
    ...document.identity.foldEmailAliases && !before.identity.foldEmailAliases ? ['foldEmailAliases holds for addresses'] : [],
  ]
  return later.length === 0 ? answer : { ...answer, note: `${later.join(', ')} of events from now on, and for those of earlier events after \`millrace rebuild profiles\`` }
}

function requested(body: unknown, ifVersion: number | null, defaults: IdentitySettings): { readonly document: SettingsDocument; readonly from: number | null } {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new MillraceError('bad_request', 'the settings must be an object such as {"identity":{"limits":{"phone":3}}}')
  // As it was shown, `since` may come along.
  const { version = null, since: _, ...document }: Readonly<Record<string, unknown>> = { ...body }
  if (version !== null && !(typeof version === 'number' && Number.isInteger(version) && version >= 0)) {
    throw new MillraceError('bad_request', 'version must be the number of the version that the change was made from')
  }
  if (version !== null && ifVersion !== null && version !== ifVersion) throw new MillraceError('bad_request', 'version and If-Match name two versions')
  return { document: parseDocument(document, defaultDocument(defaults)), from: version ?? ifVersion }
}

function conflict(from: number, now: number): MillraceError {
  return new MillraceError('version_conflict', `the change was made from version ${from}, but the settings are at version ${now}; read them and change those`)
}

function shown(row: SettingsRow | null, defaults: IdentitySettings): SettingsVersion {
  if (row === null) return { version: 0, since: null, ...defaultDocument(defaults) }
  return { version: row.version, since: isoTime(row.since), ...parseDocument(JSON.parse(row.document), defaultDocument()) }
}

/** Keys are hashes, so they are as far apart everywhere. */
function resolvingOf(walk: ResolveRow | null): SettingsAnswer['resolving'] {
  if (walk === null) return null
  const part = walk.after === null || walk.after === '' ? 0 : Number.parseInt(walk.after.slice(0, 8), 16) / 2 ** 32
  return { version: walk.version, done: Math.floor(part * 1_000) / 1_000 }
}
