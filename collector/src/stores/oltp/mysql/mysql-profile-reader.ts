import { uuidBytes, uuidText } from '../../../platform/uuid.ts'
import { type ConsentAddress, type ConsentHistoryQuery, type ConsentRow, strictnessOf } from '../../../ports/consent.ts'
import type { EdgeRow, IdentifierRow, MergeRow, ProfileRow, VetoRow } from '../../../ports/identity.ts'
import type { MetricTotal, ProfileReader, TimelineQuery, TimelineRow } from '../../../ports/profile-reader.ts'
import { consentRow, currentConsentQuery, currentConsentValues } from '../consent-rows.ts'
import { edgeRow, identifierRow, mergeRow, profileRow, vetoRow } from '../identity-rows.ts'
import { bytesOf, numberOf, textOf } from '../row.ts'
import type { Session } from './session.ts'
import { readTimeline } from './timeline.ts'

/** Addresses that one statement looks up. */
const rangesMax = 50

/** Reads of people on a session that somebody else holds: a reader's pool, or a writer's open transaction. */
export class MysqlProfileReader implements ProfileReader {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  together<T>(work: () => Promise<T>): Promise<T> {
    return work()
  }

  async identifier(workspace: number, key: string): Promise<IdentifierRow | null> {
    const row = await this.#session.get('SELECT * FROM identifier WHERE workspace = ? AND identifier_key = ?', workspace, uuidBytes(key))
    return row === undefined ? null : identifierRow(row)
  }

  async identifiers(workspace: number, keys: readonly string[]): Promise<readonly IdentifierRow[]> {
    return (await this.#session.allOf(keys.map(uuidBytes), 'SELECT * FROM identifier WHERE workspace = ? AND identifier_key IN (?)', workspace)).map(identifierRow)
  }

  async profile(workspace: number, id: string): Promise<ProfileRow | null> {
    const row = await this.#session.get('SELECT * FROM profile WHERE workspace = ? AND profile_id = ?', workspace, uuidBytes(id))
    return row === undefined ? null : profileRow(row)
  }

  async identifiersOf(workspace: number, profileId: string, limit: number): Promise<readonly IdentifierRow[]> {
    return (await this.#session.all('SELECT * FROM identifier WHERE workspace = ? AND profile_id = ? ORDER BY identifier_key LIMIT ?',
      workspace, uuidBytes(profileId), limit)).map(identifierRow)
  }

  async registersOf(workspace: number, identifierKeys: readonly string[]): Promise<readonly string[]> {
    const rows = await this.#session.allOf(identifierKeys.map(uuidBytes),
      'SELECT identifier_key, registers FROM identifier_register WHERE workspace = ? AND identifier_key IN (?)', workspace)
    const found = new Map(rows.map((row) => [uuidText(bytesOf(row, 'identifier_key')), textOf(row, 'registers')]))
    return identifierKeys.flatMap((key) => found.get(key) ?? [])
  }

  async consentsOf(workspace: number, addresses: readonly ConsentAddress[]): Promise<readonly ConsentRow[]> {
    const rows: ConsentRow[] = []
    for (let from = 0; from < addresses.length; from += rangesMax) {
      const some = addresses.slice(from, from + rangesMax)
      const found = await this.#session.all(some.map(() => `(${currentConsentQuery})`).join(' UNION ALL '),
        ...some.flatMap((address) => currentConsentValues(workspace, address)))
      for (const row of found) rows.push(consentRow(row))
    }
    return rows
  }

  async consentHistory({ workspace, identifierKey, channel, below, limit }: ConsentHistoryQuery): Promise<readonly ConsentRow[]> {
    // The time by itself, too: a row comparison would not be served by the key.
    const [past, values] = below === undefined ? ['', []]
      : ['AND time <= ? AND (time, strictness, message_id) < (?, ?, ?)', [below.time, below.time, strictnessOf(below.status), below.messageId]]
    return (await this.#session.all(`SELECT * FROM consent WHERE workspace = ? AND identifier_key = ? AND channel = ? ${past}
      ORDER BY time DESC, strictness DESC, message_id DESC LIMIT ?`, workspace, uuidBytes(identifierKey), channel, ...values, limit)).map(consentRow)
  }

  async metricTotals(workspace: number, identifierKeys: readonly string[]): Promise<readonly MetricTotal[]> {
    const totals = new Map<string, MetricTotal>()
    const rows = await this.#session.allOf(identifierKeys.map(uuidBytes), `SELECT metric, CAST(SUM(count) AS SIGNED) AS total, MIN(first_at) AS first_at,
      MAX(last_at) AS last_at FROM identifier_metric WHERE workspace = ? AND identifier_key IN (?) GROUP BY metric`, workspace)
    for (const row of rows) {
      const metric = textOf(row, 'metric')
      const before = totals.get(metric)
      totals.set(metric, {
        metric,
        count: (before?.count ?? 0) + numberOf(row, 'total'),
        firstAt: Math.min(before?.firstAt ?? Infinity, numberOf(row, 'first_at')),
        lastAt: Math.max(before?.lastAt ?? -Infinity, numberOf(row, 'last_at')),
      })
    }
    return [...totals.values()].toSorted((a, b) => b.lastAt - a.lastAt || (a.metric < b.metric ? -1 : 1))
  }

  timeline(query: TimelineQuery): Promise<readonly TimelineRow[]> {
    return readTimeline(this.#session, query)
  }

  async edgesOf(workspace: number, identifierKeys: readonly string[], limit: number): Promise<readonly EdgeRow[]> {
    const edges = new Map<string, EdgeRow>()
    for (const end of ['a', 'b']) {
      const rows = await this.#session.allOf(identifierKeys.map(uuidBytes),
        `SELECT * FROM identity_edge WHERE workspace = ? AND ${end} IN (?) LIMIT ${Math.trunc(limit)}`, workspace)
      for (const edge of rows.map(edgeRow)) if (edges.size < limit) edges.set(`${edge.a}/${edge.b}`, edge)
    }
    return [...edges.values()]
  }

  async vetoesOf(workspace: number, identifierKeys: readonly string[], limit: number): Promise<readonly VetoRow[]> {
    const keys = identifierKeys.map(uuidBytes)
    const found = new Map<string, VetoRow>()
    for (const end of ['a', 'b']) {
      const rows = await this.#session.allOf(keys, `SELECT * FROM identity_veto WHERE workspace = ? AND ${end} IN (?) LIMIT ${Math.trunc(limit)}`, workspace)
      for (const veto of rows.map(vetoRow)) if (found.size < limit) found.set(`${veto.a}/${veto.b}`, veto)
    }
    return [...found.values()]
  }

  async mergesOf(workspace: number, profileId: string, limit: number): Promise<readonly MergeRow[]> {
    return (await this.#session.all('SELECT * FROM merge_log WHERE workspace = ? AND (from_profile = ? OR to_profile = ?) ORDER BY at DESC LIMIT ?',
      workspace, uuidBytes(profileId), uuidBytes(profileId), limit)).map(mergeRow)
  }
}
