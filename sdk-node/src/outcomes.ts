/** Why a call was refused; nothing was queued. */
export const refusalReasons = Object.freeze(['invalid', 'too_large', 'queue_full', 'closed', 'disabled', 'spool_failed'] as const)

/**
 * - `invalid`: not an event, or not JSON; the message says what.
 * - `too_large`: over the bound of one event.
 * - `queue_full`: a bound of the queue or of its directory is reached; `await client.ready()` paces a loop.
 * - `closed`, `disabled`: the client takes no events.
 * - `spool_failed`: the queue directory cannot be written, so the event would not survive a crash.
 */
export type RefusalReason = (typeof refusalReasons)[number]

export interface Refusal {
  readonly reason: RefusalReason
  /** For people: what is wrong with this call. */
  readonly message: string
}

/** Why an accepted event was given up. */
export const dropReasons = Object.freeze(['expired', 'rejected', 'unauthorized', 'too_large', 'closed'] as const)

/**
 * - `expired`: older than `ageMsMax` and still not delivered.
 * - `rejected`: the collector answered with a status that no repeat changes.
 * - `unauthorized`: it does not know the write key.
 * - `too_large`: it refuses this event even alone.
 * - `closed`: the client was closed before it could be delivered, and keeps no queue directory.
 */
export type DropReason = (typeof dropReasons)[number]

/** What finally became of an accepted event. */
export type Outcome =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'quarantined'; readonly reason: string }
  | { readonly kind: 'dropped'; readonly reason: DropReason; readonly status?: number }
