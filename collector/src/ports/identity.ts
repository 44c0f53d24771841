/**
 * What identity keeps and reads. Evidence (edges) is never thrown away; profiles are what solving it gives.
 * Every read is one round trip for a whole batch.
 */

/** By trust, strongest first; `email_alias`: the mailbox that several addresses are spellings of. Edges keep a kind by its place. */
export const identifierKinds = Object.freeze(['external_id', 'email', 'phone', 'device', 'anonymous_id', 'cart', 'checkout', 'email_alias'] as const)
export type IdentifierKind = (typeof identifierKinds)[number]

/** Distinct neighbours by their kind: over all evidence, so a count only grows and is a function of the set of edges. */
export type NeighbourCounts = Readonly<Partial<Record<IdentifierKind, number>>>

/** A node: one identifier of one workspace and the profile it points at. */
export interface IdentifierRow {
  readonly workspace: number
  /** UUID text: a hash of workspace, kind, namespace and value. */
  readonly key: string
  readonly kind: IdentifierKind
  /** Empty but for external ids of integrations, devices and tokens of a shop. */
  readonly namespace: string
  readonly value: string
  readonly profileId: string
  /** UUID text that all nodes connected over live edges, accepted or rejected, share. Only an index: never shown. */
  readonly component: string
  /** Least receivedAt of an event that carried it, epoch milliseconds: what the anchor of a profile is chosen by. */
  readonly firstReceivedAt: number
  /** Least event time, epoch milliseconds. */
  readonly firstSeen: number
  /** Rises by one each time profileId changes. */
  readonly version: number
  readonly neighbours: NeighbourCounts
  /** Too many stronger neighbours: not an identifier any more, its edges are inert. */
  readonly fanOut: boolean
  /** For a kind with more neighbours than the degree bound: the order key of the last live edge to it. */
  readonly degreeCutoffs: Readonly<Partial<Record<IdentifierKind, string>>>
}

export type EdgeState = 'accepted' | 'rejected' | 'inert'

/** Why an edge was rejected: the limit it would break with one value of each side, or the veto. */
export interface Witness {
  readonly rule: 'limit' | 'veto'
  /** Of the limit; absent for a veto. */
  readonly kind?: IdentifierKind
  /** Identifier keys, one of each side. */
  readonly a: string
  readonly b: string
}

/** Evidence that two identifiers are one person. `a` is the stronger end; of equals, the lesser key. */
export interface EdgeRow {
  readonly workspace: number
  readonly a: string
  readonly b: string
  /** The weaker end's rank: its place in {@link identifierKinds}; -1 for an edge an operator made. */
  readonly rank: number
  /** Least event time of evidence sent with a secret key, which ranks first; null if there is none. */
  readonly firstSeenSecret: number | null
  readonly firstSeenPublic: number | null
  readonly lastSeen: number
  /** Deduplicated events that carried both ends. */
  readonly count: number
  readonly cause: { readonly messageId: string; readonly metric: string }
  readonly state: EdgeState
  /** Present where rejected. */
  readonly witness: Witness | null
}

export interface EdgeEnds {
  readonly a: string
  readonly b: string
}

/** A pair that may never share a profile; `a` is the lesser key. */
export interface VetoRow extends EdgeEnds {
  readonly workspace: number
  readonly createdAt: number
}

/**
 * What makes up a profile that is all there is in its component: nothing connected to it is another's, and no veto has its
 * lesser end here. Enough to add identifiers to it without reading those it has.
 */
export interface Composition {
  /** The identifier that the profile is known longest by. */
  readonly anchor: Pick<IdentifierRow, 'key' | 'kind' | 'firstReceivedAt'>
  /** Identifiers by what a limit counts together: a kind, or `external_id:` and a namespace. */
  readonly counts: Readonly<Record<string, number>>
  /** Version of the workspace's settings by which it is one profile; by others it may be several. */
  readonly settings: number
}

export interface ProfileRow {
  readonly workspace: number
  readonly id: string
  /** Rises with every change a reader could see. */
  readonly version: number
  /** Least firstSeen of its identifiers, epoch milliseconds. */
  readonly createdAt: number
  /** The survivor, if this profile is merged away; redirects have length one. */
  readonly mergedInto: string | null
  /** Null where the profile shares its component, and where a store of an older version has not noted it yet. */
  readonly composition: Composition | null
}

/** One line of the merge log: identifiers that moved from one profile to another, and the event that caused it. */
export interface MergeRow {
  readonly workspace: number
  readonly fromProfile: string
  readonly toProfile: string
  readonly identifierKeys: readonly string[]
  readonly cause: { readonly messageId: string; readonly metric: string }
  /** receivedAt of the cause. */
  readonly at: number
}

export interface Component {
  readonly identifiers: readonly IdentifierRow[]
  /** Accepted and rejected edges among them. */
  readonly liveEdges: readonly EdgeRow[]
  /** Those whose lesser end is one of the identifiers. */
  readonly vetoes: readonly VetoRow[]
}

export interface IdentityReader {
  identifiers(workspace: number, keys: readonly string[]): Promise<readonly IdentifierRow[]>
  edges(workspace: number, ends: readonly EdgeEnds[]): Promise<readonly EdgeRow[]>
  /** Everything in the components with these labels. */
  components(workspace: number, labels: readonly string[]): Promise<Component>
  /** Every edge with an end among the keys, inert ones too. */
  edgesOf(workspace: number, keys: readonly string[]): Promise<readonly EdgeRow[]>
  /** The profiles with these ids, and those that redirect to one of them; nobody else writes the former until the transaction ends. */
  profiles(workspace: number, ids: readonly string[]): Promise<readonly ProfileRow[]>
}

/** An identifier that existed before and points at another profile now; OLAP applies it to rows written earlier. */
export interface IdentityOverride {
  readonly workspace: number
  readonly identifierKey: string
  readonly profileId: string
  readonly version: number
}

/** Which profile an identifier points at since a batch. The OLAP keeps them all, so that it knows who there is at a position. */
export interface IdentityPointing {
  readonly workspace: number
  readonly identifierKey: string
  readonly profileId: string
  /** Of the identifier: 1 when it is new, one more each time it moves. */
  readonly version: number
}

/** A pointing with the batch that made it. */
export interface DecidedPointing extends IdentityPointing {
  readonly partition: number
  readonly batch: number
}

/** Full rows to write; what is not named stays as it is. */
export interface IdentityChanges {
  readonly identifiers: readonly IdentifierRow[]
  readonly edges: readonly EdgeRow[]
  readonly profiles: readonly ProfileRow[]
  readonly merges: readonly MergeRow[]
  readonly overrides: readonly IdentityOverride[]
  /** Of every identifier that is new or moved; the moved ones are the overrides. */
  readonly pointings: readonly IdentityPointing[]
  readonly vetoes: readonly VetoRow[]
  /** Pairs that may share a profile again. */
  readonly liftedVetoes: readonly VetoRow[]
}
