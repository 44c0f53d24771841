import type { Connection } from './connection.ts'
import { numberOf, textOf } from '../row.ts'

/** Columns that tell little: a shop has one workspace, a few partitions, and most of its rows in one state. */
const unselective: ReadonlySet<string> = new Set(['workspace', 'partition', 'automation', 'state'])
/** Rows that each table is taken to have, and those that share the first, second and further columns that tell something. */
const rowsAssumed = 1_000_000
const sharing = [10, 4, 2]

/**
 * Tells SQLite what the columns of its indexes are worth. Without statistics it takes each of them for the same, and reads all rows of a workspace in the order of
 * the key rather than the few that an index names: the card of one person would cost what all people do. They are assumed, never measured, so that
 * a statement is answered in the same way on the first day and at a hundred million events.
 */
export function writeStatistics(connection: Connection): void {
  // Makes the table of statistics where there is none, and reads it where there is.
  connection.exec('ANALYZE sqlite_schema')
  connection.exec('DELETE FROM sqlite_stat1')
  const indexes = connection.all(`SELECT tables.name AS table_name, list.name AS name, list."unique" AS is_unique, list.origin AS origin
    FROM pragma_table_list AS tables JOIN pragma_index_list(tables.name) AS list
    WHERE tables.schema = 'main' AND tables.type = 'table' AND tables.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1, 2`)
  for (const index of indexes) {
    const columns = connection.all('SELECT name FROM pragma_index_info(?) ORDER BY seqno', textOf(index, 'name')).map((row) => textOf(row, 'name'))
    // The tree of a table without row ids is named as the table is.
    const name = textOf(index, 'origin') === 'pk' ? textOf(index, 'table_name') : textOf(index, 'name')
    connection.run('INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)', textOf(index, 'table_name'), name, worthOf(columns, numberOf(index, 'is_unique') === 1))
  }
  connection.exec('ANALYZE sqlite_schema')
}

/** Rows of the table, then how many share the first column, the first two, and so on. */
function worthOf(columns: readonly string[], isUnique: boolean): string {
  let telling = 0
  const shared = columns.map((column, index) => {
    if (isUnique && index === columns.length - 1) return 1
    if (unselective.has(column) && telling === 0) return rowsAssumed
    telling += 1
    return sharing[Math.min(telling, sharing.length) - 1] ?? 1
  })
  return [rowsAssumed, ...shared].join(' ')
}
