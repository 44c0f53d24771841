import { MillraceError } from '../platform/errors.ts'
import type { Clock } from '../platform/clock.ts'
import { type Olap, type OlapInsert, type OlapRun, rowKey } from '../ports/olap.ts'

export interface InsertMissingDependencies {
  readonly olap: Pick<Olap, 'insert' | 'heldRows'>
  readonly clock: Clock
}

/** An earlier attempt may still be at work in the engine; it is seen within this. */
const settleMs = 1_000

/**
 * Repeats an insert of which nobody knows how much of it is there. After the death of a process the token alone would do: parts are there
 * whole or not at all, and what is repeated under the token is dropped. But an engine that lost its power may have forgotten tokens of rows that
 * it kept, or remember one of rows that it lost. So the rows are looked for. What is missing goes under the same token, which holds against an
 * attempt that is still at work; what is missing even then has a token without rows, and goes under another.
 */
export async function insertMissing(run: OlapRun, insert: OlapInsert, { olap, clock }: InsertMissingDependencies): Promise<void> {
  const missing = await missingOf(run, insert, olap)
  if (missing === null) return
  await olap.insert(missing)
  if (await missingOf(run, insert, olap) === null) return
  await clock.sleep(settleMs)
  const lost = await missingOf(run, insert, olap)
  if (lost === null) return
  await olap.insert({ ...lost, token: `${insert.token}/again/${clock.now()}` })
  const left = await missingOf(run, insert, olap)
  if (left !== null) throw new MillraceError('unavailable', `the OLAP took ${insert.rowCount} rows and shows ${left.rowCount} of them not`, { retryable: true })
}

/** The insert with those of its rows that are not there; null where all are. */
async function missingOf(run: OlapRun, insert: OlapInsert, olap: Pick<Olap, 'heldRows'>): Promise<OlapInsert | null> {
  const held = await olap.heldRows(insert.generation, run)
  const rows = Buffer.from(insert.rows).toString('utf8').split('\n').filter((line) => line !== '' && !held.has(keyOf(line)))
  return rows.length === 0 ? null : { ...insert, rows: Buffer.from(rows.map((row) => `${row}\n`).join('')), rowCount: rows.length }
}

function keyOf(line: string): string {
  const { workspace, message_id: messageId }: { readonly workspace: number; readonly message_id: string } = JSON.parse(line)
  return rowKey(workspace, messageId)
}
