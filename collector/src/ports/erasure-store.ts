import type { ErasureMode } from './record.ts'

/**
 * People that are to be forgotten. An erasure goes through: requested (decided: it waits to be carried out) → collected
 * (the person's rows are gone from the OLTP, and what is decided from now on sees the suppression) → done (gone from
 * every tier, with a report). Each step may be repeated after a crash.
 */

/** An identifier that is forgotten. Only its key is kept, which is a hash. */
export interface Suppression {
  readonly workspace: number
  readonly identifierKey: string
  /** Events that the collector had by then are dropped, epoch milliseconds; those after it too where the mode is `refuse`. */
  readonly at: number
  readonly mode: ErasureMode
}

/** An operator's wish, as it is decided. */
export interface NewErasure {
  readonly workspace: number
  /** The message id of the decision. */
  readonly id: string
  readonly at: number
  readonly mode: ErasureMode
  readonly identifierKeys: readonly string[]
}

/** Where an event is archived. */
export interface ArchivedPlace {
  readonly partition: number
  readonly batch: number
}

/** A quarantined event that named the person; its place is null where it is older than the duplicate window. */
export interface QuarantinedTrace {
  readonly messageId: string
  readonly place: ArchivedPlace | null
}

export interface ErasureRow extends NewErasure {
  /** null until it is collected. */
  readonly collected: {
    /** Profiles that the identifiers pointed at. */
    readonly profileIds: readonly string[]
    /** Of each partition the last batch that may hold something of the person. */
    readonly upToBatch: readonly number[]
    readonly quarantined: readonly QuarantinedTrace[]
    /** Rows removed from the OLTP, by table. */
    readonly rows: Readonly<Record<string, number>>
  } | null
  /** Lines taken out of the archive so far that were rows of the OLAP. */
  readonly erasedEvents: number
  /** Archive objects that were replaced and may still be there. */
  readonly replacedObjects: readonly string[]
  /** JSON; null until it is done. */
  readonly report: string | null
}

/** How a batch reads after lines were taken out of it. */
export interface RewrittenBatch extends ArchivedPlace {
  readonly digest: string
  readonly lineBytes: number
}

export interface RewrittenObject {
  readonly partition: number
  readonly lastBatch: number
  readonly name: string
  readonly replacedName: string
  readonly digest: string
  readonly batches: readonly RewrittenBatch[]
  readonly erasedEvents: number
}

export interface ErasureStore {
  /** Those without a report, in the order they were asked for. */
  openErasures(): Promise<readonly ErasureRow[]>
  /**
   * Waits for every decision under way; then, in one transaction, removes all rows of the profiles that the erasure's
   * identifiers point at, makes all their identifiers part of it, and suppresses them as of `now`. Message ids stay taken.
   * Once it is done it only answers the row.
   */
  collectErasure(workspace: number, id: string, now: number): Promise<ErasureRow>
  /** An archive object has another name and other bytes now: object, batches and erasure in one transaction. */
  replaceObject(erasure: ErasureRow, object: RewrittenObject): Promise<void>
  /** Removes what deleted rows left behind in the database's own files, as far as the engine lets anybody do that. */
  scrub(): Promise<void>
  finishErasure(erasure: ErasureRow, report: string): Promise<void>
}

export interface ErasureReader {
  erasure(workspace: number, id: string): Promise<ErasureRow | null>
  /** How many are not done. */
  openErasures(): Promise<number>
  /** Events that erasures took out of archive and OLAP, over all workspaces. */
  erasedEvents(): Promise<number>
}
