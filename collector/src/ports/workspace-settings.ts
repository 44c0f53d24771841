import type { IdentifierRow } from './identity.ts'

/**
 * What a workspace sets for itself. Settings are decided in the log like events, each change as a version of its own; people
 * are a function of events and settings, so a change that touches who is who is followed by a walk over all identifiers.
 */

/** One version of a workspace's settings; none is ever changed. */
export interface SettingsRow {
  readonly workspace: number
  /** From 1 without a gap. */
  readonly version: number
  /** JSON text, every field filled in. */
  readonly document: string
  /** Of the decision. */
  readonly messageId: string
  /** receivedAt of the decision, epoch milliseconds. */
  readonly since: number
}

/** A walk over the identifiers of a workspace, in order of their keys, that solves again what new settings may change. */
export interface ResolveRow {
  readonly workspace: number
  /** The partition whose owner walks: the one that decided the settings. */
  readonly partition: number
  /** The version that is the reason. */
  readonly version: number
  /** The last identifier key that is done; null before the walk begins, which has to wait for decisions that are under way. */
  readonly after: string | null
}

export interface ResolveProgress extends ResolveRow {
  /** Nothing is left: the row goes. */
  readonly done: boolean
}

export interface SettingsReader {
  /** The newest version of every workspace that has one. */
  newestSettings(): Promise<readonly SettingsRow[]>
  /** One version, the newest if it is null; null if there is none. */
  settings(workspace: number, version: number | null): Promise<SettingsRow | null>
  /** Newest first, those before a version (null: all). */
  settingsVersions(workspace: number, before: number | null, limit: number): Promise<readonly SettingsRow[]>
  /** The walk that goes on; null where none does. */
  resolve(workspace: number): Promise<ResolveRow | null>
}

/** What deciding asks of settings, within its transaction. */
export interface SettingsTransaction {
  /** The newest version of each of the workspaces that has one. */
  newestSettings(workspaces: readonly number[]): Promise<readonly SettingsRow[]>
  /** A walk of the partition that is not at its end; null where there is none. */
  openResolve(): Promise<ResolveRow | null>
  /** Waits until every decision that is under way in any partition is over, and lets none begin before this transaction ends. */
  waitForOthers(): Promise<void>
  /** Identifiers behind a key (null: from the first on) in order of their keys, at most `limit`. */
  identifiersAfter(workspace: number, after: string | null, limit: number): Promise<readonly IdentifierRow[]>
  /** A step of a walk that changed nobody: no batch. */
  moveResolve(progress: ResolveProgress): Promise<void>
}

export interface SettingsHistory {
  /** Every version of every workspace, in order. */
  allSettings(): Promise<readonly SettingsRow[]>
}

export interface SettingsStore {
  /** Puts versions of settings that the store does not have as the archive has them. */
  restoreSettings(rows: readonly SettingsRow[]): Promise<void>
}
