/** What became of a planned load. */
export interface LoadOutcome {
  readonly rows: number
  /** What the OLAP would not take of it; null as a rule. */
  readonly refusal: LoadRefusal | null
  /** Epoch milliseconds. */
  readonly loadedAt: number
}

/** An event that is stored and archived, but whose row the OLAP refuses. */
export interface RefusedRow {
  readonly workspace: number
  readonly messageId: string
}

/** Rows of one load that the OLAP refuses for what is in them. They come in when a rebuild of the OLAP takes them. */
export interface LoadRefusal {
  readonly partition: number
  readonly load: number
  readonly rows: readonly RefusedRow[]
  /** In the OLAP's words. */
  readonly reason: string
  /** Epoch milliseconds. */
  readonly at: number
}
