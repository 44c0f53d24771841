import type { Clock } from '../platform/clock.ts'
import { MillraceError } from '../platform/errors.ts'
import type { Gzip } from '../platform/gzip.ts'
import type { ArchivedPlace, ErasureRow, RewrittenObject } from '../ports/erasure-store.ts'
import type { Objects } from '../ports/objects.ts'
import type { Olap, OlapSelection } from '../ports/olap.ts'
import type { BatchRow, ObjectRow, Oltp } from '../ports/oltp.ts'
import { decodeObject, encodeObject, objectName, runDigest, sha256 } from './archive-object.ts'
import { readDecidedLine } from './read-archive-line.ts'
import { failStep } from '../platform/fail-point.ts'

export interface EraserDependencies {
  readonly oltp: Pick<Oltp, 'erasures' | 'partition' | 'batches' | 'objectOf'>
  readonly objects: Objects
  readonly olap: Pick<Olap, 'placesOf' | 'erase'>
  readonly clock: Clock
  /** Absent: Node's. */
  readonly gzip?: Gzip
  /** The live one of the OLAP. */
  readonly generation: number
}

export interface ErasureReport {
  readonly id: string
  readonly mode: string
  readonly identifiers: number
  readonly profiles: number
  /** Rows removed, by table. */
  readonly oltp: Readonly<Record<string, number>>
  readonly archive: { readonly objects: number; readonly events: number }
  readonly olap: { readonly rows: number }
}

/** How long archive and OLAP may need to get as far as the OLTP; then it is tried again later, from where it is. */
const behindMsMax = 600_000
const lookAgainMs = 100

/**
 * Carries out a decided erasure: OLTP first, then the archive, whose objects are written anew without the person's lines
 * (they are few; a key for each person would cost every event), then the OLAP's rows, last the database's own files.
 * Whatever it dies at, the next call goes on: each step finds what the one before left. Fails with `unavailable`
 * (retryable) while archive or OLAP are too far behind.
 */
export async function carryOutErasure(
  { workspace, id }: { readonly workspace: number; readonly id: string }, dependencies: EraserDependencies, signal: AbortSignal,
): Promise<ErasureReport> {
  const { generation } = dependencies
  const { oltp, olap, objects, clock } = dependencies
  const erasure = await failStep('erase.collect', () => oltp.erasures.collectErasure(workspace, id, clock.now()))
  const { collected } = erasure
  if (erasure.report !== null) return reportOf(erasure.report)
  if (collected === null) throw new MillraceError('internal', `erasure ${id} was not collected`)
  await untilCaughtUp(collected.upToBatch, dependencies, signal)
  const selection: OlapSelection = { workspace, identifierKeys: erasure.identifierKeys, upToBatch: collected.upToBatch }
  const places = [...await olap.placesOf(generation, selection), ...collected.quarantined.flatMap(({ place }) => place ?? [])]
  const archive = await rewriteArchive(erasure, places, dependencies)
  for (const name of erasure.replacedObjects) await objects.delete(name)
  const rows = await failStep('erase.olap', () => olap.erase(generation, selection))
  await failStep('erase.scrub', () => oltp.erasures.scrub())
  const report: ErasureReport = {
    id, mode: erasure.mode, identifiers: erasure.identifierKeys.length, profiles: collected.profileIds.length, oltp: collected.rows,
    archive: { objects: erasure.replacedObjects.length + archive.objects, events: erasure.erasedEvents + archive.events }, olap: { rows },
  }
  await failStep('erase.finish', () => oltp.erasures.finishErasure(erasure, JSON.stringify(report)))
  return report
}

function reportOf(text: string): ErasureReport {
  const report: unknown = JSON.parse(text)
  if (isReport(report)) return report
  throw new MillraceError('corrupt', 'the report of an erasure cannot be read')
}

function isReport(value: unknown): value is ErasureReport {
  return typeof value === 'object' && value !== null && 'archive' in value && 'olap' in value && 'oltp' in value
}

/** What was decided before the erasure must be archived and loaded as it was decided, and only then changed. */
async function untilCaughtUp(upToBatch: readonly number[], { oltp, clock }: EraserDependencies, signal: AbortSignal): Promise<void> {
  const deadline = clock.elapsed() + behindMsMax
  for (const [partition, batch] of upToBatch.entries()) {
    for (;;) {
      const row = await oltp.partition(partition)
      if (row.archivedBatch >= batch && row.loadedBatch >= batch) break
      if (signal.aborted || clock.elapsed() > deadline) {
        throw new MillraceError('unavailable', 'the archive or the OLAP is behind; the erasure goes on when they have caught up', { retryable: true })
      }
      await clock.sleep(lookAgainMs, signal)
    }
  }
}

async function rewriteArchive(erasure: ErasureRow, places: readonly ArchivedPlace[], dependencies: EraserDependencies): Promise<{ objects: number; events: number }> {
  const { oltp, objects } = dependencies
  const done = { objects: 0, events: 0 }
  const seen = new Set<string>()
  for (const { partition, batch } of places.toSorted((a, b) => a.partition - b.partition || a.batch - b.batch)) {
    const object = await oltp.objectOf(partition, batch)
    if (object === null || seen.has(object.name)) continue
    seen.add(object.name)
    const rewritten = await rewriteObject(erasure, object, dependencies)
    if (rewritten === null) continue
    seen.add(rewritten.name)
    await failStep('erase.replace', () => oltp.erasures.replaceObject(erasure, rewritten))
    await failStep('erase.delete', () => objects.delete(rewritten.replacedName))
    done.objects += 1
    done.events += rewritten.erasedEvents
  }
  return done
}

/** Null where the object holds nothing of the person. */
async function rewriteObject(
  erasure: ErasureRow, object: ObjectRow, { oltp, objects, gzip }: Pick<EraserDependencies, 'oltp' | 'objects' | 'gzip'>,
): Promise<RewrittenObject | null> {
  const bytes = await objects.get(object.name)
  if (bytes === null) throw new MillraceError('corrupt', `archive object ${object.name} is missing`)
  const lines = await decodeObject(object.name, bytes, gzip)
  const batches = await oltp.batches(object.partition, object.firstBatch, object.lastBatch - object.firstBatch + 1)
  const isTrace = traceOf(erasure)
  let erasedEvents = 0
  let erasedLines = 0
  const changed: BatchRow[] = []
  const rows: BatchRow[] = []
  const kept: Buffer[] = []
  for (const batch of batches) {
    const before = lines.get(batch.batch) ?? Buffer.alloc(0)
    const after = batch.batch > (erasure.collected?.upToBatch[batch.partition] ?? 0) ? { text: null, events: 0, lines: 0 } : withoutTraces(before, isTrace)
    erasedEvents += after.events
    erasedLines += after.lines
    const content = after.text === null ? before : Buffer.from(after.text)
    const row = after.text === null ? batch : { ...batch, digest: sha256(content), lineBytes: content.length }
    if (row !== batch) changed.push(row)
    rows.push(row)
    kept.push(content)
  }
  if (erasedLines === 0) return null
  const name = objectName(rows)
  const content = await encodeObject(rows, kept, gzip)
  await failStep('erase.put', () => objects.put(name, content))
  return {
    partition: object.partition, lastBatch: object.lastBatch, name, replacedName: object.name, digest: runDigest(rows), erasedEvents,
    batches: changed.map(({ partition, batch, digest, lineBytes }) => ({ partition, batch, digest, lineBytes })),
  }
}

type IsTrace = (line: string) => 'event' | 'quarantined' | null

/** Whether an archive line is the person's: a row of the OLAP, or a quarantined event that named it. */
function traceOf({ workspace, identifierKeys, collected }: ErasureRow): IsTrace {
  const keys = new Set(identifierKeys)
  const quarantined = new Set(collected?.quarantined.map(({ messageId }) => messageId))
  return (line) => {
    const decided = readDecidedLine(line)
    if (decided === null || decided.workspace !== workspace) return null
    if ('dropped' in decided.outcome) return quarantined.has(decided.messageId) ? 'quarantined' : null
    return keys.has(decided.outcome.identifierKey) ? 'event' : null
  }
}

/** `text` is null where there is nothing to take out. */
function withoutTraces(lines: Buffer, isTrace: IsTrace): { readonly text: string | null; readonly events: number; readonly lines: number } {
  let text = ''
  let events = 0
  let traces = 0
  for (const line of lines.toString('utf8').split('\n')) {
    if (line === '') continue
    const trace = isTrace(line)
    if (trace === null) {
      text += `${line}\n`
      continue
    }
    traces += 1
    if (trace === 'event') events += 1
  }
  return { text: traces === 0 ? null : text, events, lines: traces }
}
