/** The calls of Segment's tracking API. */
export const eventTypes = Object.freeze(['identify', 'track', 'page', 'screen', 'group', 'alias'] as const)

export type EventType = (typeof eventTypes)[number]

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject

export interface JsonObject {
  readonly [key: string]: JsonValue | undefined
}

/** Free-form data of a call; anything JSON can carry. */
export type Properties = Readonly<Record<string, unknown>>

/** What every call may carry. `userId`, `anonymousId` or an e-mail in the traits must name the person. */
export interface CallFields {
  /** Your own id of the person, at most 320 bytes. */
  readonly userId?: string
  /** An id of a browser or device that nobody has logged in on yet. */
  readonly anonymousId?: string
  /** When it happened; an ISO 8601 text with a zone, or a Date. Default: now. */
  readonly timestamp?: string | Date
  /** At most 100 characters; the same id is stored once. Default: a fresh one. */
  readonly messageId?: string
  readonly context?: Properties
  readonly integrations?: Properties
}

/** Somebody did something. */
export interface TrackCall extends CallFields {
  /** Name of the event, at most 200 characters, such as `Order Completed`. */
  readonly event: string
  readonly properties?: Properties
}

/** Somebody is known by these traits. */
export interface IdentifyCall extends CallFields {
  readonly traits?: Properties
}

/** Somebody looked at a page. */
export interface PageCall extends CallFields {
  readonly name?: string
  readonly category?: string
  readonly properties?: Properties
}

/** Somebody looked at a screen of an app. */
export interface ScreenCall extends CallFields {
  readonly name?: string
  readonly category?: string
  readonly properties?: Properties
}

/** Somebody belongs to a group, such as a company. */
export interface GroupCall extends CallFields {
  readonly groupId: string
  readonly traits?: Properties
}

/** Two ids are one person. */
export interface AliasCall extends CallFields {
  readonly previousId: string
  readonly userId: string
}

/** A call as it travels: as it was made, its type, and times as text. */
export type WireEvent =
  | Wire<'track', TrackCall>
  | Wire<'identify', IdentifyCall>
  | Wire<'page', PageCall>
  | Wire<'screen', ScreenCall>
  | Wire<'group', GroupCall>
  | Wire<'alias', AliasCall>

type Wire<Type extends EventType, Call extends CallFields> = Omit<Call, 'timestamp'> & {
  readonly type: Type
  readonly timestamp?: string
  /** RudderStack's name of the client's own time. */
  readonly originalTimestamp?: string
}

/** The body of `POST /v1/batch`. */
export interface BatchBody {
  readonly batch: readonly WireEvent[]
  /** Needed in the body only where no header and no query carries it. */
  readonly writeKey?: string
  /** The client's clock when it sent the body, ISO 8601; corrects the skew of every `timestamp`. */
  readonly sentAt?: string
  /** Merged into every event; the event's own keys win. */
  readonly context?: Properties
  readonly integrations?: Properties
  /** True if the client reads `results`; only then does an event that could not be stored come back as `retry`. */
  readonly wantResults?: boolean
}

/**
 * An event as the edge wrote it and every later step reads it, keys in this order. Known fields have these types
 * for certain: what a client sent in another type stands under `malformed` instead. Unknown keys follow untouched.
 */
export interface CanonicalEvent {
  readonly messageId: string
  readonly type: EventType
  /** Name of a track. */
  readonly event?: string
  /** Name of a page or screen. */
  readonly name?: string
  readonly category?: string
  readonly userId?: string
  readonly anonymousId?: string
  readonly previousId?: string
  readonly groupId?: string
  /** When it happened, corrected for the client's clock skew; ISO 8601 in UTC with milliseconds. */
  readonly timestamp: string
  /** The time as the client sent it. */
  readonly originalTimestamp?: string
  readonly sentAt?: string
  /** When the collector had the request; ISO 8601 in UTC with milliseconds. */
  readonly receivedAt: string
  readonly properties?: JsonObject
  readonly traits?: JsonObject
  readonly context?: JsonObject
  readonly integrations?: JsonObject
  /** Values of known fields that had the wrong type, by field. */
  readonly malformed?: JsonObject
  readonly [key: string]: JsonValue | undefined
}

/** The kind of an event: a track's name, any other call's type. */
export function metricOf(event: { readonly type: EventType; readonly event?: string }): string {
  return event.type === 'track' ? (event.event ?? 'track') : event.type
}
