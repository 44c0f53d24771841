import type { Evidence, VetoChange } from '../identity/gather-evidence.ts'
import { resolveBatch } from '../identity/resolve-batch.ts'
import { MillraceError } from '../platform/errors.ts'
import { failStep } from '../platform/fail-point.ts'
import type { Olap } from '../ports/olap.ts'
import type { BatchRow, Oltp, RebuildTransaction } from '../ports/oltp.ts'
import type { BatchSource } from './batch-source.ts'
import { type DecideContext, peopleChanges, readEvent, type Stored } from './decide.ts'
import { controlOf, isCanonicalEvent, type LoggedEvent } from './read-record.ts'

export interface RebuildProfilesDependencies {
  readonly oltp: Oltp
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
  const { oltp, olap, partitions, context } = dependencies
  let events = 0
  const rebuilt = await failStep('rebuild.profiles', () => oltp.rebuildProfiles(async (transaction) => {
    const vetoes = new Map<string, VetoChange>()
    for (let partition = 0; partition < partitions; partition += 1) {
      for (let next = 1; ;) {
        const rows = await oltp.batches(partition, next, pageBatches)
        for (const row of rows) events += await replayBatch(row, { transaction, vetoes, dependencies })
        if (rows.length < pageBatches) break
        next += rows.length
      }
    }
    if (vetoes.size === 0) return
    const inOrder = [...vetoes.values()].toSorted((a, b) => a.at - b.at || (a.messageId < b.messageId ? -1 : 1))
    const { changes } = await resolveBatch(transaction, { evidence: [], vetoes: inOrder }, context)
    await transaction.replay({ identity: changes, registers: [], consents: [], metrics: [], timeline: [], touched: [] }, { partition: -1, batch: 0 })
  }))
  await olap.putPointings(rebuilt.moved.map((row) => ({ ...row, partition: 0, batch: 0 })))
  await olap.putOverrides(rebuilt.moved)
  return { events, identifiers: rebuilt.identifiers, profiles: rebuilt.profiles, moved: rebuilt.moved.length }
}

async function replayBatch(
  row: BatchRow,
  { transaction, vetoes, dependencies }: { transaction: RebuildTransaction; vetoes: Map<string, VetoChange>; dependencies: RebuildProfilesDependencies },
): Promise<number> {
  const { source, context } = dependencies
  const stored: Stored[] = []
  const evidence: Evidence[] = []
  const lines = row.lineBytes === 0 ? '' : (await source.lines(row)).toString('utf8')
  for (const line of lines.split('\n')) {
    const logged = line === '' ? null : readArchived(line)
    if (logged === null) continue
    if ('control' in logged.body) {
      const { control, messageId } = logged.body.control
      // An erasure took its lines out of the archive already.
      if (control !== 'erase') {
        const { a, b } = logged.body.control
        vetoes.set(messageId, { workspace: logged.workspace, a, b, lifted: control === 'unveto', at: logged.receivedAt, messageId })
      }
      continue
    }
    const fate = readEvent(logged, context, evidence)
    if (!('dropped' in fate)) stored.push(fate)
  }
  if (stored.length === 0) return 0
  const resolution = await resolveBatch(transaction, { evidence }, context)
  await transaction.replay(await peopleChanges(transaction, stored, resolution), row)
  return stored.length
}

const noBytes = new Uint8Array(0)

/** An archive line as the pump read it from the log; null for what was dropped. */
function readArchived(line: string): LoggedEvent | null {
  const parsed: unknown = JSON.parse(line)
  const at = (field: string): unknown => Reflect.get(Object(parsed), field)
  const workspace = at('workspace')
  const receivedAt = at('receivedAt')
  if (typeof workspace !== 'number' || typeof receivedAt !== 'number') throw new MillraceError('corrupt', 'an archive line cannot be read')
  const base = { position: String(at('pos')), index: Number(at('i')), workspace, receivedAt, trust: at('trust') === 'public' ? 'public' : 'secret', flags: [], json: noBytes } as const
  if (at('control') === true) {
    const control = controlOf(at('event'))
    return { ...base, messageId: control.messageId, body: { control } }
  }
  if (at('dropped') !== undefined) return null
  const event = at('event')
  if (!isCanonicalEvent(event)) throw new MillraceError('corrupt', 'an archive line holds no event')
  return { ...base, messageId: event.messageId, body: { event } }
}
