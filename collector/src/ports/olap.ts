/** The analytic tier: every event over all time, in ClickHouse's SQL dialect. */

/** Rows of one insert, already in JSONEachRow form: one object a line, ending in a newline. */
export interface OlapInsert {
  readonly generation: number
  /** Everything that can change the content is in it; the same token is stored once. */
  readonly token: string
  readonly rows: Uint8Array
  readonly rowCount: number
}

export interface OverrideRow {
  readonly workspace: number
  /** UUID text of the identifier. */
  readonly identifierKey: string
  /** UUID text of the profile it points at now. */
  readonly profileId: string
  /** Per identifier, rising; the greatest wins. */
  readonly version: number
}

/** Rows of some identifiers, of each partition up to a batch. */
export interface OlapSelection {
  readonly workspace: number
  /** UUID texts. */
  readonly identifierKeys: readonly string[]
  /** By partition. */
  readonly upToBatch: readonly number[]
}

/** Rows of consecutive batches of one partition. */
export interface OlapRun {
  readonly partition: number
  readonly firstBatch: number
  readonly lastBatch: number
}

/** Where an identifier points since a batch; batch 0 where that is not known any more. */
export interface PointingRow extends OverrideRow {
  readonly partition: number
  readonly batch: number
}

export interface SqlRequest {
  readonly sql: string
  /** Values for `{name:Type}` placeholders. */
  readonly params?: Readonly<Record<string, string | number | boolean | readonly string[] | readonly number[]>>
  /** A ClickHouse format name. */
  readonly format: string
  /** Only this workspace's rows of `events` are visible. */
  readonly workspace?: number
  /** A statement of this program's own, every value in it a parameter: not screened, and it may name any table. */
  readonly own?: true
}

/** Within the duplicate window no two rows have the same. */
export function rowKey(workspace: number, messageId: string): string {
  return `${workspace} ${messageId}`
}

export interface Olap {
  /** Creates what is missing (idempotent) and proves that a repeated insert is stored once; fails with `olap_unfit` and the reason. */
  prepare(): Promise<void>
  /** An empty `event_g<generation>` table, if it is not there. */
  createGeneration(generation: number): Promise<void>
  /** Points the view `events` at the generation. */
  useGeneration(generation: number): Promise<void>
  /** The generation the view shows. */
  currentGeneration(): Promise<number>
  dropGeneration(generation: number): Promise<void>
  /**
   * Fails with `unavailable` (retryable) where nobody knows whether the rows are there; it is not repeated here. Repeatable with the same token, unless the
   * engine lost its power at any time before: its memory of tokens may then be behind its rows, or ahead, and a next start may forget all of them.
   */
  insert(insert: OlapInsert): Promise<void>
  /** Repeatable; the view applies them when this resolves. */
  putOverrides(rows: readonly OverrideRow[]): Promise<void>
  /** Into the table `identifier`, which keeps all versions of all identifiers. Repeatable. */
  putPointings(rows: readonly PointingRow[]): Promise<void>
  countRows(generation: number): Promise<number>
  /** Which rows of the run are there, each as {@link rowKey} names it. */
  heldRows(generation: number, run: OlapRun): Promise<ReadonlySet<string>>
  /** The batches that the selected rows came from. */
  placesOf(generation: number, selection: OlapSelection): Promise<readonly { readonly partition: number; readonly batch: number }[]>
  /** Removes the selected rows, and everything that points from these identifiers to profiles; no file holds them when it resolves. Answers how many rows. */
  erase(generation: number, selection: OlapSelection): Promise<number>
  /** Read-only, bounded in time and memory; the body as the engine formats it. Fails with `bad_query` and the engine's message. */
  query(request: SqlRequest): Promise<string>
  close(): Promise<void>
}
