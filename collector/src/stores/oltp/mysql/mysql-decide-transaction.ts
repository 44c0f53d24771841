import { MillraceError } from '../../../platform/errors.ts'
import { messageKey, uuidBytes, uuidText } from '../../../platform/uuid.ts'
import type { Component, EdgeEnds, EdgeRow, IdentifierRow, ProfileRow } from '../../../ports/identity.ts'
import type { Suppression } from '../../../ports/erasure-store.ts'
import type { BatchRow, DecideChanges, DecideTransaction, EventRef, PartitionRow, PeopleChanges } from '../../../ports/oltp.ts'
import type { ResolveProgress, ResolveRow, SettingsRow } from '../../../ports/workspace-settings.ts'
import { edgeRow, identifierRow, profileRow, vetoRow } from '../identity-rows.ts'
import { bytesOf, textOf } from '../row.ts'
import { applyChanges, applyPeople } from './apply-changes.ts'
import { suppressionsOf } from './mysql-erasure-store.ts'
import type { Session } from './session.ts'
import { newestOf, openResolve, putResolves } from './workspace-settings.ts'

/** A component that grows under our feet this often is left to whoever makes it grow. */
const readsMax = 10
/** Pairs of one statement; each is a range of the key. */
const pairsMax = 300

/**
 * The open transaction of one batch, READ COMMITTED. Other partitions decide at the same time, so what is read here to be
 * written again is read under its row lock: identifiers in key order, then profiles, then the rest of those components that
 * are solved again. A profile that is only added to is all of it that is locked. Edges, registers and metrics belong to
 * identifiers and change only under the lock of one, which is why they need none of their own. An identifier that was absent and is there when it is inserted was taken by
 * another partition meanwhile: the whole transaction is then repeated from fresh reads.
 */
export class MysqlDecideTransaction implements DecideTransaction {
  readonly partition: PartitionRow
  readonly #session: Session
  /** What was read: true where it was there. */
  readonly #read = new Map<string, boolean>()

  constructor(session: Session, partition: PartitionRow) {
    this.#session = session
    this.partition = partition
  }

  async claimed(refs: readonly EventRef[]): Promise<readonly boolean[]> {
    const found = new Set<string>()
    for (const [workspace, group] of Map.groupBy(refs, (ref) => ref.workspace)) {
      const keys = group.map((ref) => messageKey(ref.messageId)).toSorted(Buffer.compare)
      const rows = await this.#session.allOf(keys, 'SELECT message_key FROM event_key WHERE workspace = ? AND message_key IN (?)', workspace)
      for (const row of rows) found.add(`${workspace}/${bytesOf(row, 'message_key').toString('latin1')}`)
    }
    return refs.map((ref) => found.has(`${ref.workspace}/${messageKey(ref.messageId).toString('latin1')}`))
  }

  async suppresses(workspace: number): Promise<boolean> {
    return (await this.#session.get('SELECT 1 AS found FROM suppression WHERE workspace = ? LIMIT 1', workspace)) !== undefined
  }

  suppressions(workspace: number, identifierKeys: readonly string[]): Promise<ReadonlyMap<string, Suppression>> {
    return suppressionsOf(this.#session, workspace, identifierKeys)
  }

  async registers(workspace: number, identifierKeys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const rows = await this.#session.allOf(sortedKeys(identifierKeys),
      'SELECT identifier_key, registers FROM identifier_register WHERE workspace = ? AND identifier_key IN (?)', workspace)
    return new Map(rows.map((row) => [uuidText(bytesOf(row, 'identifier_key')), textOf(row, 'registers')]))
  }

  newestSettings(workspaces: readonly number[]): Promise<readonly SettingsRow[]> {
    return newestOf(this.#session, workspaces)
  }

  openResolve(): Promise<ResolveRow | null> {
    return openResolve(this.#session, this.partition.partition)
  }

  /** Every decision holds the lock of its partition from beginning to end: who has them all waited for all. */
  async waitForOthers(): Promise<void> {
    await this.#session.all('SELECT `partition` FROM `partition` ORDER BY `partition` FOR UPDATE')
  }

  async identifiersAfter(workspace: number, after: string | null, limit: number): Promise<readonly IdentifierRow[]> {
    const rows = await this.#session.all('SELECT * FROM identifier WHERE workspace = ? AND identifier_key > ? ORDER BY identifier_key LIMIT ? FOR UPDATE',
      workspace, uuidBytes(after ?? ''), limit)
    return this.#knowing(workspace, rows.map(identifierRow))
  }

  moveResolve(progress: ResolveProgress): Promise<void> {
    return putResolves(this.#session, [progress])
  }

  async identifiers(workspace: number, keys: readonly string[]): Promise<readonly IdentifierRow[]> {
    const rows = await this.#session.allOf(sortedKeys(keys),
      'SELECT * FROM identifier WHERE workspace = ? AND identifier_key IN (?) ORDER BY identifier_key FOR UPDATE', workspace)
    for (const key of keys) this.#read.set(`${workspace}/${key}`, false)
    const found = rows.map(identifierRow)
    for (const { key } of found) this.#read.set(`${workspace}/${key}`, true)
    return found
  }

  async edges(workspace: number, ends: readonly EdgeEnds[]): Promise<readonly EdgeRow[]> {
    const sorted = ends.toSorted((one, other) => (one.a + one.b < other.a + other.b ? -1 : 1))
    const edges: EdgeRow[] = []
    for (let from = 0; from < sorted.length; from += pairsMax) {
      const pairs = sorted.slice(from, from + pairsMax)
      const rows = await this.#session.all(
        `SELECT * FROM identity_edge WHERE workspace = ? AND (${pairs.map(() => '(a = ? AND b = ?)').join(' OR ')})`,
        workspace, ...pairs.flatMap(({ a, b }) => [uuidBytes(a), uuidBytes(b)]))
      for (const row of rows) edges.push(edgeRow(row))
    }
    return edges
  }

  async components(workspace: number, labels: readonly string[]): Promise<Component> {
    const identifiers = await this.#membersOf(workspace, sortedKeys(labels))
    const keys = identifiers.map((identifier) => uuidBytes(identifier.key))
    const edges = await this.#session.allOf(keys, `SELECT * FROM identity_edge WHERE workspace = ? AND state <> 'inert' AND a IN (?)`, workspace)
    const vetoes = await this.#session.allOf(keys, 'SELECT * FROM identity_veto WHERE workspace = ? AND a IN (?)', workspace)
    return { identifiers, liveEdges: edges.map(edgeRow), vetoes: vetoes.map(vetoRow) }
  }

  async edgesOf(workspace: number, keys: readonly string[]): Promise<readonly EdgeRow[]> {
    const found = new Map<string, EdgeRow>()
    for (const end of ['a', 'b']) {
      const rows = await this.#session.allOf(sortedKeys(keys), `SELECT * FROM identity_edge WHERE workspace = ? AND ${end} IN (?)`, workspace)
      for (const edge of rows.map(edgeRow)) found.set(edge.a + edge.b, edge)
    }
    return [...found.values()]
  }

  async profiles(workspace: number, ids: readonly string[]): Promise<readonly ProfileRow[]> {
    const keys = sortedKeys(ids)
    const own = await this.#session.allOf(keys, 'SELECT * FROM profile WHERE workspace = ? AND profile_id IN (?) ORDER BY profile_id FOR UPDATE', workspace)
    const redirects = await this.#session.allOf(keys, 'SELECT * FROM profile WHERE workspace = ? AND merged_into IN (?)', workspace)
    return [...own, ...redirects].map(profileRow)
  }

  apply(changes: DecideChanges): Promise<void> {
    return applyChanges(this.#session, changes, (row) => this.#read.get(`${row.workspace}/${row.key}`) === true)
  }

  /** May come again and again in one transaction: what it wrote is there for the next. */
  async applyPeople(changes: PeopleChanges, from: Pick<BatchRow, 'partition' | 'batch'>): Promise<void> {
    await applyPeople(this.#session, changes, { from, isKnown: (row) => this.#read.get(`${row.workspace}/${row.key}`) === true })
    for (const row of changes.identity.identifiers) this.#read.set(`${row.workspace}/${row.key}`, true)
  }

  /**
   * All members, locked. While this waits for one of them its holder may add a member that the scan has passed already,
   * so it is repeated until it finds the same twice; nobody can add one later without the lock of a member.
   */
  async #membersOf(workspace: number, labels: readonly Buffer[]): Promise<readonly IdentifierRow[]> {
    let before = ''
    for (let read = 0; read < readsMax; read += 1) {
      const rows = (await this.#session.allOf(labels,
        'SELECT * FROM identifier WHERE workspace = ? AND component IN (?) ORDER BY component, identifier_key FOR UPDATE', workspace)).map(identifierRow)
      const keys = rows.map((row) => row.key).join()
      if (keys === before) return this.#knowing(workspace, rows)
      before = keys
    }
    throw new MillraceError('unavailable', 'other partitions keep adding to the same people', { retryable: true })
  }

  /** One that was absent and is there now came while this transaction waited for a lock: what it was absent from is stale. */
  #knowing(workspace: number, rows: readonly IdentifierRow[]): readonly IdentifierRow[] {
    for (const { key } of rows) {
      const id = `${workspace}/${key}`
      if (this.#read.get(id) === false) throw new MillraceError('unavailable', 'another partition was first with an identifier', { retryable: true })
      this.#read.set(id, true)
    }
    return rows
  }
}

function sortedKeys(keys: readonly string[]): readonly Buffer[] {
  return keys.toSorted().map(uuidBytes)
}
