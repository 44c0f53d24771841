import type { ErrorResponse } from '@millrace/schemas'
import { type ErrorCode, MillraceError } from '../platform/errors.ts'

/** What a client gets: the same whether it came by Node's request or by a fetch Request. */
export interface Answer {
  readonly status: number
  /** JSON text. */
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

interface Outcome {
  readonly status: number
  /** Seconds of Retry-After: at least the first, and up to the second more, so that a crowd does not come back as one. */
  readonly retryAfterSeconds?: readonly [least: number, spread: number]
}

const soon: Outcome = { status: 503, retryAfterSeconds: [1, 4] }
const later: Outcome = { status: 503, retryAfterSeconds: [5, 10] }

/**
 * The one table from error code to HTTP. Segment's and RudderStack's SDKs throw a batch away on most statuses they
 * do not expect, so ingest answers with 200, 400, 401, 413, 429 and 503 alone, and a defect of ours is a 503.
 * 404, 405 and 409 are for requests that no SDK makes, and for the read side.
 */
const outcomes = {
  bad_body: { status: 400 },
  bad_query: { status: 400 },
  bad_request: { status: 400 },
  unauthorized: { status: 401 },
  not_found: { status: 404 },
  method_not_allowed: { status: 405 },
  version_conflict: { status: 409 },
  body_too_large: { status: 413 },
  rate_limited: { status: 429, retryAfterSeconds: [1, 2] },
  overloaded: soon,
  closed: soon,
  unavailable: later,
  log_failed: later,
  log_full: { status: 503, retryAfterSeconds: [20, 20] },
  log_gap: later,
  outcome_unknown: later,
  bad_config: later,
  corrupt: later,
  data_in_use: later,
  epoch_lost: soon,
  internal: later,
  olap_refused: later,
  olap_unfit: later,
  package_missing: later,
} satisfies Record<ErrorCode, Outcome>

/**
 * The answer to a request that failed with `error`. What is not a MillraceError is a defect: its message stays inside.
 *
 * @param random between 0 and 1, for the jitter of Retry-After.
 */
export function errorAnswer(error: unknown, random: () => number): Answer {
  const code = error instanceof MillraceError ? error.code : 'internal'
  const message = error instanceof MillraceError && code !== 'internal' ? error.message : 'something went wrong inside the collector'
  const outcome: Outcome = outcomes[code]
  const body: ErrorResponse = { success: false, error: { code, message, retryable: outcome.retryAfterSeconds !== undefined } }
  const answer: Answer = { status: outcome.status, body: JSON.stringify(body) }
  if (outcome.retryAfterSeconds === undefined) return answer
  const [least, spread] = outcome.retryAfterSeconds
  const wait = error instanceof Refused ? Math.max(least, error.waitSeconds) : least
  return { ...answer, headers: { 'Retry-After': String(wait + Math.floor(random() * (spread + 1))) } }
}

/** Why a request was refused before its events were looked at; labels of a metric. */
export type RefusalReason =
  | 'workspace_events_per_second' | 'key_events_per_second' | 'key_bytes_per_second' | 'key_events_per_day' | 'key_share'
  | 'process_requests' | 'process_bytes' | 'log_behind'

export interface Refusal {
  /** `rate_limited` where it is for what the sender does, `overloaded` where it is for what all do. */
  readonly code: 'rate_limited' | 'overloaded'
  readonly reason: RefusalReason
  /** A whole number. */
  readonly waitSeconds: number
}

/** Too much at this moment, of one sender or of all. */
export class Refused extends MillraceError {
  readonly reason: RefusalReason
  readonly waitSeconds: number

  constructor(message: string, { code, reason, waitSeconds }: Refusal) {
    super(code, message, { retryable: true })
    this.reason = reason
    this.waitSeconds = waitSeconds
  }
}
