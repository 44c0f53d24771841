import { uuidBytes } from '../../../platform/uuid.ts'
import { type ConsentAddress, type ConsentHistoryQuery, type ConsentRow, strictnessOf } from '../../../ports/consent.ts'
import type { EdgeRow, IdentifierRow, MergeRow, ProfileRow, VetoRow } from '../../../ports/identity.ts'
import type { MetricTotal, ProfileReader, TimelineQuery, TimelineRow } from '../../../ports/profile-reader.ts'
import { consentRow, currentConsentQuery, currentConsentValues } from '../consent-rows.ts'
import { identifierRow, mergeRow, profileRow, vetoRow } from '../identity-rows.ts'
import { numberOf, textOf } from '../row.ts'
import { seenEdgeRow, seenEdges, totalsOf } from './activity.ts'
import type { Connection } from './connection.ts'
import { identifiersOf } from './sqlite-decide-transaction.ts'
import { readTimeline } from './timeline.ts'

/** Reads of people on a connection that somebody else holds: a reader's own, or a writer's inside its transaction. */
export class SqliteProfileReader implements ProfileReader {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  async together<T>(work: () => Promise<T>): Promise<T> {
    this.#connection.beginReading()
    try {
      return await work()
    } finally {
      this.#connection.endReading()
    }
  }

  async identifier(workspace: number, key: string): Promise<IdentifierRow | null> {
    const row = this.#connection.get('SELECT * FROM identifier WHERE workspace = ? AND identifier_key = ?', workspace, uuidBytes(key))
    return row === undefined ? null : identifierRow(row)
  }

  async identifiers(workspace: number, keys: readonly string[]): Promise<readonly IdentifierRow[]> {
    return identifiersOf(this.#connection, workspace, keys)
  }

  async profile(workspace: number, id: string): Promise<ProfileRow | null> {
    const row = this.#connection.get('SELECT * FROM profile WHERE workspace = ? AND profile_id = ?', workspace, uuidBytes(id))
    return row === undefined ? null : profileRow(row)
  }

  async identifiersOf(workspace: number, profileId: string, limit: number): Promise<readonly IdentifierRow[]> {
    return this.#connection.all('SELECT * FROM identifier WHERE workspace = ? AND profile_id = ? ORDER BY identifier_key LIMIT ?',
      workspace, uuidBytes(profileId), limit).map(identifierRow)
  }

  async registersOf(workspace: number, identifierKeys: readonly string[]): Promise<readonly string[]> {
    const statement = this.#connection.statement('SELECT registers FROM identifier_register WHERE workspace = ? AND identifier_key = ?')
    return identifierKeys.flatMap((key) => {
      const row = statement.get(workspace, uuidBytes(key))
      return row === undefined ? [] : [textOf(row, 'registers')]
    })
  }

  async consentsOf(workspace: number, addresses: readonly ConsentAddress[]): Promise<readonly ConsentRow[]> {
    const statement = this.#connection.statement(currentConsentQuery)
    return addresses.flatMap((address) => statement.all(...currentConsentValues(workspace, address)).map(consentRow))
  }

  async consentHistory({ workspace, identifierKey, channel, below, limit }: ConsentHistoryQuery): Promise<readonly ConsentRow[]> {
    const [past, values] = below === undefined ? ['', []]
      : ['AND (time, strictness, message_id) < (?, ?, ?)', [below.time, strictnessOf(below.status), below.messageId]]
    return this.#connection.all(`SELECT * FROM consent WHERE workspace = ? AND identifier_key = ? AND channel = ? ${past}
      ORDER BY time DESC, strictness DESC, message_id DESC LIMIT ?`, workspace, uuidBytes(identifierKey), channel, ...values, limit).map(consentRow)
  }

  async metricTotals(workspace: number, identifierKeys: readonly string[]): Promise<readonly MetricTotal[]> {
    const totals = new Map<string, MetricTotal>()
    for (const key of identifierKeys) {
      for (const row of totalsOf(this.#connection, workspace, uuidBytes(key))) {
        const metric = textOf(row, 'metric')
        const before = totals.get(metric)
        totals.set(metric, {
          metric,
          count: (before?.count ?? 0) + numberOf(row, 'count'),
          firstAt: Math.min(before?.firstAt ?? Infinity, numberOf(row, 'first_at')),
          lastAt: Math.max(before?.lastAt ?? -Infinity, numberOf(row, 'last_at')),
        })
      }
    }
    return [...totals.values()].toSorted((a, b) => b.lastAt - a.lastAt || (a.metric < b.metric ? -1 : 1))
  }

  async timeline(query: TimelineQuery): Promise<readonly TimelineRow[]> {
    return readTimeline(this.#connection, query)
  }

  async edgesOf(workspace: number, identifierKeys: readonly string[], limit: number): Promise<readonly EdgeRow[]> {
    const edges = new Map<string, EdgeRow>()
    for (const end of ['a', 'b']) {
      const statement = this.#connection.statement(`${seenEdges} WHERE edge.workspace = ? AND edge.${end} = ? LIMIT ?`)
      for (const key of identifierKeys) {
        for (const row of statement.all(workspace, uuidBytes(key), limit)) {
          const edge = seenEdgeRow(row)
          if (edges.size < limit) edges.set(`${edge.a}/${edge.b}`, edge)
        }
      }
    }
    return [...edges.values()]
  }

  async vetoesOf(workspace: number, identifierKeys: readonly string[], limit: number): Promise<readonly VetoRow[]> {
    const statement = this.#connection.statement('SELECT * FROM identity_veto WHERE workspace = ? AND (a = ? OR b = ?) LIMIT ?')
    const found = new Map<string, VetoRow>()
    for (const key of identifierKeys.map(uuidBytes)) {
      for (const veto of statement.all(workspace, key, key, limit).map(vetoRow)) if (found.size < limit) found.set(`${veto.a}/${veto.b}`, veto)
    }
    return [...found.values()]
  }

  async mergesOf(workspace: number, profileId: string, limit: number): Promise<readonly MergeRow[]> {
    return this.#connection.all(`SELECT * FROM merge_log WHERE workspace = ? AND (from_profile = ? OR to_profile = ?)
      ORDER BY at DESC LIMIT ?`, workspace, uuidBytes(profileId), uuidBytes(profileId), limit).map(mergeRow)
  }
}
