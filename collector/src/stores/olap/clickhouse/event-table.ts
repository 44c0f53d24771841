/**
 * A part is on disk, with its name, before anything relies on it: a new one before its load is finished, one that a merge or an erasure
 * made before those it was made of are removed.
 */
export const durableParts = 'fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1'

/**
 * How columns are packed, by what was measured on 10 million events of a shop: the maps take a third less at level 3 than at 1, small numbers and
 * product ids by ZSTD two thirds of what LZ4 takes; times of one identifier are near each other, and DoubleDelta with ZSTD, which every report over time would
 * have to undo, takes twice the processor time of the whole report for a twentieth of a byte.
 */
const timeCodec = 'CODEC(Delta(8), LZ4)'
const smallCodec = 'CODEC(ZSTD(1))'
const mapCodec = 'CODEC(ZSTD(3))'

/** As the engine names them. */
export const eventCodecs: Readonly<Record<string, string>> = Object.freeze({
  time: timeCodec, product_id: smallCodec, quantity: smallCodec, properties_string: mapCodec, properties_number: mapCodec,
})

/** The events of a table that was made with other codecs: what is written or merged from now on has these. */
export function recodedEvents(database: string, table: string): string {
  return `ALTER TABLE ${database}.${table} MODIFY COLUMN time ${timeCodec}, MODIFY COLUMN product_id ${smallCodec}, MODIFY COLUMN quantity ${smallCodec},
    MODIFY COLUMN properties_string ${mapCodec}, MODIFY COLUMN properties_number ${mapCodec}`
}

/**
 * The events of one generation. The order serves reads of one metric, which are most of them; the identifier key in
 * it never changes, unlike the profile. The window makes a repeated load a no-op: it counts inserts, and at most a
 * handful are ever under way.
 */
export function eventTable(database: string, generation: number): string {
  return `CREATE TABLE IF NOT EXISTS ${database}.event_g${generation} (
    workspace UInt32,
    metric LowCardinality(String),
    type LowCardinality(String),
    identifier_key UUID,
    profile_id UUID,
    time DateTime64(3, 'UTC') ${timeCodec},
    received_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    message_id String CODEC(ZSTD(1)),
    value Nullable(Decimal(18, 4)),
    currency LowCardinality(String),
    order_id String,
    product_id String ${smallCodec},
    quantity Nullable(Int32) ${smallCodec},
    properties String CODEC(ZSTD(3)),
    properties_string Map(LowCardinality(String), String) ${mapCodec},
    properties_number Map(LowCardinality(String), Float64) ${mapCodec},
    partition UInt16,
    batch UInt64 CODEC(Delta, ZSTD(1)),
    schema UInt16,
    INDEX by_key identifier_key TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX by_batch batch TYPE minmax GRANULARITY 4
  ) ENGINE = MergeTree
  PARTITION BY toYYYYMM(time)
  ORDER BY (workspace, metric, identifier_key, time)
  SETTINGS non_replicated_deduplication_window = 10000, ${durableParts}`
}

/** Columns of the table, in the order of an insert. */
export const eventColumns: readonly string[] = Object.freeze([
  'workspace', 'metric', 'type', 'identifier_key', 'profile_id', 'time', 'received_at', 'message_id', 'value', 'currency', 'order_id',
  'product_id', 'quantity', 'properties', 'properties_string', 'properties_number', 'partition', 'batch', 'schema',
])

/** The view users ask: rows of a generation, each under the profile its identifier points at now. */
export function eventsView(database: string, generation: number): string {
  const columns = eventColumns.map((name) => (name === 'profile_id'
    ? `dictGetOrDefault('${database}.identity', 'profile_id', (event.workspace, event.identifier_key), event.profile_id) AS profile_id`
    : `event.${name} AS ${name}`))
  return `CREATE OR REPLACE VIEW ${database}.events AS SELECT ${columns.join(', ')} FROM ${database}.event_g${generation} AS event`
}

/**
 * Who there is, and since which batch: every version of where an identifier points. A row that is put again is the same
 * row; one whose batch was not known gives way to one that knows it.
 */
export function identifierTable(database: string): string {
  return `CREATE TABLE IF NOT EXISTS ${database}.identifier (
    workspace UInt32,
    identifier_key UUID,
    profile_id UUID,
    version UInt64,
    partition UInt16,
    batch UInt64
  ) ENGINE = ReplacingMergeTree(batch)
  ORDER BY (workspace, identifier_key, version)
  SETTINGS ${durableParts}`
}

export const identifierColumns: readonly string[] = Object.freeze(['workspace', 'identifier_key', 'profile_id', 'version', 'partition', 'batch'])

export function overrideTable(database: string): string {
  return `CREATE TABLE IF NOT EXISTS ${database}.identity_override (
    workspace UInt32,
    identifier_key UUID,
    profile_id UUID,
    version UInt64
  ) ENGINE = ReplacingMergeTree(version)
  ORDER BY (workspace, identifier_key)
  SETTINGS index_granularity = 1024, ${durableParts}`
}

/** In memory and reloaded after each change, so that only reads that name the profile pay for it. */
export function identityDictionary(database: string, credentials: string): string {
  return `CREATE DICTIONARY IF NOT EXISTS ${database}.identity (workspace UInt32, identifier_key UUID, profile_id UUID)
  PRIMARY KEY workspace, identifier_key
  SOURCE(CLICKHOUSE(${credentials}QUERY 'SELECT workspace, identifier_key, argMax(profile_id, version) AS profile_id FROM ${database}.identity_override GROUP BY workspace, identifier_key'))
  LAYOUT(COMPLEX_KEY_HASHED())
  LIFETIME(0)`
}
