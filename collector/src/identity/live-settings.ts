import { LRUCache } from 'lru-cache'
import type { SettingsReader, SettingsRow } from '../ports/workspace-settings.ts'
import type { IdentitySettings, SettingsOf } from './identity-settings.ts'
import { compileDocument, defaultDocument, parseDocument } from './settings-document.ts'

/** Settings made ready to ask, of each workspace those seen last; the same object until its version changes. */
export class LiveSettings {
  readonly #defaults: IdentitySettings
  readonly #known = new Map<number, IdentitySettings>()

  /** `defaults`: of a workspace that has set nothing. */
  constructor(defaults: IdentitySettings) {
    this.#defaults = defaults
  }

  readonly of = (workspace: number): IdentitySettings => this.#known.get(workspace) ?? this.#defaults

  learn(rows: readonly SettingsRow[]): void {
    for (const row of rows) if (this.of(row.workspace).version < row.version) this.#known.set(row.workspace, readSettings(row))
  }

  /** Asks for the newest version of one workspace, or of all. */
  async refresh(reader: Pick<SettingsReader, 'settings' | 'newestSettings'>, workspace: number | null = null): Promise<this> {
    if (workspace === null) this.learn(await reader.newestSettings())
    else this.learn([await reader.settings(workspace, null)].flatMap((row) => row ?? []))
    return this
  }
}

// Rows are read afresh wherever a decision hangs on them; what they say is made ready once.
const compiled = new LRUCache<string, IdentitySettings>({ max: 1_000 })

/** A stored version has every field; what a later version of the program added is as by default. */
export function readSettings({ document, version }: Pick<SettingsRow, 'document' | 'version'>): IdentitySettings {
  const key = `${version}/${document}`
  const known = compiled.get(key)
  if (known !== undefined) return known
  const settings = compileDocument(parseDocument(JSON.parse(document), defaultDocument()), version)
  compiled.set(key, settings)
  return settings
}

/** The rules of each workspace that has a row; of all others the given ones. */
export function settingsOfRows(rows: readonly SettingsRow[], defaults: IdentitySettings): SettingsOf {
  if (rows.length === 0) return () => defaults
  const own = new Map(rows.map((row) => [row.workspace, readSettings(row)]))
  return (workspace) => own.get(workspace) ?? defaults
}
