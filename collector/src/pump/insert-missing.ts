import { MillraceError } from '../platform/errors.ts'
import type { Clock } from '../platform/clock.ts'
import { type Olap, type OlapInsert, type OlapRun, rowKey } from '../ports/olap.ts'

export interface InsertMissingDependencies {
  readonly olap: Pick<Olap, 'insert' | 'heldRows'>
  readonly clock: Pick<Clock, 'sleep'>
}

/** An earlier attempt may still be at work in the engine; it is seen within this. */
const settleMs = 1_000

/** Tokens that may be known without their rows: one for each power loss that met this load. */
const againMax = 10

/**
 * Repeats an insert of which nobody knows how much of it is there. The token alone would not do: an engine that lost its power may have
 * forgotten tokens of rows that it kept, or remember one of rows that it lost, and what it wrote of its tokens may be torn, so that it forgets with each
 * start all that came after. So the rows are looked for. What is missing goes under the same token, which holds against an
 * attempt that is still at work; what is missing even then has a token without rows, and goes under the next one, the same for all who are at it.
 */
export async function insertMissing(run: OlapRun, insert: OlapInsert, { olap, clock }: InsertMissingDependencies): Promise<void> {
  let missing = await missingOf(run, insert, olap)
  if (missing === null) return
  await olap.insert(missing)
  for (let again = 1; again <= againMax; again += 1) {
    if (await missingOf(run, insert, olap) === null) return
    await clock.sleep(settleMs)
    missing = await missingOf(run, insert, olap)
    if (missing === null) return
    await olap.insert({ ...missing, token: `${insert.token}/again/${again}` })
  }
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
