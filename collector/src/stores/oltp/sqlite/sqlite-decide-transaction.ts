import { uuidBytes } from '../../../platform/uuid.ts'
import type { Component, EdgeEnds, EdgeRow, IdentifierRow, ProfileRow } from '../../../ports/identity.ts'
import type { Suppression } from '../../../ports/erasure-store.ts'
import type { BatchRow, DecideChanges, DecideTransaction, EventRef, PartitionRow, PeopleChanges } from '../../../ports/oltp.ts'
import { seenEdgeRow, seenEdges } from './activity.ts'
import { applyChanges, applyPeople, type PeopleTarget } from './apply-changes.ts'
import { GivenEdges } from './given-edges.ts'
import type { ResolveProgress, ResolveRow, SettingsRow } from '../../../ports/workspace-settings.ts'
import type { Connection } from './connection.ts'
import { textOf } from '../row.ts'
import { suppressionsOf } from './sqlite-erasure-store.ts'
import type { EventPeriods } from './event-periods.ts'
import { identifierRow, profileRow, vetoRow } from '../identity-rows.ts'
import { newestOf, openResolve, putResolves } from './workspace-settings.ts'

/** The open transaction of one batch. A loop over a prepared statement is SQLite's cheapest batch read: there is no round trip to save. Keys are read in their order: neighbours share the pages on the way to them. */
export class SqliteDecideTransaction implements DecideTransaction {
  readonly partition: PartitionRow
  readonly #connection: Connection
  readonly #periods: EventPeriods
  readonly #given = new GivenEdges()

  constructor(connection: Connection, periods: EventPeriods, partition: PartitionRow) {
    this.#connection = connection
    this.#periods = periods
    this.partition = partition
  }

  async claimed(refs: readonly EventRef[]): Promise<readonly boolean[]> {
    return this.#periods.claimed(refs)
  }

  async suppresses(workspace: number): Promise<boolean> {
    return this.#connection.get('SELECT 1 FROM suppression WHERE workspace = ? LIMIT 1', workspace) !== undefined
  }

  async suppressions(workspace: number, identifierKeys: readonly string[]): Promise<ReadonlyMap<string, Suppression>> {
    return suppressionsOf(this.#connection, workspace, identifierKeys)
  }

  async registers(workspace: number, identifierKeys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const statement = this.#connection.statement('SELECT registers FROM identifier_register WHERE workspace = ? AND identifier_key = ?')
    const found = new Map<string, string>()
    for (const key of identifierKeys) {
      const row = statement.get(workspace, uuidBytes(key))
      if (row !== undefined) found.set(key, textOf(row, 'registers'))
    }
    return found
  }

  async newestSettings(workspaces: readonly number[]): Promise<readonly SettingsRow[]> {
    return newestOf(this.#connection, workspaces)
  }

  async openResolve(): Promise<ResolveRow | null> {
    return openResolve(this.#connection, this.partition.partition)
  }

  /** Whoever writes is alone. */
  async waitForOthers(): Promise<void> {}

  async identifiersAfter(workspace: number, after: string | null, limit: number): Promise<readonly IdentifierRow[]> {
    return this.#connection.all('SELECT * FROM identifier WHERE workspace = ? AND identifier_key > ? ORDER BY identifier_key LIMIT ?',
      workspace, uuidBytes(after ?? ''), limit).map(identifierRow)
  }

  async moveResolve(progress: ResolveProgress): Promise<void> {
    putResolves(this.#connection, [progress])
  }

  async identifiers(workspace: number, keys: readonly string[]): Promise<readonly IdentifierRow[]> {
    return identifiersOf(this.#connection, workspace, keys)
  }

  async edges(workspace: number, ends: readonly EdgeEnds[]): Promise<readonly EdgeRow[]> {
    const statement = this.#connection.statement(`${seenEdges} WHERE edge.workspace = ? AND edge.a = ? AND edge.b = ?`)
    return ends.toSorted((x, y) => (x.a < y.a ? -1 : x.a > y.a ? 1 : 0)).flatMap(({ a, b }) => {
      const row = statement.get(workspace, uuidBytes(a), uuidBytes(b))
      if (row === undefined) return []
      const edge = seenEdgeRow(row)
      this.#given.add(edge)
      return [edge]
    })
  }

  async components(workspace: number, labels: readonly string[]): Promise<Component> {
    const members = this.#connection.statement('SELECT * FROM identifier WHERE workspace = ? AND component = ?')
    const identifiers = labels.flatMap((label) => members.all(workspace, uuidBytes(label)).map(identifierRow))
    const edges = this.#connection.statement(`${seenEdges} WHERE edge.workspace = ? AND edge.a = ? AND edge.state <> 'inert'`)
    const vetoes = this.#connection.statement('SELECT * FROM identity_veto WHERE workspace = ? AND a = ?')
    const keys = identifiers.map((identifier) => uuidBytes(identifier.key))
    return {
      identifiers,
      liveEdges: keys.flatMap((key) => edges.all(workspace, key).map(seenEdgeRow)),
      vetoes: keys.flatMap((key) => vetoes.all(workspace, key).map(vetoRow)),
    }
  }

  async edgesOf(workspace: number, keys: readonly string[]): Promise<readonly EdgeRow[]> {
    const found = new Map<string, EdgeRow>()
    for (const end of ['a', 'b']) {
      const statement = this.#connection.statement(`${seenEdges} WHERE edge.workspace = ? AND edge.${end} = ?`)
      for (const row of keys.flatMap((key) => statement.all(workspace, uuidBytes(key)))) {
        const edge = seenEdgeRow(row)
        found.set(edge.a + edge.b, edge)
      }
    }
    return [...found.values()]
  }

  async profiles(workspace: number, ids: readonly string[]): Promise<readonly ProfileRow[]> {
    const own = this.#connection.statement('SELECT * FROM profile WHERE workspace = ? AND profile_id = ?')
    const redirects = this.#connection.statement('SELECT * FROM profile WHERE workspace = ? AND merged_into = ?')
    return ids.flatMap((id) => {
      const key = uuidBytes(id)
      return [...own.all(workspace, key), ...redirects.all(workspace, key)].map(profileRow)
    })
  }

  async apply(changes: DecideChanges): Promise<void> {
    applyChanges(this.#target, this.#periods, changes)
  }

  /** The part of {@link apply} that is about people, for as many batches as a rebuild has. */
  async replay(changes: PeopleChanges, from: Pick<BatchRow, 'partition' | 'batch'>): Promise<void> {
    applyPeople(this.#target, changes, from)
  }

  get #target(): PeopleTarget {
    return { connection: this.#connection, given: this.#given }
  }
}

export function identifiersOf(connection: Connection, workspace: number, keys: readonly string[]): readonly IdentifierRow[] {
  const statement = connection.statement('SELECT * FROM identifier WHERE workspace = ? AND identifier_key = ?')
  return keys.toSorted().flatMap((key) => {
    const row = statement.get(workspace, uuidBytes(key))
    return row === undefined ? [] : [identifierRow(row)]
  })
}
