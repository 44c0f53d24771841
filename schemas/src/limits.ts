/**
 * Every limit of the wire protocol. A client that stays below them never meets a 413 or a quarantine;
 * what happens above each one is said beside it. `Bytes` count UTF-8, `Characters` count UTF-16 units.
 */
export const limits = Object.freeze({
  /** One event as canonical JSON; above: quarantined alone as `event_too_large`. */
  eventBytesMax: 32 * 1024,
  /** One request body on the wire; above: 413. */
  bodyBytesMax: 512 * 1024,
  /** The same body after decompression; above: 413. */
  decodedBodyBytesMax: 10 * 512 * 1024,
  /** Events in one body; above: 413 that names the first offending index. */
  bodyEventsMax: 2_500,
  /** Nesting of objects and arrays, the event itself included; above: `too_deep`. */
  eventDepthMax: 32,
  /** Distinct key paths of one event, items of an array sharing one; above: `too_many_keys`. */
  eventKeysMax: 512,
  /** A track's event name; above: `event_too_large`. */
  eventNameCharactersMax: 200,
  /** A longer client message id becomes a stable hash of itself. */
  messageIdCharactersMax: 100,
  /** A longer value is kept in the event but never identifies anyone. */
  identifierBytesMax: 320,
  /** Name and JSON text of a profile property; a greater one stays in its event and is no property of the profile. */
  propertyBytesMax: 4_096,
  /** What is kept of an event that can never succeed; above: cut, and said so. */
  quarantinedRawBytesMax: 256 * 1024,
  /** An event further ahead of the collector's clock is clamped to the time of receipt: `clamped_future`. */
  futureMsMax: 10 * 60 * 1000,
  /** Epoch milliseconds of 1990-01-01; an event before it is `timestamp_out_of_range`. */
  timestampMsMin: Date.UTC(1990, 0, 1),
  /** All headers of a request; above: 413 or a closed connection. */
  headersBytesMax: 16 * 1024,
  /** A connection whose headers take longer is closed. */
  headersTimeoutMs: 10_000,
  /** A connection whose body takes longer is closed. */
  bodyTimeoutMs: 30_000,
  /** Connections to one process, or half of the files it may open where that is fewer; above: closed. */
  connectionsMax: 10_000,
  /** Requests being read or answered in one process; above: 503. */
  openRequestsMax: 4_096,
  /** Request bytes held by one process; above: 503. */
  inFlightBytesMax: 256 * 1024 * 1024,
  /** Request bytes held for one key in one process, which also shares what is free with other keys; above: 429. */
  keyInFlightBytesMax: 128 * 1024 * 1024,
})

export type Limits = typeof limits
