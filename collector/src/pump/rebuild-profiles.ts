import type { Evidence, VetoChange } from '../identity/gather-evidence.ts'
import type { IdentitySettings, SettingsOf } from '../identity/identity-settings.ts'
import { readSettings, settingsOfRows } from '../identity/live-settings.ts'
import { resolveBatch } from '../identity/resolve-batch.ts'
import { MillraceError } from '../platform/errors.ts'
import { failStep } from '../platform/fail-point.ts'
import type { Olap } from '../ports/olap.ts'
import type { BatchRow, Oltp, RebuildTransaction, RebuiltPeople } from '../ports/oltp.ts'
import type { Control } from '../ports/record.ts'
import type { SettingsRow } from '../ports/workspace-settings.ts'
import type { BatchSource } from './batch-source.ts'
import { type DecideContext, peopleChanges, readEvent, type Stored } from './decide.ts'
import { type SettingsWish, versionsOf } from './decide-settings.ts'
import { controlOf, isCanonicalEvent, type LoggedEvent } from './read-record.ts'

export interface RebuildProfilesDependencies {
  readonly oltp: Pick<Oltp, 'batches' | 'rebuildProfiles' | 'restoreSettings'>
  readonly olap: Pick<Olap, 'putOverrides' | 'putPointings'>
  readonly source: BatchSource
  readonly partitions: number
  readonly context: DecideContext
}

export interface RebuildProfilesReport {
  readonly events: number
  readonly identifiers: number
  readonly profiles: number
  /** Identifiers that point at another profile than before the rebuild. */
  readonly moved: number
}

/** Batch rows read at a time. */
const pageBatches = 100

/**
 * Makes profiles, evidence and timelines anew from the archive. People are a function of the set of events, so the
 * partitions may be read one after another; vetoes come last, since nobody can be parted before he is known. All of it
 * is one transaction: a crash leaves the old profiles, and readers never see half of the new ones.
 */
export async function rebuildProfiles(dependencies: RebuildProfilesDependencies): Promise<RebuildProfilesReport> {
  const { oltp, olap } = dependencies
  const rebuild = (): Promise<readonly [RebuiltPeople, number]> => failStep('rebuild.profiles', async () => {
    let events = 0
    const people = await oltp.rebuildProfiles(async (transaction) => {
      events = await replayAll(transaction, dependencies)
    })
    return [people, events]
  })
  const [rebuilt, events] = await rebuild().catch(async (error: unknown) => {
    if (!(error instanceof OtherSettings)) throw error
    await oltp.restoreSettings(error.archived)
    return rebuild()
  })
  await olap.putPointings(rebuilt.moved.map((row) => ({ ...row, partition: 0, batch: 0 })))
  await olap.putOverrides(rebuilt.moved)
  return { events, identifiers: rebuilt.identifiers, profiles: rebuilt.profiles, moved: rebuilt.moved.length }
}

/** The store has other settings than the archive, so people were made by the wrong ones. */
class OtherSettings extends Error {
  readonly archived: readonly SettingsRow[]

  constructor(archived: readonly SettingsRow[]) {
    super('the store has not the settings that the archive has')
    this.archived = archived
  }
}

/** Everything by the newest settings, whenever they came: people depend on no order. Answers how many events there were. */
async function replayAll(transaction: RebuildTransaction, dependencies: RebuildProfilesDependencies): Promise<number> {
  const { oltp, partitions, context } = dependencies
  const stored = await transaction.allSettings()
  const versions = Map.groupBy(stored.toReversed(), ({ workspace }) => workspace)
  const replay: Replay = {
    transaction, dependencies, settingsOf: settingsOfRows(stored, context.settings), vetoes: new Map(), wishes: new Map(),
    earlierOf: (workspace) => [...(versions.get(workspace) ?? []).map(readSettings), context.settings],
  }
  let events = 0
  for (let partition = 0; partition < partitions; partition += 1) {
    for (let next = 1; ;) {
      const rows = await oltp.batches(partition, next, pageBatches)
      for (const row of rows) events += await replayBatch(row, replay)
      if (rows.length < pageBatches) break
      next += rows.length
    }
  }
  const archived = versionsOf([...replay.wishes.values()], []).toSorted((a, b) => a.workspace - b.workspace || a.version - b.version)
  if (JSON.stringify(archived) !== JSON.stringify(stored)) throw new OtherSettings(archived)
  if (replay.vetoes.size === 0) return events
  const inOrder = [...replay.vetoes.values()].toSorted((a, b) => a.at - b.at || (a.messageId < b.messageId ? -1 : 1))
  const { changes } = await resolveBatch(transaction, { evidence: [], vetoes: inOrder }, { ...context, settingsOf: replay.settingsOf })
  await transaction.replay({ identity: changes, registers: [], consents: [], metrics: [], timeline: [], touched: [] }, { partition: -1, batch: 0 })
  return events
}

interface Replay {
  readonly transaction: RebuildTransaction
  readonly dependencies: RebuildProfilesDependencies
  readonly settingsOf: SettingsOf
  /** Rules that a workspace had before, newest first. */
  readonly earlierOf: (workspace: number) => readonly IdentitySettings[]
  readonly vetoes: Map<string, VetoChange>
  /** By message id: one that was sent twice counted once. */
  readonly wishes: Map<string, SettingsWish>
}

async function replayBatch(row: BatchRow, { transaction, dependencies, settingsOf, earlierOf, vetoes, wishes }: Replay): Promise<number> {
  const { source, context } = dependencies
  const stored: Stored[] = []
  const evidence: Evidence[] = []
  const lines = row.lineBytes === 0 ? '' : (await source.lines(row)).toString('utf8')
  for (const line of lines.split('\n')) {
    const archived = line === '' ? null : readArchived(line)
    if (archived === null) continue
    const { logged, decidedKey } = archived
    if ('control' in logged.body) {
      takeControl(logged, logged.body.control, { vetoes, wishes })
      continue
    }
    const fate = readEvent(logged, { settingsOf, evidence, ...(decidedKey === null ? {} : { decided: { key: decidedKey, earlier: earlierOf(logged.workspace) } }) })
    if (!('dropped' in fate)) stored.push(fate)
  }
  if (stored.length === 0) return 0
  const resolution = await resolveBatch(transaction, { evidence }, { ...context, settingsOf })
  await transaction.replay(await peopleChanges(transaction, stored, resolution), row)
  return stored.length
}

function takeControl({ workspace, receivedAt }: LoggedEvent, control: Control, { vetoes, wishes }: Pick<Replay, 'vetoes' | 'wishes'>): void {
  const { messageId } = control
  if (control.control === 'settings') {
    if (!wishes.has(messageId)) wishes.set(messageId, { workspace, receivedAt, control })
    return
  }
  // An erasure took its lines out of the archive already.
  if (control.control === 'erase') return
  vetoes.set(messageId, { workspace, a: control.a, b: control.b, lifted: control.control === 'unveto', at: receivedAt, messageId })
}

const noBytes = new Uint8Array(0)

/** An archive line as the pump read it from the log, and the identifier it was decided to belong to; null for what was dropped. */
function readArchived(line: string): { readonly logged: LoggedEvent; readonly decidedKey: string | null } | null {
  const parsed: unknown = JSON.parse(line)
  const at = (field: string): unknown => Reflect.get(Object(parsed), field)
  const workspace = at('workspace')
  const receivedAt = at('receivedAt')
  if (typeof workspace !== 'number' || typeof receivedAt !== 'number') throw new MillraceError('corrupt', 'an archive line cannot be read')
  const base = { position: String(at('pos')), index: Number(at('i')), workspace, receivedAt, trust: at('trust') === 'public' ? 'public' : 'secret', flags: [], json: noBytes } as const
  if (at('control') === true) {
    const control = controlOf(at('event'))
    return { logged: { ...base, messageId: control.messageId, body: { control } }, decidedKey: null }
  }
  if (at('dropped') !== undefined) return null
  const event = at('event')
  if (!isCanonicalEvent(event)) throw new MillraceError('corrupt', 'an archive line holds no event')
  const decidedKey = at('identifierKey')
  return { logged: { ...base, messageId: event.messageId, body: { event } }, decidedKey: typeof decidedKey === 'string' ? decidedKey : null }
}
