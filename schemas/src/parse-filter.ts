import { isText, type Reader, refuse } from './definition-reader.ts'
import { parseTimeframe } from './parse-timeframe.ts'
import {
  equalOperators, existenceOperators, filterOperators, lengthOperators, listOperators, orderOperators, phoneOperators, type PropertyFilter, type Scalar,
  segmentLimits,
} from './segment-definition.ts'

export const filterFields: readonly string[] = Object.freeze(['property', 'operator', 'value', 'ignoreCase', 'timeframe'])

/** The caller has refused keys that stand in no filter. */
export function parseFilter(reader: Reader): PropertyFilter {
  const property = reader.name('property')
  const operator = reader.oneOf('operator', filterOperators, 'unknown_operator')
  if (operator === 'within') {
    only(reader, ['timeframe'], operator)
    if (!reader.has('timeframe')) refuse(`${reader.path}.timeframe`, 'missing', 'must be a window such as { "type": "in-the-last", "quantity": 30, "unit": "day" }')
    return { property, operator, timeframe: parseTimeframe(reader.child('timeframe'), 'date') }
  }
  if (isOneOf(existenceOperators, operator)) {
    only(reader, [], operator)
    return { property, operator }
  }
  if (operator === 'between') {
    only(reader, ['value'], operator)
    return { property, operator, value: reader.pair('value') }
  }
  if (isOneOf(orderOperators, operator) || isOneOf(lengthOperators, operator)) {
    only(reader, ['value'], operator)
    return { property, operator, value: reader.number('value') }
  }
  if (isOneOf(phoneOperators, operator)) {
    only(reader, ['value'], operator)
    return { property, operator, value: reader.values('value', isCallingCode, 'a calling code such as "44"') }
  }
  only(reader, ['value', 'ignoreCase'], operator)
  const ignoreCase = caseFlag(reader)
  if (isOneOf(listOperators, operator)) {
    return { property, operator, value: reader.values('value', isScalar, `a text of at most ${segmentLimits.textCharactersMax} characters, a number or a boolean`), ...ignoreCase }
  }
  if (isOneOf(equalOperators, operator)) return { property, operator, value: scalar(reader), ...ignoreCase }
  return { property, operator, value: operator.endsWith('regex') ? pattern(reader) : reader.text('value'), ...ignoreCase }
}

function isOneOf<T extends string>(list: readonly T[], operator: string): operator is T {
  return list.some((known) => known === operator)
}

/** A `value` beside an operator that takes none would be ignored, which nobody means. */
function only(reader: Reader, keys: readonly string[], operator: string): void {
  for (const key of ['value', 'ignoreCase', 'timeframe']) {
    if (reader.has(key) && !keys.includes(key)) {
      refuse(`${reader.path}.${key}`, 'unknown_key', `${operator} takes ${keys.length === 0 ? 'neither value nor flag' : keys.join(' and ')}`)
    }
  }
}

function caseFlag(reader: Reader): { readonly ignoreCase?: true } {
  const flag = reader.get('ignoreCase')
  if (flag === undefined || flag === false) return {}
  if (flag !== true) refuse(`${reader.path}.ignoreCase`, 'wrong_value', 'must be true or false')
  return { ignoreCase: true }
}

function scalar(reader: Reader): Scalar {
  const value = reader.get('value')
  if (isScalar(value)) return value
  return refuse(`${reader.path}.value`, value === undefined ? 'missing' : 'wrong_value', `must be a text of at most ${segmentLimits.textCharactersMax} characters, a number or a boolean`)
}

function isScalar(value: unknown): value is Scalar {
  return isText(value) || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))
}

function pattern(reader: Reader): string {
  const text = reader.text('value')
  if (text.length > segmentLimits.patternCharactersMax) refuse(`${reader.path}.value`, 'bad_pattern', `a pattern may have ${segmentLimits.patternCharactersMax} characters`)
  const fault = reader.context.patternFault(text)
  return fault === null ? text : refuse(`${reader.path}.value`, 'bad_pattern', fault)
}

/** Two-digit calling codes as the ITU gives them; of the rest, 1 and 7 have one digit and all others three. */
const twoDigitCodes = new Set((
  '20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98').split(' '))

/** Whole codes only: then no code begins with another one, and a prefix of a number is its country. */
function isCallingCode(value: unknown): value is string {
  if (typeof value !== 'string') return false
  if (value === '1' || value === '7' || twoDigitCodes.has(value)) return true
  return /^[2-689]\d\d$/.test(value) && !twoDigitCodes.has(value.slice(0, 2))
}
