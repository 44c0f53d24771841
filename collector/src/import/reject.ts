/** Why a line was not imported; the last ones are the collector's own, as for any event. */
export type RejectRule =
  | 'broken_quote' | 'line_too_long' | 'column_count' | 'too_many_columns' | 'bad_json' | 'not_an_object'
  | 'missing_order_id' | 'missing_time' | 'bad_time' | 'bad_number' | 'order_rows_apart' | 'order_too_long'
  | 'missing_identifier' | 'missing_event_name' | 'event_too_large' | 'too_deep' | 'too_many_keys' | 'timestamp_out_of_range'
  | 'unknown_type' | 'internal_error'

/** One line that was not imported. */
export interface Reject {
  /** In the file, the first being 1; of an order on several lines its first. */
  readonly line: number
  /** The field or column at fault; empty where it is the line. */
  readonly field: string
  readonly rule: RejectRule
  /** What stood there, cut. */
  readonly value: string
}

const valueCharactersMax = 200

export function reject(line: number, rule: RejectRule, { field = '', value = '' }: { readonly field?: string; readonly value?: string } = {}): Reject {
  return { line, field, rule, value: value.length > valueCharactersMax ? `${value.slice(0, valueCharactersMax)}…` : value }
}

/** One line of the rejects file, which is CSV with a header. */
export function rejectLine({ line, field, rule, value }: Reject): string {
  return `${line},${quoted(field)},${rule},${quoted(value)}\n`
}

export const rejectHeader = 'line,field,rule,value\n'

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
