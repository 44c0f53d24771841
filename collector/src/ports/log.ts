/**
 * The durable, partitioned, ordered log. At least once, order per partition only:
 * that is all every driver can promise, so nothing above asks for more.
 */

/**
 * Opaque printable place of a record in its partition. Positions of one partition
 * compare as plain strings (byte order); positions of different partitions do not compare.
 * A new incarnation of a lost or restored log sorts after the old one.
 */
export type LogPosition = string

export interface LogRecord {
  readonly partition: number
  readonly position: LogPosition
  /** When the log took the record, epoch milliseconds. */
  readonly appendedAt: number
  /** Events in the payload. */
  readonly events: number
  /** Events appended to this partition before this record, in this incarnation; undefined where the log cannot know. */
  readonly sequence: number | undefined
  readonly payload: Uint8Array
}

/** Where the synced end of a partition is. */
export interface LogHead {
  readonly partition: number
  readonly position: LogPosition | null
  /** Events appended to the partition in this incarnation; undefined where the log cannot know. */
  readonly sequence: number | undefined
}

export interface LogReadiness {
  readonly ready: boolean
  /** Why not, for /readyz. */
  readonly reason?: string
  /** Absent: in the log. `spool` from the first record that went there until the last one is forwarded. */
  readonly storedIn?: 'log' | 'spool'
}

/** The one writer of an embedded log; one of many producers on a broker. */
export interface LogWriter {
  readonly partitions: number
  /**
   * Resolves once the record is durable. Rejects with a MillraceError: `log_full` (no space, retryable),
   * `log_failed` (not durable), `outcome_unknown` (may or may not be durable), `closed`.
   * Appends to one partition are stored in the order of the calls.
   */
  append(partition: number, payload: Uint8Array, events: number): Promise<LogPosition | null>
  readiness(): LogReadiness
  /** Bytes appended but not yet durable; the edge bounds it. */
  pendingBytes(): number
  /**
   * Lets go of every record that is acknowledged, also of those in the piece that is being written, whatever the
   * retention. Answers whether nothing acknowledged is left; a broker removes in its own time.
   */
  trim(): Promise<boolean>
  /** Finishes what was appended, syncs, releases the lock. */
  close(): Promise<void>
}

export interface ReadBounds {
  readonly maxRecords: number
  readonly maxBytes: number
  /** How long to wait for the first record, milliseconds; 0 answers at once. */
  readonly waitMs: number
}

/** Reads one partition in order. Only durable records are seen. */
export interface LogCursor {
  /** At least one record unless `waitMs` passed or the cursor was closed; then an empty list. A single record may exceed maxBytes. */
  next(bounds: ReadBounds): Promise<readonly LogRecord[]>
  close(): Promise<void>
}

export interface LogReader {
  readonly partitions: number
  /** A cursor at the first record after `after` (null: the oldest kept). Fails with `log_gap` if records after it were removed. */
  open(partition: number, after: LogPosition | null): Promise<LogCursor>
  heads(): Promise<readonly LogHead[]>
  /** Garbage collection only: everything of the partition up to here is archived and may be dropped. */
  acknowledge(partition: number, position: LogPosition): Promise<void>
  close(): Promise<void>
}
