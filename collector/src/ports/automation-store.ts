import type { DeliveryState } from './delivery-state.ts'
import type { IdentifierRow } from './identity.ts'
import type { LogPosition } from './log.ts'
import type { ProfileReader } from './profile-reader.ts'

/**
 * What automations keep: settings, cart timers, and the outbox of webhooks. It lives in the same database as profiles,
 * so that one transaction can judge a cart by its person and put the webhook into the outbox.
 *
 * A driver keeps these rows and moves them as told; it knows no rule of any automation. Instants are epoch milliseconds.
 * Everything that takes work away from others does so by a lease: a name and an end, after which anybody may take it.
 */

/** One automation of one workspace as it is set. */
export interface AutomationRow {
  readonly workspace: number
  /** From a closed list of ASCII names, such as `abandoned-cart`. */
  readonly automation: string
  /** JSON text; only automation/cart-settings.ts looks inside. Holds the secrets of the webhook. */
  readonly settings: string
  readonly updatedAt: number
}

/** The owner of a partition's automations: another epoch in the row means that somebody took over. */
export interface ConsumerFence {
  readonly partition: number
  readonly epoch: number
}

/** How far a partition is: decided, and seen by automations. */
export interface ConsumerProgress {
  readonly partition: number
  /** The last record decided; null before the first. */
  readonly position: LogPosition | null
  /** The last batch decided. */
  readonly batch: number
  /** The last batch that automations have seen; 0 before the first. */
  readonly consumedBatch: number
}

/**
 * The cart of one identifier. The cart of a person is the rows of all identifiers that point at the profile, so a merge
 * joins carts and a split parts them without touching a row.
 *
 * Closed (dueAt null) → open (a cart event later than closedThrough) → closed by an order, by the webhook, or because
 * the automation was switched off.
 */
export interface CartRow {
  readonly workspace: number
  readonly automation: string
  readonly identifierKey: string
  /** First and last event of the open cart by (time, message id); of the last one while closed. */
  readonly firstAt: number
  readonly firstMessageId: string
  readonly lastAt: number
  readonly lastMessageId: string
  /** Cart events up to this instant are settled: ordered, sent or given up; null if none was. */
  readonly closedThrough: number | null
  /** When to judge the cart; null while closed. */
  readonly dueAt: number | null
}

/** One webhook of the outbox; its body never changes. */
export interface DeliveryRow {
  readonly workspace: number
  /** ASCII, at most 64 characters; unique in the workspace. */
  readonly webhookId: string
  readonly automation: string
  /** UUID text of the profile when the cart was judged. */
  readonly profileId: string
  readonly body: string
  readonly dueAt: number
  readonly createdAt: number
  readonly state: DeliveryState
  /** Why it is parked, from a closed list; else null. */
  readonly reason: string | null
  /** Tries so far, and those since it was created or replayed: the second chooses the next wait. */
  readonly attempts: number
  readonly round: number
  /** The first try of the round; null before it. */
  readonly roundStartedAt: number | null
  /** Not null exactly while waiting. */
  readonly nextAt: number | null
  readonly sentAt: number | null
}

/** One try. */
export interface AttemptRow {
  readonly workspace: number
  readonly webhookId: string
  /** Counts from 1. */
  readonly attempt: number
  readonly at: number
  readonly durationMs: number
  /** HTTP status; null where there was no answer. */
  readonly status: number | null
  /** Why there was none, from a closed list; else null. */
  readonly error: string | null
}

/** The receiver of an automation's webhooks; there is none before the first failure. */
export interface EndpointRow {
  readonly workspace: number
  readonly automation: string
  /** Since when every try failed; null while the last one succeeded. */
  readonly failingSince: number | null
  /** Nothing is sent while this is set. */
  readonly disabledAt: number | null
  readonly disabledReason: string | null
}

export interface EndpointRef {
  readonly workspace: number
  readonly automation: string
}

export interface Lease {
  /** Who takes it; fresh at each start of a process. */
  readonly owner: string
  readonly now: number
  readonly until: number
  readonly limit: number
}

/** What became of a leased delivery. */
export interface AttemptOutcome {
  readonly owner: string
  /** The delivery as it is after the try. */
  readonly delivery: DeliveryRow
  /** null where nothing was tried, since the endpoint is disabled. */
  readonly attempt: AttemptRow | null
  /** The endpoint as it is after the try; null if nothing changes there. */
  readonly endpoint: EndpointRow | null
}

/** One open transaction. Reads see its own snapshot or fresher rows; `carts` locks what it reads. */
export interface AutomationTransaction extends Pick<ProfileReader, 'profile' | 'identifiersOf' | 'registersOf' | 'metricTotals' | 'timeline'> {
  automations(): Promise<readonly AutomationRow[]>
  identifiers(workspace: number, keys: readonly string[]): Promise<readonly IdentifierRow[]>
  /** Rows of these identifiers, in key order, locked until the end of the transaction. */
  carts(ref: EndpointRef, identifierKeys: readonly string[]): Promise<readonly CartRow[]>
  /** Inserts or replaces, sorted by key, and ends the leases of these rows. */
  putCarts(rows: readonly CartRow[]): Promise<void>
  /** False, changing nothing, if the workspace has a delivery with this webhook id. */
  addDelivery(row: DeliveryRow): Promise<boolean>
}

export interface AutomationStore {
  /** Stores the settings, enables the endpoint again, and moves every open cart's dueAt to its lastAt + `delayMs`. */
  putAutomation(row: AutomationRow, delayMs: number): Promise<void>
  automations(): Promise<readonly AutomationRow[]>

  /** Takes the partition over: its epoch rises by one. Answers how far it is. */
  claimConsumer(partition: number): Promise<{ readonly fence: ConsumerFence; readonly consumedBatch: number }>
  /**
   * Runs `work` and moves the cursor to `throughBatch` in one transaction, after checking the epoch under the row's
   * lock. Fails with `epoch_lost`, `unavailable` (retryable) or `outcome_unknown`; a repeat from the stored cursor is
   * then right.
   */
  consume<T>(fence: ConsumerFence, throughBatch: number, work: (transaction: AutomationTransaction) => Promise<T>): Promise<T>
  /** Every partition that was ever claimed. */
  progress(): Promise<readonly ConsumerProgress[]>

  /** Runs `work` in one transaction; rolls back if it rejects. The same errors as {@link consume}, but for `epoch_lost`. */
  transact<T>(work: (transaction: AutomationTransaction) => Promise<T>): Promise<T>
  /** The least dueAt of an open cart that is not leased; null if there is none. */
  nextCartDue(now: number): Promise<number | null>
  /** Takes open carts that are due and not leased, the longest due first. */
  leaseCarts(lease: Lease): Promise<readonly CartRow[]>

  /** The least nextAt of a waiting delivery that is not leased; null if there is none. */
  nextDeliveryDue(now: number): Promise<number | null>
  /** Automations with a waiting delivery that is due and not leased; costs no more for one with many. */
  dueEndpoints(now: number, limit: number): Promise<readonly EndpointRef[]>
  /** Takes waiting deliveries of one automation that are due and not leased, the longest due first. */
  leaseDeliveries(endpoint: EndpointRef, lease: Lease): Promise<readonly DeliveryRow[]>
  endpoint(ref: EndpointRef): Promise<EndpointRow | null>
  /**
   * Writes what became of leased deliveries and ends their leases, in one transaction. An outcome whose lease went to
   * somebody else keeps its attempt and changes neither delivery nor endpoint, unless it is `sent`, which is final.
   */
  finishAttempts(outcomes: readonly AttemptOutcome[]): Promise<void>
  /**
   * Parked deliveries (one, or all of the automation, at most `limit`) wait again with nextAt = `now` in a new round, and
   * the endpoint is enabled. Answers how many.
   */
  replay(ref: EndpointRef, request: { readonly webhookId: string | null; readonly now: number; readonly limit: number }): Promise<number>
  /** Gives back what a process took: its own leases, or everybody's where `owner` is null. */
  releaseLeases(owner: string | null): Promise<void>
  /**
   * Drops deliveries with their attempts, sent before the instant or parked and created before it, and carts closed
   * through an earlier one: at most `limit` of each.
   */
  pruneAutomation(before: number, limit: number): Promise<void>
}

export interface DeliveryQuery extends EndpointRef {
  readonly state?: DeliveryState
  readonly webhookId?: string
  /** Continue strictly older than this (createdAt, webhookId). */
  readonly cursor?: { readonly createdAt: number; readonly webhookId: string }
  readonly limit: number
}

export interface AutomationCounts {
  readonly openCarts: number
  readonly deliveries: Readonly<Record<DeliveryState, number>>
  readonly disabledEndpoints: number
}

/** The reading half, safe beside any number of writers. */
export interface AutomationReader {
  automation(ref: EndpointRef): Promise<AutomationRow | null>
  endpoint(ref: EndpointRef): Promise<EndpointRow | null>
  /** Newest first by (createdAt, webhookId). */
  deliveries(query: DeliveryQuery): Promise<readonly DeliveryRow[]>
  /** Tries of these deliveries, oldest first, at most `limit` of each. */
  attempts(workspace: number, webhookIds: readonly string[], limit: number): Promise<readonly AttemptRow[]>
  /** Of one automation, or of all. */
  counts(ref: EndpointRef | null): Promise<AutomationCounts>
}
