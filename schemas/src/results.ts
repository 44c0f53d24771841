/** What became of one event of a request. */
export const resultCodes = Object.freeze(['ok', 'duplicate', 'quarantined', 'retry'] as const)

/**
 * - `ok`: durable.
 * - `duplicate`: the same messageId came earlier in this request; the first was kept.
 * - `quarantined`: can never succeed as it is; kept, visible and replayable. Do not send it again.
 * - `retry`: not stored, or not known to be; send it again with the same messageId.
 */
export type ResultCode = (typeof resultCodes)[number]

/** Why an event is kept aside: found at the edge, except the last three, which later steps find. */
export const quarantineReasons = Object.freeze([
  'not_an_object', 'bad_json', 'unknown_type', 'missing_event_name', 'missing_identifier', 'event_too_large',
  'too_deep', 'too_many_keys', 'timestamp_out_of_range', 'internal_error', 'olap_rejected', 'suppressed',
] as const)

export type QuarantineReason = (typeof quarantineReasons)[number]

/**
 * What was altered in an event that is stored all the same. The last two are no alterations: `imported` marks history that
 * `millrace import` brought, `consent_ignored` what says something of consent that cannot be understood or has no address. No client can set or clear a flag, so it is safe to act on: history starts no automation.
 */
export const flagCodes = Object.freeze([
  'replaced_surrogate', 'replaced_nul', 'replaced_utf8', 'dropped_proto', 'dropped_non_finite', 'unsafe_integer',
  'clamped_future', 'bad_timestamp', 'bad_typed_value', 'ambiguous_path', 'imported', 'consent_ignored',
] as const)

export type FlagCode = (typeof flagCodes)[number]

/** One entry of a response's `results`, in the order of the request. */
export interface EventResult {
  /** The client's own, or the one the collector gave. */
  readonly messageId: string
  readonly result: ResultCode
  /** Present when quarantined. */
  readonly reason?: QuarantineReason
}

/** The body of a 200. */
export interface IngestResponse {
  readonly success: true
  /** Where the events are durable: in the log, or in the collector's spool until the broker is back. */
  readonly stored: 'log' | 'spool'
  readonly results: readonly EventResult[]
}

/** The body of every other status. */
export interface ErrorResponse {
  readonly success: false
  readonly error: {
    /** From the collector's closed list of error codes. */
    readonly code: string
    readonly message: string
    /** Whether the same request can succeed later. */
    readonly retryable: boolean
  }
}
