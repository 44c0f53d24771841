import { hasCode, messageOf } from '../platform/errors.ts'
import { type Olap, type OlapInsert, rowKey } from '../ports/olap.ts'
import type { RefusedRow } from '../ports/load-outcome.ts'

/** Refused rows of one load; with more of them it is not the rows but the table that is wrong, and everything waits. */
const refusedRowsMax = 100

export interface Refusal {
  readonly rows: readonly RefusedRow[]
  readonly reason: string
}

/**
 * Inserts a load without the rows that the OLAP refuses, however often it is asked: halves are tried until a single row is left. A
 * row is refused for what is in it, so whoever tries the load comes upon the same halves. A half's token is its place in the load, whichever of its
 * rows were `held` already when somebody looked: of two that are at it, the one overtaken and not aware of it, each half goes in once.
 * Fails with the refusal itself where more than {@link refusedRowsMax} rows are refused.
 */
export async function insertAround(insert: OlapInsert, olap: Pick<Olap, 'insert'>, held: ReadonlySet<string> = new Set()): Promise<Refusal | null> {
  const lines = linesOf(insert.rows)
  const refused: RefusedRow[] = []
  let reason = ''
  const tryRange = async (from: number, to: number): Promise<void> => {
    const missing = lines.slice(from, to).filter(({ row }) => !held.has(rowKey(row.workspace, row.messageId)))
    const [first] = missing
    if (first === undefined) return
    try {
      const token = from === 0 && to === lines.length ? insert.token : `${insert.token}#${from}-${to}`
      await olap.insert({ ...insert, rows: Buffer.concat(missing.map(({ bytes }) => bytes)), rowCount: missing.length, token })
    } catch (error) {
      if (!isRefusal(error)) throw error
      if (missing.length === 1) {
        reason ||= messageOf(error)
        refused.push(first.row)
        if (refused.length > refusedRowsMax) throw error
        return
      }
      const middle = (from + to) >>> 1
      await tryRange(from, middle)
      await tryRange(middle, to)
    }
  }
  await tryRange(0, lines.length)
  return refused.length === 0 ? null : { rows: refused, reason }
}

export function isRefusal(error: unknown): boolean {
  return hasCode(error, 'olap_refused')
}

interface Line {
  /** Its line feed included. */
  readonly bytes: Uint8Array
  readonly row: RefusedRow
}

function linesOf(rows: Uint8Array): readonly Line[] {
  const lines: Line[] = []
  let start = 0
  for (let end = rows.indexOf(10); end >= 0; end = rows.indexOf(10, start)) {
    const bytes = rows.subarray(start, end + 1)
    start = end + 1
    const row: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'))
    const { workspace, message_id: messageId } = Object(row)
    lines.push({ bytes, row: { workspace: Number(workspace), messageId: String(messageId) } })
  }
  return lines
}
