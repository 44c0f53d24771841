/** Every code the collector fails with; the table from codes to HTTP lives in edge/status.ts. */
export const errorCodes = Object.freeze([
  'bad_body', 'bad_config', 'bad_query', 'bad_request', 'body_too_large', 'closed', 'corrupt', 'data_in_use',
  'epoch_lost', 'internal', 'log_failed', 'log_full', 'log_gap', 'method_not_allowed', 'not_found',
  'olap_refused', 'olap_unfit', 'outcome_unknown', 'overloaded', 'package_missing', 'rate_limited', 'unauthorized',
  'unavailable', 'version_conflict',
] as const)

export type ErrorCode = typeof errorCodes[number]

/** An error that says what went wrong in a code from a closed list and whether trying again can help. */
export class MillraceError extends Error {
  readonly code: ErrorCode
  readonly retryable: boolean

  constructor(code: ErrorCode, message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'MillraceError'
    this.code = code
    this.retryable = options.retryable ?? false
  }
}

/** Whether what was thrown is a {@link MillraceError} of this code. */
export function hasCode(error: unknown, code: ErrorCode): error is MillraceError {
  return error instanceof MillraceError && error.code === code
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
