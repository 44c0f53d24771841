import type { QuarantineReason } from '@millrace/schemas'
import type { AutomationReader, AutomationStore } from './automation-store.ts'
import type { ConsentRow } from './consent.ts'
import type { ErasureReader, ErasureStore, NewErasure, Suppression } from './erasure-store.ts'
import type { DecidedPointing, IdentityChanges, IdentityOverride, IdentityPointing, IdentityReader } from './identity.ts'
import type { KeyRow, KeyStore } from './key.ts'
import type { GenerationSwap, NewGeneration } from './generation-setting.ts'
import type { LoadOutcome, LoadRefusal } from './load-outcome.ts'
import type { LogPosition } from './log.ts'
import type { ProfileReader, TimelineRow } from './profile-reader.ts'
import type { ResolveProgress, SettingsHistory, SettingsReader, SettingsRow, SettingsStore, SettingsTransaction } from './workspace-settings.ts'

/**
 * The transactional tier. One transaction a batch is the moment of truth; everything later is a pure
 * function of the rows it wrote. A driver loads rows and applies change sets; it decides nothing.
 */

/** The two owners a partition has: one decides and archives, one loads. Each has its own epoch and cursor. */
export const partitionRoles = Object.freeze(['pump', 'load'] as const)
export type PartitionRole = (typeof partitionRoles)[number]

/** What a deciding or planning process shows: another epoch in the row means that somebody took over. */
export interface Fence {
  readonly partition: number
  readonly role: PartitionRole
  readonly epoch: number
}

export interface PartitionRow {
  readonly partition: number
  readonly pumpEpoch: number
  readonly loadEpoch: number
  /** The last record decided; null before the first. */
  readonly position: LogPosition | null
  /** Events of the partition up to `position` in this incarnation of the log; null where the log cannot know. */
  readonly sequence: number | null
  /** The last batch decided, archived, loaded; 0 before the first. Batches count from 1 without a gap. */
  readonly batch: number
  readonly archivedBatch: number
  readonly loadedBatch: number
  /** The last load planned. */
  readonly load: number
}

export interface Claimed {
  readonly fence: Fence
  readonly row: PartitionRow
}

export interface BatchCounts {
  /** Events taken from the log. */
  readonly accepted: number
  readonly stored: number
  readonly duplicate: number
  readonly quarantined: number
}

/** Freezes everything the later steps need. */
export interface BatchRow extends BatchCounts {
  readonly partition: number
  readonly batch: number
  readonly epoch: number
  readonly firstPosition: LogPosition
  readonly lastPosition: LogPosition
  /** The position before the first record, where a reader starts again to rebuild the batch. */
  readonly afterPosition: LogPosition | null
  readonly records: number
  /**
   * For each event in order its profile id, or `d` (duplicate) or `q` (quarantined), run-length packed by
   * pump/decisions.ts; null once it is archived and loaded, when the archive's lines hold the same.
   */
  readonly decisions: string | null
  /** Milliseconds of the oldest record's receivedAt; places the archive object. */
  readonly firstReceivedAt: number
  readonly lastReceivedAt: number
  /** Minute of receivedAt to counts, JSON. */
  readonly minutes: string
  /** Months of event time as `YYYYMM`, ascending, comma separated: a load may span at most so many. */
  readonly months: string
  /** Bytes of the archive lines, uncompressed, and the SHA-256 over them in hex. */
  readonly lineBytes: number
  readonly digest: string
  readonly schemaVersion: number
  readonly decidedAt: number
}

/** A frozen run of batches that one archive object holds. */
export interface ObjectRow {
  readonly partition: number
  readonly firstBatch: number
  readonly lastBatch: number
  readonly name: string
  readonly digest: string
  readonly events: number
  readonly plannedAt: number
  /** null until the object exists. */
  readonly archivedAt: number | null
}

/** A frozen run of batches (of some months) that one OLAP insert carries. */
export interface LoadRow {
  readonly partition: number
  readonly load: number
  readonly firstBatch: number
  readonly lastBatch: number
  /** `YYYYMM` bounds, inclusive, where a run of batches spans too many months for one insert; else null. */
  readonly firstMonth: number | null
  readonly lastMonth: number | null
  /** The load that moves the cursor past lastBatch: the last of the run's months. */
  readonly closesRun: boolean
  readonly digest: string
  readonly schemaVersion: number
  readonly plannedAt: number
  readonly rows: number | null
  readonly loadedAt: number | null
}

export interface MetricDelta {
  readonly workspace: number
  readonly identifierKey: string
  readonly metric: string
  readonly count: number
  readonly firstAt: number
  readonly lastAt: number
}

export interface QuarantineRow {
  readonly workspace: number
  readonly messageId: string
  readonly reason: QuarantineReason
  readonly receivedAt: number
  /** The quarantined event as JSON, see ports/record.ts. */
  readonly event: string
}

export interface QuarantineQuery {
  readonly workspace: number
  readonly reason: QuarantineReason | null
  readonly after: string | null
  readonly limit: number
}

export interface EventRef {
  readonly workspace: number
  readonly messageId: string
  /** Chooses the period that a claim is kept in. */
  readonly receivedAt: number
}

/** A message id taken for good: a second event with it is a duplicate. */
export interface NewClaim extends EventRef {
  /** The identifier the event belongs to; null for a quarantined event. */
  readonly identifierKey: string | null
  /** The id was made from an object of a source: it goes into the source register and is remembered for ever. */
  readonly sourced: boolean
}

export interface RegisterRow {
  readonly workspace: number
  readonly identifierKey: string
  /** As identity/registers.ts writes it. */
  readonly registers: string
}

export interface ProfileRef {
  readonly workspace: number
  readonly id: string
}

/** Everything one decide transaction writes, apart from the partition row. */
export interface DecideChanges {
  readonly identity: IdentityChanges
  readonly claims: readonly NewClaim[]
  readonly registers: readonly RegisterRow[]
  readonly consents: readonly ConsentRow[]
  readonly metrics: readonly MetricDelta[]
  readonly timeline: readonly TimelineRow[]
  readonly quarantine: readonly QuarantineRow[]
  /** Their identifiers are suppressed with them. */
  readonly erasures: readonly NewErasure[]
  /** New versions of settings. */
  readonly settings: readonly SettingsRow[]
  /** Walks that begin, again or for the first time, and those that get further. */
  readonly resolves: readonly ResolveProgress[]
  /** Profiles with new events; each version rises by one. */
  readonly touched: readonly ProfileRef[]
  readonly batch: BatchRow
  readonly sequence: number | null
}

/** What a batch changes of people: the part of its changes that a rebuild makes again. */
export type PeopleChanges = Pick<DecideChanges, 'identity' | 'registers' | 'consents' | 'metrics' | 'timeline' | 'touched'>

/** The open transaction of a rebuild, which began with nobody in it. */
export interface RebuildTransaction extends IdentityReader, SettingsHistory {
  registers(workspace: number, identifierKeys: readonly string[]): Promise<ReadonlyMap<string, string>>
  /** Writes what a batch changes of people; no merges, overrides and pointings, which are history. */
  replay(changes: PeopleChanges, from: Pick<BatchRow, 'partition' | 'batch'>): Promise<void>
}

export interface RebuiltPeople {
  readonly identifiers: number
  readonly profiles: number
  /** Identifiers that point at another profile than before: none where nothing but the store was wrong. */
  readonly moved: readonly IdentityOverride[]
}

/** Reads see the transaction's own snapshot; each is one round trip for the whole list. */
export interface DecideTransaction extends IdentityReader, SettingsTransaction {
  readonly partition: PartitionRow
  /** For each reference, whether its message id was claimed within the duplicate window, or is in the source register. */
  claimed(refs: readonly EventRef[]): Promise<readonly boolean[]>
  /** Whether anybody of the workspace is suppressed: one look. */
  suppresses(workspace: number): Promise<boolean>
  /** Those of the keys that are suppressed. */
  suppressions(workspace: number, identifierKeys: readonly string[]): Promise<ReadonlyMap<string, Suppression>>
  registers(workspace: number, identifierKeys: readonly string[]): Promise<ReadonlyMap<string, string>>
  /**
   * Writes all tables in one fixed order, rows sorted by key, and moves the partition's position to the batch's end. Every
   * identifier among the changes was read in this transaction: one that was absent then must be absent still.
   */
  apply(changes: DecideChanges): Promise<void>
}

export interface WorkspaceRow {
  readonly workspace: number
  readonly name: string
  readonly createdAt: number
}

/** A process that shares the partitions with others. */
export interface MemberRow {
  /** Fresh at each start. */
  readonly member: string
  readonly roles: readonly PartitionRole[]
}

/** The writing half: the pump, the loader and key administration. */
export interface Oltp extends KeyStore, SettingsStore {
  /** The part that automations keep; on the same database, closed with it. */
  readonly automations: AutomationStore
  /** The part that forgetting people needs; on the same database, closed with it. */
  readonly erasures: ErasureStore
  /** Creates or upgrades the schema; idempotent. */
  migrate(): Promise<void>
  /** A named setting that must never change by accident (identity key, partition count, generation). */
  setting(name: string): Promise<string | null>
  /** Stores it unless it is there; answers what is there. */
  settingOnce(name: string, value: string): Promise<string>
  setSetting(name: string, value: string): Promise<void>

  /**
   * Says that the member lives, by the database's clock, and answers all members that said so within `aliveMs`, itself
   * among them, in order of their names.
   */
  heartbeat(member: MemberRow, aliveMs: number): Promise<readonly MemberRow[]>
  /** The member ends in order: its partitions are free at once. */
  leave(member: string): Promise<void>

  /** Takes a partition over: the role's epoch rises by one. A negative number is a scratch one that no reader counts. */
  claimPartition(partition: number, role: PartitionRole): Promise<Claimed>
  partition(partition: number): Promise<PartitionRow>
  /**
   * Runs `work` in one transaction after checking the epoch under the row lock. Commits if it resolves and
   * rolls back if it rejects. Fails with `epoch_lost`, or `unavailable` (retryable), or `outcome_unknown` when
   * the commit's answer was lost: then read the partition row before anything else.
   */
  decide<T>(fence: Fence, work: (transaction: DecideTransaction) => Promise<T>): Promise<T>

  batches(partition: number, firstBatch: number, limit: number): Promise<readonly BatchRow[]>
  /** Freezes the run before anything is put. Checks the fence; fails with `unavailable` (retryable) where its first batch is in a planned run already. */
  planObject(fence: Fence, row: ObjectRow): Promise<void>
  /** The object exists: moves the archive cursor. Checks the fence. */
  finishObject(fence: Fence, row: ObjectRow, archivedAt: number): Promise<void>
  /** The planned object that is not finished, if any. */
  openObject(partition: number): Promise<ObjectRow | null>
  objectOf(partition: number, batch: number): Promise<ObjectRow | null>
  /** Behind every transaction that holds the partition. Fails with `epoch_lost` where the fence is not the newest. */
  requireOwned(fence: Fence): Promise<void>
  /** All loads of one run. As {@link planObject}. */
  planLoads(fence: Fence, rows: readonly LoadRow[]): Promise<void>
  finishLoad(fence: Fence, row: LoadRow, outcome: LoadOutcome): Promise<void>
  /** A number for a rebuild of the OLAP, stored with all that were given before. */
  newGeneration(): Promise<NewGeneration>
  /** Stores {@link generationSetting}, and the refusals in the place of all there were, in one transaction with a check of the fences, each of another partition. */
  swapGeneration(fences: readonly Fence[], swap: GenerationSwap): Promise<void>
  openLoads(partition: number): Promise<readonly LoadRow[]>
  loads(partition: number, firstLoad: number, limit: number): Promise<readonly LoadRow[]>
  /** Overrides that batches of a partition caused, first to last inclusive. */
  overridesOf(partition: number, firstBatch: number, lastBatch: number): Promise<readonly IdentityOverride[]>
  /** All current overrides in key order, for a rebuild; `after` is the last key of the page before. */
  overrides(after: IdentityOverride | null, limit: number): Promise<readonly IdentityOverride[]>
  /** Pointings that batches of a partition made, first to last inclusive, in order of batch, workspace and identifier key. */
  pointingsOf(partition: number, firstBatch: number, lastBatch: number): Promise<readonly DecidedPointing[]>
  /** Where every identifier points now, in order of workspace and key; `after` is the last of the page before. */
  pointings(after: IdentityPointing | null, limit: number): Promise<readonly IdentityPointing[]>
  /** Drops duplicate-window periods that ended before the instant, never the source register; of finished batches the decisions, of loaded ones overrides and pointings. */
  prune(partition: number, windowStart: number): Promise<void>

  /**
   * Makes identifiers, evidence, profiles and timelines anew in one transaction: readers see the old ones until it commits
   * and no partition decides meanwhile. Versions go on above all old ones.
   */
  rebuildProfiles(work: (transaction: RebuildTransaction) => Promise<void>): Promise<RebuiltPeople>

  createWorkspace(name: string, createdAt: number): Promise<WorkspaceRow>
  /**
   * Stores a definition in one transaction: as the next version of the segment with the draft's id, else of the one whose
   * newest version has its name (names are compared byte by byte), else as version 1 of a new one with the id `newId`.
   * Fails with `not_found` for an id the workspace does not have, `bad_request` where another segment has the name or the
   * workspace would have more than `segmentsMax` segments.
   */
  putSegment(draft: SegmentDraft): Promise<SegmentRow>
  /** Stores, in one transaction, those drafts of one workspace whose name no segment of it has, while there is room; what is there stays as it is. */
  addSegments(workspace: number, drafts: readonly NewSegment[]): Promise<void>
  close(): Promise<void>
}

/** A segment's definition as somebody wants it stored. */
export interface SegmentDraft extends NewSegment {
  readonly workspace: number
  /** Null: by its name. */
  readonly id: string | null
}

export interface NewSegment {
  /** UUID text, for a segment that is not there yet. */
  readonly newId: string
  /** 1 to 200 characters. */
  readonly name: string
  /** The definition as JSON text, defaults filled in. */
  readonly definition: string
  readonly createdAt: number
}

/** One version of a segment; none is ever changed. */
export interface SegmentRow {
  readonly workspace: number
  /** UUID text. */
  readonly id: string
  /** From 1 without a gap. */
  readonly version: number
  readonly name: string
  readonly definition: string
  readonly createdAt: number
}

/** Segments of one workspace. */
export const segmentsMax = 1_000

export interface SegmentReader {
  /** The newest version of each segment of the workspace, in order of their ids. */
  segments(workspace: number): Promise<readonly SegmentRow[]>
  /** One version of a segment, the newest if it is null; null if there is none. */
  segment(workspace: number, id: string, version: number | null): Promise<SegmentRow | null>
}

/** The reading half, safe beside any number of writers. */
export interface OltpReader extends StatusReader, ProfileReader, SegmentReader, SettingsReader {
  readonly automations: AutomationReader
  readonly erasures: ErasureReader
  keys(): Promise<readonly KeyRow[]>
  workspaces(): Promise<readonly WorkspaceRow[]>
  setting(name: string): Promise<string | null>
  close(): Promise<void>
}

export interface StatusReader {
  partitions(): Promise<readonly PartitionRow[]>
  /** Sums over batches: all decided, those archived, those loaded. */
  totals(): Promise<readonly PartitionTotals[]>
  batch(partition: number, batch: number): Promise<BatchRow | null>
  /** In order from `firstBatch` on. */
  batches(partition: number, firstBatch: number, limit: number): Promise<readonly BatchRow[]>
  objectOf(partition: number, batch: number): Promise<ObjectRow | null>
  /** The load that closes the run the batch is in, if one was planned. */
  loadOf(partition: number, batch: number): Promise<LoadRow | null>
  /** For each message id, whether the source register has it. */
  registered(workspace: number, messageIds: readonly string[]): Promise<readonly boolean[]>
  /** All there are, in order of partition and load. */
  refusals(): Promise<readonly LoadRefusal[]>
  /** Where a message id was decided. */
  claimOf(workspace: number, messageId: string): Promise<Claim | null>
  quarantined(workspace: number, messageId: string): Promise<QuarantineRow | null>
  /** Those of one reason (null: of any) behind a message id, in an order of message ids that stays the same. */
  quarantine(request: QuarantineQuery): Promise<readonly QuarantineRow[]>
}

export interface Claim {
  readonly partition: number
  readonly batch: number
  readonly identifierKey: string | null
}

export interface PartitionTotals {
  readonly partition: number
  readonly decided: BatchCounts
  readonly archived: number
  readonly loaded: number
}
