import type { JsonValue } from '@millrace/schemas'

/** What the cells of a column are. An `amount` may carry a currency sign and thousands. */
export type ValueType = 'text' | 'number' | 'boolean' | 'json'

/** No leading zeros and no more digits than a number keeps: 00123 and 12345678901234567890 are names of things. */
const plainNumber = /^-?(?:0|[1-9]\d{0,14})(?:\.\d{1,10})?$/

/** The type that all samples of a column have. */
export function typeOf(samples: readonly string[]): ValueType {
  const filled = samples.filter((text) => text !== '')
  if (filled.length === 0) return 'text'
  if (filled.every((text) => plainNumber.test(text))) return 'number'
  if (filled.every((text) => /^(?:true|false)$/i.test(text))) return 'boolean'
  return filled.every((text) => /^[[{]/.test(text) && isJson(text)) ? 'json' : 'text'
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** The cell in its column's type; a cell that is none stays text, which is no error in a property. */
export function valueOf(text: string, type: ValueType): JsonValue {
  if (type === 'number') return plainNumber.test(text) ? Number(text) : text
  if (type === 'boolean') return /^true$/i.test(text) ? true : /^false$/i.test(text) ? false : text
  if (type !== 'json') return text
  try {
    const parsed: JsonValue = JSON.parse(text)
    return parsed
  } catch {
    return text
  }
}

/**
 * An amount or a quantity: `12.5`, `-3`, `1,234.50`, `£12.00`, `12.00 EUR`; NaN for anything else. A lone comma is not
 * taken for a decimal point: 1,234 and 1,5 cannot be told apart in general.
 */
export function amountOf(text: string): number {
  if (/^-?\d{1,15}(?:\.\d{1,10})?$/.test(text)) return Number(text)
  const match = /^(-?)\s*(?:\p{Sc}|[A-Z]{3})?\s*(-?\d{1,3}(?:,\d{3})+(?:\.\d+)?|-?\d+(?:\.\d+)?)\s*(?:\p{Sc}|[A-Z]{3})?$/u.exec(text.trim())
  if (match === null) return Number.NaN
  return Number(`${match[1]}${(match[2] ?? '').replaceAll(',', '')}`)
}
