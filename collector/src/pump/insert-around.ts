import { MillraceError, messageOf } from '../platform/errors.ts'
import type { Olap, OlapInsert } from '../ports/olap.ts'
import type { RefusedRow } from '../ports/load-outcome.ts'
import { sha256 } from './archive-object.ts'

/** Refused rows of one load; with more of them it is not the rows but the table that is wrong, and everything waits. */
const refusedRowsMax = 100

export interface Refusal {
  readonly rows: readonly RefusedRow[]
  readonly reason: string
}

/**
 * Inserts a load without the rows that the OLAP refuses, however often it is asked: halves are tried until a single row is left. A
 * row is refused for what is in it, and a piece's token is made of its rows, so after a crash a piece that went in already is a
 * no-op. Fails with the refusal itself where more than {@link refusedRowsMax} rows are refused.
 */
export async function insertAround(insert: OlapInsert, olap: Pick<Olap, 'insert'>): Promise<Refusal | null> {
  const ends = lineEnds(insert.rows)
  const refused: RefusedRow[] = []
  let reason = ''
  const tryRange = async (from: number, to: number): Promise<void> => {
    const rows = insert.rows.subarray(from === 0 ? 0 : ends[from - 1], ends[to - 1])
    try {
      await olap.insert({ ...insert, rows, rowCount: to - from, token: `${insert.token}#${sha256(rows).slice(0, 16)}` })
    } catch (error) {
      if (!isRefusal(error)) throw error
      if (to - from === 1) {
        reason ||= messageOf(error)
        refused.push(refusedRow(rows))
        if (refused.length > refusedRowsMax) throw error
        return
      }
      const middle = (from + to) >>> 1
      await tryRange(from, middle)
      await tryRange(middle, to)
    }
  }
  await tryRange(0, ends.length)
  return refused.length === 0 ? null : { rows: refused, reason }
}

export function isRefusal(error: unknown): boolean {
  return error instanceof MillraceError && error.code === 'olap_refused'
}

/** Where each line ends, its line feed included. */
function lineEnds(rows: Uint8Array): readonly number[] {
  const ends: number[] = []
  for (let at = rows.indexOf(10); at >= 0; at = rows.indexOf(10, at + 1)) ends.push(at + 1)
  return ends
}

function refusedRow(line: Uint8Array): RefusedRow {
  const row: unknown = JSON.parse(Buffer.from(line).toString('utf8'))
  const { workspace, message_id: messageId } = Object(row)
  return { workspace: Number(workspace), messageId: String(messageId) }
}
