import { setTimeout as sleep } from 'node:timers/promises'
import { MillraceError } from '../../../platform/errors.ts'
import type { OlapSelection } from '../../../ports/olap.ts'

export interface ErasableTables {
  readonly database: string
  command(sql: string): Promise<void>
  read(sql: string): Promise<string>
}

const goneMsMax = 120_000
const lookAgainMs = 200

/** No event is so old: dropping this month drops nothing, but has the server look for old parts now. */
const emptyMonth = 190_001

/**
 * Rows and bytes: a mutation writes every part anew that holds one of the rows, and the old parts, which a server keeps
 * for minutes, are let go at once. Fails with `unavailable` (retryable) if they are still there after two minutes.
 */
export async function eraseEvents(tables: ErasableTables, table: string, condition: string): Promise<void> {
  const { database, command, read } = tables
  const name = `${database}.${table}`
  await deleteRows(tables, table, condition)
  await command(`ALTER TABLE ${name} MODIFY SETTING old_parts_lifetime = 1`)
  try {
    for (let waitedMs = 0; ; waitedMs += lookAgainMs) {
      await command(`ALTER TABLE ${name} DROP PARTITION ${emptyMonth}`)
      const left = Number(await read(`SELECT count() FROM system.parts WHERE database = '${database}' AND table = '${table}' AND NOT active`))
      if (left === 0) return
      if (waitedMs > goneMsMax) throw new MillraceError('unavailable', `ClickHouse still keeps ${left} old parts of ${name}`, { retryable: true })
      await sleep(lookAgainMs)
    }
  } finally {
    await command(`ALTER TABLE ${name} RESET SETTING old_parts_lifetime`)
  }
}

/** Rows alone: enough where they hold nothing but hashes. */
export async function deleteRows({ database, command }: ErasableTables, table: string, condition: string): Promise<void> {
  await command(`ALTER TABLE ${database}.${table} DELETE WHERE ${condition} SETTINGS mutations_sync = 2`)
}

export function conditionOf(selection: OlapSelection): string {
  const batches = selection.upToBatch.map((batch) => Math.trunc(batch)).join(', ')
  return `${identifiersOf(selection)} AND batch <= [${batches}][partition + 1]`
}

export function identifiersOf({ workspace, identifierKeys }: OlapSelection): string {
  // Into the statement as text: a mutation takes no parameters.
  for (const key of identifierKeys) {
    if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(key)) throw new MillraceError('internal', 'an identifier key is no UUID')
  }
  return `workspace = ${Math.trunc(workspace)} AND identifier_key IN (${identifierKeys.map((key) => `'${key}'`).join(', ')})`
}
