import type { EdgeRow, IdentifierRow, MergeRow, ProfileRow } from './identity.ts'
import type { MetricTotal, TimelineQuery, TimelineRow } from './oltp.ts'

/** What the read side asks about people. Each method is one round trip and costs what its answer holds, not what is stored. */
export interface ProfileReader {
  identifier(workspace: number, key: string): Promise<IdentifierRow | null>
  /** The row of the id itself, merged or not. */
  profile(workspace: number, id: string): Promise<ProfileRow | null>
  /** In key order; at most `limit`. */
  identifiersOf(workspace: number, profileId: string, limit: number): Promise<readonly IdentifierRow[]>
  registersOf(workspace: number, identifierKeys: readonly string[]): Promise<readonly string[]>
  /** Totals over the identifiers, one row a metric, newest first. */
  metricTotals(workspace: number, identifierKeys: readonly string[]): Promise<readonly MetricTotal[]>
  /** Newest first by (time, messageId). */
  timeline(query: TimelineQuery): Promise<readonly TimelineRow[]>
  /** Every edge with an end among the keys: accepted, rejected and inert. */
  edgesOf(workspace: number, identifierKeys: readonly string[], limit: number): Promise<readonly EdgeRow[]>
  mergesOf(workspace: number, profileId: string, limit: number): Promise<readonly MergeRow[]>
}
