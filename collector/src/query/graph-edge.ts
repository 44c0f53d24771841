import type { EdgeRow, IdentifierRow, Witness } from '../ports/identity.ts'

export interface GraphEnd {
  readonly kind: string
  readonly value: string
}

export interface GraphEdge {
  readonly a: GraphEnd
  readonly b: GraphEnd
  readonly state: string
  readonly firstSeen: string
  readonly lastSeen: string
  readonly count: number
  readonly cause: { readonly messageId: string; readonly metric: string }
  /** For a rejected edge, what it would have broken; `between` says which identifiers the keys `a` and `b` are. */
  readonly witness?: Witness & { readonly between: readonly [GraphEnd, GraphEnd] }
}

export function graphEdge(edge: EdgeRow, known: ReadonlyMap<string, IdentifierRow>): GraphEdge {
  const firstSeen = Math.min(edge.firstSeenSecret ?? Infinity, edge.firstSeenPublic ?? Infinity)
  return {
    a: graphEnd(known.get(edge.a)), b: graphEnd(known.get(edge.b)), state: edge.state,
    firstSeen: new Date(firstSeen).toISOString(), lastSeen: new Date(edge.lastSeen).toISOString(), count: edge.count, cause: edge.cause,
    ...(edge.witness === null ? {} : { witness: { ...edge.witness, between: [graphEnd(known.get(edge.witness.a)), graphEnd(known.get(edge.witness.b))] as const } }),
  }
}

export function graphEnd(row: IdentifierRow | undefined): GraphEnd {
  return row === undefined ? { kind: 'unknown', value: '' } : { kind: row.kind, value: row.value }
}
