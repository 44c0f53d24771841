import type { Properties } from '@millrace/schemas'
import type { DropReason } from './event-queue.ts'

/** `pending`: events wait in memory, nothing is read, kept or sent. `denied`: nothing is recorded, what was kept is removed. */
export type ConsentState = 'pending' | 'granted' | 'denied'

/** Names of purposes, such as `analytics`, and whether the person agreed; they travel with every event. */
export type ConsentCategories = Readonly<Record<string, boolean>>

export interface MillraceOptions {
  /** Of the workspace; it may be public. */
  readonly writeKey: string
  /** Where the collector is, such as `https://events.example.com`. */
  readonly host: string
  /** The collector's path that ad blockers leave alone; `/e` unless told. */
  readonly path?: string
  /** Events that are sent without waiting for more; 20 unless told. */
  readonly flushAt?: number
  /** Milliseconds the first event waits for others, in memory; 1,000 unless told. */
  readonly flushInterval?: number
  /** `granted` unless told. */
  readonly consent?: ConsentState
  /** Record nobody who asks for privacy (Global Privacy Control, Do Not Track); true unless told. */
  readonly respectPrivacySignals?: boolean
  /** Keep nothing in this browser: no cookie, no storage, a new anonymous id with each page; false unless told. */
  readonly cookieless?: boolean
  /** Record nothing of obvious automation; unless told it is recorded and flagged as `context.bot`. */
  readonly dropBots?: boolean
  /** Call `page()` at the start and when the address changes without a page load; false unless told. */
  readonly pageViews?: boolean
  /** `include` lets a collector on a subdomain of the site keep the id in a cookie of its own; `omit` unless told. */
  readonly credentials?: 'omit' | 'include'
  /** An accepted event was given up. */
  readonly onDropped?: (dropped: { readonly reason: DropReason; readonly count: number }) => void
}

/** Why a call was refused; nothing was queued. `disabled` is the answer outside a browser. */
export type RefusalReason = 'invalid' | 'too_large' | 'consent' | 'opted_out' | 'bot' | 'disabled'

export type CallResult =
  | { readonly ok: true; readonly messageId: string }
  | { readonly ok: false; readonly reason: RefusalReason }

export interface CallOptions {
  /** When it happened; now unless told. */
  readonly timestamp?: Date | string
  /** The same id is stored once; a fresh one unless told. */
  readonly messageId?: string
  readonly context?: Properties
}

/** Names of events and the properties of each; an interface does. */
export type EventMap<Events> = { readonly [Name in keyof Events]: object }

/** Properties may be left out where none is required. */
export type TrackArguments<Fields> = object extends Fields
  ? [properties?: Fields, options?: CallOptions]
  : [properties: Fields, options?: CallOptions]

/** The customer's id with traits, or traits alone. */
export type IdentifyArguments =
  | [userId?: string | number | null, traits?: object, options?: CallOptions]
  | [traits: object, unused?: undefined, options?: CallOptions]

/** `('Cart')`, `('Cart', { … })`, or `('Checkout', 'Payment', { … })` with a category first. */
export type NamedCallArguments =
  | [name?: string, properties?: object, options?: CallOptions]
  | [properties: object, options?: CallOptions]
  | [category: string, name: string, properties?: object, options?: CallOptions]

/** Counts of this page. It may deliver what earlier pages and other tabs left, so they need not add up. */
export interface Stats {
  readonly accepted: number
  readonly delivered: number
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>
  /** Waiting in this browser or under way. */
  readonly queued: number
}

/** Calls answer at once and never throw; events are sent in batches, and again until they arrive. */
export interface Millrace<Events extends EventMap<Events> = Record<string, object>> {
  /** The person on this browser is this customer, from now on; without an id only the traits are told. */
  identify(...args: IdentifyArguments): CallResult
  track<Name extends keyof Events & string>(event: Name, ...rest: TrackArguments<Events[Name]>): CallResult
  page(...args: NamedCallArguments): CallResult
  screen(...args: NamedCallArguments): CallResult
  group(groupId: string | number, traits?: object, options?: CallOptions): CallResult
  /** Both ids are one person; the anonymous id of this browser unless another one is named. */
  alias(userId: string, previousId?: string, options?: CallOptions): CallResult
  /** On logout: forgets the person. The next event has a new anonymous id and a new session. */
  reset(): void
  user(): { id(): string | null; anonymousId(): string | null; traits(): object }
  setAnonymousId(id: string): void
  /** Fields of the context of every later event. */
  setContext(fields: Properties): void
  consent(state: ConsentState, categories?: ConsentCategories): void
  /** Resolves at once: nothing remote is waited for. */
  ready(): Promise<void>
  /** Sends what waits now; resolves when that was tried, within 30 seconds. */
  flush(): Promise<void>
  stats(): Stats
}
