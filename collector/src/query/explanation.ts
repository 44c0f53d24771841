import type { EdgeRow, IdentifierKind, IdentifierRow, VetoRow } from '../ports/identity.ts'
import type { GraphEdge, GraphEnd } from './graph-edge.ts'

/** Everything that could say why two identifiers are one person or two. */
export interface EvidenceAround {
  readonly a: IdentifierRow
  readonly b: IdentifierRow
  /** Those of both profiles, and of what hangs on them. */
  readonly identifiers: ReadonlyMap<string, IdentifierRow>
  readonly edges: readonly EdgeRow[]
  readonly vetoes: readonly VetoRow[]
  /** False where there was more than is looked through. */
  readonly isWhole: boolean
}

/** What keeps two identifiers apart that evidence would join. */
export interface Hindrance {
  /** `limit`: one person would have too many of a kind; `fan_out`: the identifier is shared by too many; `degree`: it came too late among too many; `blocked`: the settings say that it identifies nobody. */
  readonly rule: 'limit' | 'veto' | 'fan_out' | 'degree' | 'blocked'
  readonly kind?: IdentifierKind
  /** Of a limit or a veto one identifier of each side; else the two that the evidence would join. */
  readonly a: GraphEnd
  readonly b: GraphEnd
}

export interface Explanation {
  readonly samePerson: boolean
  readonly sentence: string
  /** From the one to the other, over as few edges that are not accepted as possible; none for one person. */
  readonly path: readonly GraphEdge[]
  /** The first edge on the path that is not accepted; null where none is, also where nothing connects them. */
  readonly rejected: (GraphEdge & { readonly hindrance: Hindrance }) | null
}
