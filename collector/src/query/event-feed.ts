import { metricOf, type CanonicalEvent } from '@millrace/schemas'
import { propertiesOf } from '../ports/event-row.ts'
import type { BatchRow, PartitionRow, StatusReader } from '../ports/oltp.ts'
import type { ProfileReader } from '../ports/profile-reader.ts'
import { MillraceError } from '../platform/errors.ts'
import { type FeedPlace, feedCursor, parseFeedCursor } from './feed-cursor.ts'
import type { DecidedWatch } from './decided-watch.ts'
import { isoTime } from './profile-card.ts'

/** One event as it was decided, for good. */
export interface DecidedEvent {
  readonly workspace: number
  readonly messageId: string
  /** Epoch milliseconds. */
  readonly receivedAt: number
  readonly flags: readonly string[]
  /** null where what came could not be read as an event. */
  readonly event: CanonicalEvent | null
  readonly outcome: { readonly profileId: string; readonly identifierKey: string } | { readonly dropped: string }
  /** UTF-16 units of its archive line. */
  readonly length: number
}

/** What the feed needs of the archive and the log, which lie above it. */
export interface DecidedEvents {
  /**
   * The events of a batch in order, without its duplicates, from the `from`th on; read one by one as they are asked for.
   * Wherever they are read from they are the same. Null for what is in the batch and no event.
   */
  read(row: BatchRow, from: number): Promise<Iterable<DecidedEvent | null>>
  /** One stored event of the batch; null if it is not there. */
  find(row: BatchRow, messageId: string): Promise<DecidedEvent | null>
}

export interface FeedRequest {
  readonly workspace: number
  /** A cursor that a page gave; absent: from the first event on; `latest`: what comes from now on. */
  readonly after?: string
  /** 1 to 1,000. */
  readonly limit: number
  /** Quarantined events too. */
  readonly dropped: boolean
  /** How long to wait for the first event, milliseconds; 0 to 30,000. */
  readonly waitMs: number
}

export interface FeedEvent {
  readonly messageId: string
  readonly result: 'stored' | 'dropped'
  /** Of a dropped one. */
  readonly reason?: string
  readonly type: string | null
  readonly metric: string | null
  /** When it happened. */
  readonly time: string | null
  readonly receivedAt: string
  /** Whose it was when it was decided, and whose it is now; null for a dropped one. */
  readonly profileId: string | null
  readonly currentProfileId: string | null
  readonly userId?: string
  readonly anonymousId?: string
  readonly properties: unknown
  readonly context?: unknown
  /** What was altered or known of it on the way in. */
  readonly flags: readonly string[]
}

export interface FeedPage {
  readonly events: readonly FeedEvent[]
  /** Pass as `after` for what follows; always there, since the feed has no end. */
  readonly next: string
  /** There is more to read now. */
  readonly more: boolean
}

export interface FeedDependencies {
  readonly reader: Pick<StatusReader, 'partitions' | 'batches'> & Pick<ProfileReader, 'identifiers'>
  readonly decided: Pick<DecidedEvents, 'read'>
  readonly watch: DecidedWatch
}

/** Characters of archive lines in one page; the event that passes it is the page's last. */
const pageCharactersMax = 4_194_304
/** Bytes of archive lines looked at for one page: others' events cost a workspace time too. */
const scannedBytesMax = 33_554_432
/** Batch rows asked for at a time. */
const rowsMax = 100

interface Lane {
  readonly head: PartitionRow
  place: FeedPlace
  rows: readonly BatchRow[]
}

interface Scan {
  readonly found: DecidedEvent[]
  readonly places: readonly FeedPlace[]
  readonly more: boolean
}

/**
 * A page of the decided events of a workspace. Events of one partition, so of one identifier, come in the order they
 * were decided in; those of different partitions about by the time they were decided. A cursor is a place in each
 * partition, and what stands before it never changes: a page that is asked for again is the same but for
 * `currentProfileId`, and nothing is skipped or repeated whatever is killed in between.
 */
export async function eventFeedPage(request: FeedRequest, dependencies: FeedDependencies, signal: AbortSignal): Promise<FeedPage> {
  const { reader, watch } = dependencies
  const deadline = performance.now() + request.waitMs
  let heads = await reader.partitions()
  let places = startingPlaces(request.after, heads)
  for (;;) {
    const scan = await scanPage(places, heads, { request, dependencies })
    const restMs = deadline - performance.now()
    if (scan.found.length > 0 || restMs <= 0 || signal.aborted) return pageOf(scan, request, reader)
    const now = scan.more ? heads : await watch.beyond(heads, restMs, signal)
    if (now === null) return pageOf(scan, request, reader)
    places = scan.places
    heads = now
  }
}

function startingPlaces(after: string | undefined, heads: readonly PartitionRow[]): readonly FeedPlace[] {
  if (after === undefined || after === '') return []
  if (after === 'latest') return heads.reduce<FeedPlace[]>((places, { partition, batch }) => {
    places[partition] = { batch, events: 0 }
    return places
  }, [])
  const places = parseFeedCursor(after)
  for (const { partition, batch } of heads) {
    if ((places[partition]?.batch ?? 0) <= batch) continue
    throw new MillraceError('bad_request', 'after: this cursor is ahead of what is decided here; was the store restored from a backup? Read again from an earlier cursor')
  }
  return places
}

async function scanPage(
  places: readonly FeedPlace[], heads: readonly PartitionRow[], { request, dependencies }: { request: FeedRequest; dependencies: FeedDependencies },
): Promise<Scan> {
  const lanes = heads.map((head): Lane => ({ head, place: places[head.partition] ?? { batch: 0, events: 0 }, rows: [] }))
  const found: DecidedEvent[] = []
  const budget = { events: request.limit, characters: pageCharactersMax, bytes: scannedBytesMax }
  let lane = await earliest(lanes, dependencies)
  while (lane !== null && budget.events > 0 && budget.characters > 0 && budget.bytes > 0) {
    await takeBatch(lane, { found, budget, request, decided: dependencies.decided })
    lane = await earliest(lanes, dependencies)
  }
  const next: FeedPlace[] = [...places]
  for (const { head, place } of lanes) next[head.partition] = place
  return { found, places: next, more: lane !== null }
}

/** The lane whose next batch was decided first; null if all are at their heads. */
async function earliest(lanes: readonly Lane[], { reader }: FeedDependencies): Promise<Lane | null> {
  let first: Lane | null = null
  for (const lane of lanes) {
    if (lane.rows.length === 0 && lane.place.batch < lane.head.batch) {
      lane.rows = await reader.batches(lane.head.partition, lane.place.batch + 1, Math.min(rowsMax, lane.head.batch - lane.place.batch))
    }
    const next = lane.rows[0]
    if (next !== undefined && next.decidedAt < (first?.rows[0]?.decidedAt ?? Infinity)) first = lane
  }
  return first
}

interface Taking {
  readonly found: DecidedEvent[]
  readonly budget: { events: number; characters: number; bytes: number }
  readonly request: FeedRequest
  readonly decided: Pick<DecidedEvents, 'read'>
}

/** Takes what fits of the lane's next batch and moves its place. */
async function takeBatch(lane: Lane, { found, budget, request, decided }: Taking): Promise<void> {
  const [row, ...rest] = lane.rows
  if (row === undefined) return
  let { events: index } = lane.place
  budget.bytes -= row.lineBytes
  for (const event of row.lineBytes === 0 ? [] : await decided.read(row, index)) {
    if (budget.events === 0 || budget.characters <= 0) {
      lane.place = { batch: row.batch - 1, events: index }
      return
    }
    index += 1
    if (event === null || event.workspace !== request.workspace || ('dropped' in event.outcome && !request.dropped)) continue
    found.push(event)
    budget.events -= 1
    budget.characters -= event.length
  }
  lane.place = { batch: row.batch, events: 0 }
  lane.rows = rest
}

async function pageOf({ found, places, more }: Scan, { workspace }: FeedRequest, reader: FeedDependencies['reader']): Promise<FeedPage> {
  const keys = new Set(found.flatMap(({ outcome }) => ('dropped' in outcome ? [] : [outcome.identifierKey])))
  const identifiers = keys.size === 0 ? [] : await reader.identifiers(workspace, [...keys])
  const current = new Map(identifiers.map(({ key, profileId }) => [key, profileId]))
  return { events: found.map((event) => feedEvent(event, current)), next: feedCursor(places), more }
}

function feedEvent({ messageId, receivedAt, flags, event, outcome }: DecidedEvent, current: ReadonlyMap<string, string>): FeedEvent {
  const dropped = 'dropped' in outcome
  return {
    messageId,
    ...(dropped ? { result: 'dropped', reason: outcome.dropped } : { result: 'stored' }),
    type: event?.type ?? null,
    metric: event === null ? null : metricOf(event),
    time: event?.timestamp ?? null,
    receivedAt: isoTime(receivedAt),
    profileId: dropped ? null : outcome.profileId,
    // An erased identifier is nobody's any more.
    currentProfileId: dropped ? null : (current.get(outcome.identifierKey) ?? null),
    ...(event?.userId === undefined ? {} : { userId: event.userId }),
    ...(event?.anonymousId === undefined ? {} : { anonymousId: event.anonymousId }),
    properties: event === null ? null : propertiesOf(event),
    ...(event?.context === undefined ? {} : { context: event.context }),
    flags,
  }
}
