import type { ConsentAddress, ConsentHistoryQuery, ConsentRow } from './consent.ts'
import type { EdgeRow, IdentifierRow, MergeRow, ProfileRow, VetoRow } from './identity.ts'

export interface TimelineRow {
  readonly workspace: number
  readonly identifierKey: string
  readonly metric: string
  readonly time: number
  readonly messageId: string
  /** Canonical JSON of the event's properties (of an identify, its traits). */
  readonly properties: string
}

export interface TimelineQuery {
  readonly workspace: number
  readonly identifierKeys: readonly string[]
  readonly metric?: string
  /** Epoch milliseconds, exclusive both. */
  readonly after?: number
  readonly before?: number
  /** Continue strictly older than this (time, messageId). */
  readonly cursor?: { readonly time: number; readonly messageId: string }
  readonly limit: number
}

export interface MetricTotal {
  readonly metric: string
  readonly count: number
  readonly firstAt: number
  readonly lastAt: number
}

/** What the read side asks about people. Each method is one round trip and costs what its answer holds, not what is stored. */
export interface ProfileReader {
  /** For several reads in a row: where each alone would have to begin anew they are of one moment, and cost less. `work` must wait for nothing but reads. */
  together<T>(work: () => Promise<T>): Promise<T>
  identifier(workspace: number, key: string): Promise<IdentifierRow | null>
  /** Those of the keys that are there, in any order. */
  identifiers(workspace: number, keys: readonly string[]): Promise<readonly IdentifierRow[]>
  /** The row of the id itself, merged or not. */
  profile(workspace: number, id: string): Promise<ProfileRow | null>
  /** In key order; at most `limit`. */
  identifiersOf(workspace: number, profileId: string, limit: number): Promise<readonly IdentifierRow[]>
  registersOf(workspace: number, identifierKeys: readonly string[]): Promise<readonly string[]>
  /** The statement that counts for each of the addresses; none for one that nothing was said of. */
  consentsOf(workspace: number, addresses: readonly ConsentAddress[]): Promise<readonly ConsentRow[]>
  consentHistory(query: ConsentHistoryQuery): Promise<readonly ConsentRow[]>
  /** Totals over the identifiers, one row a metric, newest first. */
  metricTotals(workspace: number, identifierKeys: readonly string[]): Promise<readonly MetricTotal[]>
  /** Newest first by (time, messageId). */
  timeline(query: TimelineQuery): Promise<readonly TimelineRow[]>
  /** Every edge with an end among the keys: accepted, rejected and inert. */
  edgesOf(workspace: number, identifierKeys: readonly string[], limit: number): Promise<readonly EdgeRow[]>
  /** Vetoes that name one of the keys. */
  vetoesOf(workspace: number, identifierKeys: readonly string[], limit: number): Promise<readonly VetoRow[]>
  mergesOf(workspace: number, profileId: string, limit: number): Promise<readonly MergeRow[]>
}
