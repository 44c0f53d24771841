import type { JsonValue } from '@millrace/schemas'
import type { ImportField } from './column-names.ts'
import type { CsvRow } from './csv-parser.ts'
import type { ImportPlan, NamedColumn } from './import-plan.ts'
import { readTime } from './read-time.ts'
import { type Reject, type RejectRule, reject } from './reject.ts'
import { amountOf, valueOf } from './value-types.ts'

/** Thrown by the readers below and caught where a row is taken: what is wrong with it. */
export class BadCell extends Error {
  readonly rule: RejectRule
  readonly field: string
  readonly value: string

  constructor(rule: RejectRule, field: string, value: string) {
    super(rule)
    this.rule = rule
    this.field = field
    this.value = value
  }

  at(line: number): Reject {
    return reject(line, this.rule, this)
  }
}

/** The cell of a field, without the blanks around it; empty if the file has no such column. */
export function cellOf({ fields }: ImportPlan, row: CsvRow, field: ImportField): string {
  const index = fields[field]
  return index === undefined ? '' : (row.cells[index] ?? '').trim()
}

/** Epoch milliseconds; null if there is none. */
export function timeOf(plan: ImportPlan, row: CsvRow): number | null {
  const text = cellOf(plan, row, 'time')
  if (text === '') return null
  const time = readTime(text, plan.time)
  if (Number.isNaN(time)) throw new BadCell('bad_time', plan.columns[plan.fields.time ?? 0]?.column ?? 'time', text)
  return time
}

export function numberOf(text: string, field: string): number | null {
  if (text === '') return null
  const value = amountOf(text)
  if (Number.isNaN(value)) throw new BadCell('bad_number', field, text)
  return value
}

/** Who the row is about, as an event carries it: the address of an order is evidence of who bought. */
export function personOf(plan: ImportPlan, row: CsvRow): Record<string, unknown> {
  const userId = cellOf(plan, row, 'userId').replace(/^(\d+)\.0$/, '$1')
  const anonymousId = cellOf(plan, row, 'anonymousId')
  const email = cellOf(plan, row, 'email')
  const phone = cellOf(plan, row, 'phone').replace(/^'/, '')
  const traits = { ...(email === '' ? {} : { email }), ...(phone === '' ? {} : { phone }) }
  return {
    ...(userId === '' ? {} : { userId }),
    ...(anonymousId === '' ? {} : { anonymousId }),
    ...(email === '' && phone === '' ? {} : { context: { traits } }),
  }
}

/** The filled cells of the columns by name. */
export function namedValues(columns: readonly NamedColumn[], row: CsvRow): Record<string, JsonValue> {
  const values: Record<string, JsonValue> = {}
  for (const { name, index, type } of columns) {
    const text = (row.cells[index] ?? '').trim()
    if (text !== '') values[name] = valueOf(text, type)
  }
  return values
}
