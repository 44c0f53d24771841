import { metricOf, type CanonicalEvent, type QuarantineReason } from '@millrace/schemas'
import { ByteWriter } from '../platform/byte-writer.ts'
import type { Clock } from '../platform/clock.ts'
import { applyTraits, emptyRegisters, parseRegisters, type Registers, serialiseRegisters } from '../identity/registers.ts'
import { consentsOf } from '../identity/consent.ts'
import { extractIdentifiers } from '../identity/extract-identifiers.ts'
import type { NewErasure, Suppression } from '../ports/erasure-store.ts'
import { identifierKey } from '../identity/identifier-key.ts'
import { type IdentitySettings, isOwnBlocked, type SettingsOf } from '../identity/identity-settings.ts'
import { settingsOfRows } from '../identity/live-settings.ts'
import type { Identifier } from '../identity/identifier.ts'
import type { Evidence, VetoChange } from '../identity/gather-evidence.ts'
import { type Resolution, resolveBatch } from '../identity/resolve-batch.ts'
import type { ConsentRow } from '../ports/consent.ts'
import { droppedId } from '../ports/dropped-id.ts'
import { eventRow, eventRowVersion, propertiesOf } from '../ports/event-row.ts'
import type { LogRecord } from '../ports/log.ts'
import type { Control } from '../ports/record.ts'
import type {
  BatchRow, DecideChanges, DecideTransaction, EventRef, MetricDelta, NewClaim, PeopleChanges, ProfileRef, QuarantineRow, RegisterRow,
} from '../ports/oltp.ts'
import type { TimelineRow } from '../ports/profile-reader.ts'
import { suppressedJson, writeArchiveLine } from './archive-line.ts'
import { sha256 } from './archive-object.ts'
import { BatchTally } from './batch-tally.ts'
import { type SettingsWish, versionsOf, walksOf } from './decide-settings.ts'
import { type Decision, packDecisions } from './decisions.ts'
import type { LoggedEvent } from './read-record.ts'

export interface DecideContext {
  /** Of a workspace that has none of its own. */
  readonly settings: IdentitySettings
  /** Secret key of profile ids; never rotates. */
  readonly identityKey: Uint8Array
  readonly clock: Clock
}

export interface BatchInput {
  readonly records: readonly LogRecord[]
  readonly events: readonly LoggedEvent[]
}

export interface DecidedBatch {
  readonly row: BatchRow
  /** Settings were decided, after which who is who has to be looked at again. */
  readonly walks: boolean
  readonly lines: Buffer
  readonly rows: Buffer
  /** Identifiers of each component of people that was solved again. */
  readonly solvedIdentifiers: readonly number[]
}

/** An event that will be stored, with whom it belongs to. */
export interface Stored {
  readonly logged: LoggedEvent
  readonly event: CanonicalEvent
  readonly identifierKey: string
  readonly metric: string
  readonly time: number
  /** Goes into the timeline and the OLAP row; made once. */
  readonly propertiesText: string
  /** Of its own addresses. */
  readonly consents: readonly ConsentRow[]
}

type Fate = Stored | 'duplicate' | 'control' | { readonly dropped: QuarantineReason }

/**
 * Decides one batch inside its transaction: duplicates, identity, profiles, timeline, and the batch row that freezes
 * the outcome. Reads a constant number of times, whatever the batch holds. After the commit everything later is a
 * function of what this wrote.
 */
export async function decideBatch(transaction: DecideTransaction, { records, events }: BatchInput, context: DecideContext): Promise<DecidedBatch> {
  const duplicate = await duplicates(transaction, events)
  const newest = await transaction.newestSettings([...new Set(events.map(({ workspace }) => workspace))])
  const settingsOf = settingsOfRows(newest, context.settings)
  const isSuppressed = await suppressedEvents(transaction, events, settingsOf)
  const stored: Stored[] = []
  const evidence: Evidence[] = []
  const claims: NewClaim[] = []
  const quarantine: QuarantineRow[] = []
  const vetoes: VetoChange[] = []
  const erasures: NewErasure[] = []
  const wishes: SettingsWish[] = []
  const fates = events.map((logged, index): Fate => {
    if ('control' in logged.body) {
      if (duplicate[index] !== true) takeControl(logged, logged.body.control, { vetoes, erasures, claims, wishes })
      return 'control'
    }
    if (duplicate[index] === true) return 'duplicate'
    const fate = isSuppressed(logged) ? { dropped: 'suppressed' } as const : readEvent(logged, { settingsOf, evidence })
    const { workspace, messageId, receivedAt } = logged
    claims.push({
      workspace, messageId: claimRef(logged).messageId, receivedAt,
      identifierKey: 'dropped' in fate ? null : fate.identifierKey, sourced: logged.flags.includes('imported'),
    })
    if ('dropped' in fate) quarantine.push(fate.dropped === 'suppressed'
      ? { workspace, messageId, receivedAt, reason: fate.dropped, event: suppressedJson(messageId) }
      : { workspace, messageId, receivedAt, reason: fate.dropped, event: textOf(logged.json) })
    else stored.push(fate)
    return fate
  })
  const resolution = await resolveBatch(transaction, { evidence, vetoes }, { ...context, settingsOf })
  const decisions = decisionsOf(fates, resolution)
  // They hold for what is decided after this batch; what it holds itself is walked over like everything before it.
  const settings = versionsOf(wishes, newest)
  const resolves = walksOf(settings, newest, { partition: transaction.partition.partition, defaults: context.settings })
  const frozen = freeze({ records, events }, { fates, decisions, transaction, context })
  const changes: DecideChanges = {
    ...await peopleChanges(transaction, stored, resolution),
    claims,
    quarantine,
    erasures,
    settings,
    resolves,
    batch: frozen.row,
    sequence: sequenceAfter(records),
  }
  await transaction.apply(changes)
  return { ...frozen, walks: resolves.length > 0, solvedIdentifiers: resolution.solvedIdentifiers }
}

function decisionsOf(fates: readonly Fate[], resolution: Resolution): readonly Decision[] {
  const ofIdentifiers = new Map<string, Decision>()
  return fates.map((fate) => {
    if (typeof fate === 'string' || 'dropped' in fate) return fate
    const { identifierKey } = fate
    let decision = ofIdentifiers.get(identifierKey)
    if (decision === undefined) {
      decision = { identifierKey, profileId: resolution.profileOf(identifierKey) }
      ofIdentifiers.set(identifierKey, decision)
    }
    return decision
  })
}

/** What stored events change of people; a rebuild does the same with what is archived. */
export async function peopleChanges(
  transaction: Pick<DecideTransaction, 'registers'>, stored: readonly Stored[], resolution: Resolution,
): Promise<PeopleChanges> {
  const consents = stored.flatMap((one) => one.consents)
  return {
    identity: resolution.changes,
    registers: await registerRows(transaction, stored),
    consents,
    metrics: metricDeltas(stored),
    timeline: stored.map(timelineRow),
    touched: touchedProfiles([...stored.map(refOf), ...consents], resolution.profileOf),
  }
}

async function duplicates(transaction: DecideTransaction, events: readonly LoggedEvent[]): Promise<readonly boolean[]> {
  const asked: readonly EventRef[] = [...events, ...events.filter(isRefused).map(claimRef)]
  const claimed = await transaction.claimed(asked)
  const taken = new Set(asked.filter((_, index) => claimed[index] === true).map(idOf))
  return events.map((event) => {
    const own = idOf(claimRef(event))
    const known = taken.has(own) || (isRefused(event) && taken.has(idOf(event)))
    taken.add(own)
    return known
  })
}

function idOf({ workspace, messageId }: EventRef): string {
  return `${workspace}/${messageId}`
}

/** By the edge, or as the one that fails its batch: as it is, it can never be stored. */
function isRefused({ body }: LoggedEvent): boolean {
  return 'reason' in body
}

/** What the event takes in the duplicate window. */
function claimRef(event: LoggedEvent): EventRef {
  const { workspace, messageId, receivedAt } = event
  return isRefused(event) ? { workspace, messageId: droppedId(messageId), receivedAt } : event
}

/** An operator's decision; sent twice it counts once. */
function takeControl(
  { workspace, receivedAt, messageId }: LoggedEvent, control: Control,
  { vetoes, erasures, claims, wishes }: { vetoes: VetoChange[]; erasures: NewErasure[]; claims: NewClaim[]; wishes: SettingsWish[] },
): void {
  claims.push({ workspace, messageId, receivedAt, identifierKey: null, sourced: false })
  if (control.control === 'erase') erasures.push({ workspace, id: messageId, at: receivedAt, mode: control.mode, identifierKeys: control.keys })
  else if (control.control === 'settings') wishes.push({ workspace, receivedAt, control })
  else vetoes.push({ workspace, a: control.a, b: control.b, lifted: control.control === 'unveto', at: receivedAt, messageId })
}

/** Which events name somebody who is forgotten. Asks once a workspace, and next to nothing where nobody ever was. */
async function suppressedEvents(
  transaction: DecideTransaction, events: readonly LoggedEvent[], settingsOf: SettingsOf,
): Promise<(logged: LoggedEvent) => boolean> {
  const suppressed = new Map<number, ReadonlyMap<string, Suppression>>()
  const keysOf = ({ workspace, body }: LoggedEvent): readonly string[] => 'event' in body
    ? extractIdentifiers(body.event, settingsOf(workspace)).identifiers.map((identifier) => identifierKey(workspace, identifier)) : []
  for (const [workspace, group] of Map.groupBy(events, (logged) => logged.workspace)) {
    if (await transaction.suppresses(workspace)) suppressed.set(workspace, await transaction.suppressions(workspace, [...new Set(group.flatMap(keysOf))]))
  }
  if (suppressed.size === 0) return () => false
  return (logged) => keysOf(logged).some((key) => {
    const suppression = suppressed.get(logged.workspace)?.get(key)
    return suppression !== undefined && (suppression.mode === 'refuse' || logged.receivedAt <= suppression.at)
  })
}

export interface Reading {
  readonly settingsOf: SettingsOf
  /** Takes the event's evidence. */
  readonly evidence: Evidence[]
  /** Where it was decided before. */
  readonly decided?: Decided
}

/** The identifier that an event was decided to belong to. It stays with that, whose rows in other tiers name it. */
interface Decided {
  readonly key: string
  /** Rules that held before: of those that read the identifier in the event the first holds, where the newest do not. */
  readonly earlier: readonly IdentitySettings[]
}

/** Collects the event's evidence, or says why it cannot be stored. */
export function readEvent(logged: LoggedEvent, { settingsOf, evidence, decided }: Reading): Stored | { dropped: QuarantineReason } {
  if (!('event' in logged.body)) return { dropped: 'reason' in logged.body ? logged.body.reason : 'internal_error' }
  const event = logged.body.event
  const { settings, identifiers } = readIdentifiers(logged.workspace, event, [settingsOf(logged.workspace), decided])
  const owner = ownerOf(identifiers, settings)
  if (owner === undefined) return { dropped: 'missing_identifier' }
  const metric = metricOf(event)
  const time = Date.parse(event.timestamp)
  const { workspace, receivedAt, trust, messageId } = logged
  evidence.push({ workspace, identifiers, time, receivedAt, trust, messageId, metric })
  return {
    logged, event, identifierKey: decided !== undefined && carries(workspace, identifiers, decided.key) ? decided.key : identifierKey(workspace, owner), metric, time,
    propertiesText: JSON.stringify(propertiesOf(event)), consents: consentRows(logged, event, settings),
  }
}

function readIdentifiers(
  workspace: number, event: CanonicalEvent, [newest, decided]: readonly [IdentitySettings, Decided | undefined],
): { readonly settings: IdentitySettings; readonly identifiers: readonly Identifier[] } {
  const read = (settings: IdentitySettings): { settings: IdentitySettings; identifiers: readonly Identifier[] } => ({ settings, ...extractIdentifiers(event, settings) })
  const now = read(newest)
  if (decided === undefined || carries(workspace, now.identifiers, decided.key)) return now
  return decided.earlier.map(read).find(({ identifiers }) => carries(workspace, identifiers, decided.key)) ?? now
}

function carries(workspace: number, identifiers: readonly Identifier[], key: string): boolean {
  return identifiers.some((identifier) => identifierKey(workspace, identifier) === key)
}

/** Whom an event belongs to: its strongest identifier that the workspace does not block, or where it blocks them all the strongest. */
function ownerOf(identifiers: readonly Identifier[], settings: IdentitySettings): Identifier | undefined {
  return identifiers.find((identifier) => !isOwnBlocked(identifier, settings)) ?? identifiers[0]
}

function timelineRow({ logged, identifierKey, metric, time, propertiesText }: Stored): TimelineRow {
  return { workspace: logged.workspace, identifierKey, metric, time, messageId: logged.messageId, properties: propertiesText }
}

function metricDeltas(stored: readonly Stored[]): readonly MetricDelta[] {
  const deltas = new Map<string, MetricDelta>()
  for (const { logged, identifierKey, metric, time } of stored) {
    const key = `${logged.workspace}/${identifierKey}/${metric}`
    const before = deltas.get(key)
    deltas.set(key, {
      workspace: logged.workspace, identifierKey, metric, count: (before?.count ?? 0) + 1,
      firstAt: Math.min(before?.firstAt ?? time, time), lastAt: Math.max(before?.lastAt ?? time, time),
    })
  }
  return [...deltas.values()]
}

function consentRows({ workspace, messageId, receivedAt, trust }: LoggedEvent, event: CanonicalEvent, settings: IdentitySettings): readonly ConsentRow[] {
  return consentsOf(event, settings).statements.map(({ address, channel, status, time, method }) =>
    ({ workspace, identifierKey: identifierKey(workspace, address), channel, status, time, messageId, method, receivedAt, trusted: trust === 'secret' }))
}

interface IdentifierRef {
  readonly workspace: number
  readonly identifierKey: string
}

function refOf({ logged: { workspace }, identifierKey }: Stored): IdentifierRef {
  return { workspace, identifierKey }
}

/** Whoever has one of the identifiers. The address of a consent may be another person's than the event is. */
function touchedProfiles(identifiers: readonly IdentifierRef[], profileOf: (identifierKey: string) => string): readonly ProfileRef[] {
  const touched = new Map<string, ProfileRef>()
  for (const { workspace, identifierKey } of identifiers) {
    const id = profileOf(identifierKey)
    touched.set(`${workspace}/${id}`, { workspace, id })
  }
  return [...touched.values()]
}

/** The registers that identify calls of this batch change, read once a workspace and merged. */
async function registerRows(transaction: Pick<DecideTransaction, 'registers'>, stored: readonly Stored[]): Promise<readonly RegisterRow[]> {
  const byWorkspace = Map.groupBy(stored.filter(({ event }) => event.type === 'identify' && event.traits !== undefined),
    ({ logged }) => logged.workspace)
  const rows: RegisterRow[] = []
  for (const [workspace, identifies] of byWorkspace) {
    const keys = [...new Set(identifies.map(({ identifierKey }) => identifierKey))]
    const known = await transaction.registers(workspace, keys)
    const merged = new Map<string, Registers>()
    for (const { event, identifierKey, time, logged } of identifies) {
      const text = known.get(identifierKey)
      const before = merged.get(identifierKey) ?? (text === undefined ? emptyRegisters() : parseRegisters(text))
      merged.set(identifierKey, applyTraits(before, event.traits ?? {}, { time, messageId: logged.messageId, receivedAt: logged.receivedAt }))
    }
    for (const [identifierKey, registers] of merged) rows.push({ workspace, identifierKey, registers: serialiseRegisters(registers) })
  }
  return rows
}

interface Outcome {
  readonly fates: readonly Fate[]
  readonly decisions: readonly Decision[]
  readonly transaction: DecideTransaction
  readonly context: DecideContext
}

/** What an archive line holds before its event, and a little more. */
const lineHeadBytes = 320

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

/** Builds the archive lines and OLAP rows and the batch row that pins them by digest. */
function freeze({ records, events }: BatchInput, { fates, decisions, transaction, context }: Outcome): Omit<DecidedBatch, 'walks' | 'solvedIdentifiers'> {
  const partition = transaction.partition
  const batch = partition.batch + 1
  const tally = new BatchTally()
  const lines = new ByteWriter(records.reduce((sum, { payload, events: count }) => sum + payload.length + count * lineHeadBytes, 0))
  const rows = new ByteWriter(records.reduce((sum, { payload }) => sum + payload.length * 2, 0))
  events.forEach((logged, index) => {
    const decision = decisions[index] ?? 'duplicate'
    const fate = fates[index] ?? 'duplicate'
    writeArchiveLine(lines, logged, decision)
    if (decision === 'control') return
    if (decision === 'duplicate' || 'dropped' in decision || typeof fate === 'string' || 'dropped' in fate) {
      tally.drop(logged.receivedAt, decision === 'duplicate' ? 'duplicate' : 'quarantined')
      return
    }
    const built = eventRow({
      ...decision, workspace: logged.workspace, receivedAt: logged.receivedAt, event: fate.event,
      partition: partition.partition, batch, propertiesText: fate.propertiesText,
    })
    rows.text(built.row)
    tally.store(logged.receivedAt, built.month)
  })
  const bytes = lines.finish()
  const row: BatchRow = {
    partition: partition.partition, batch, epoch: partition.pumpEpoch,
    afterPosition: partition.position,
    firstPosition: records[0]?.position ?? '', lastPosition: records.at(-1)?.position ?? '', records: records.length,
    ...tally.counts(), ...tally.times(records[0]?.appendedAt ?? 0),
    decisions: packDecisions(decisions),
    minutes: tally.minutes(), months: tally.months(),
    lineBytes: bytes.length, digest: sha256(bytes),
    schemaVersion: eventRowVersion, decidedAt: context.clock.now(),
  }
  return { row, lines: bytes, rows: rows.finish() }
}

function sequenceAfter(records: readonly LogRecord[]): number | null {
  const last = records.at(-1)
  return last?.sequence === undefined ? null : last.sequence + last.events
}
