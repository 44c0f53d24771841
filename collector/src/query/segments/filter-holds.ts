import type { JsonObject, JsonValue, PropertyFilter, Scalar } from '@millrace/schemas'
import { compilePattern } from './pattern.ts'
import { decimalOf, folded, isList, isObject, listOf, propertyOf, textOf } from './property-value.ts'
import { type Asked, isWithin, momentOf } from './windows.ts'

/** Whether the property passes at the instant. A negated operator is the plain negation of the other. */
export function filterHolds(filter: PropertyFilter, properties: JsonObject, asked: Asked): boolean {
  return valuePasses(filter, propertyOf(properties, filter.property), asked)
}

function valuePasses(filter: PropertyFilter, value: JsonValue, asked: Asked): boolean {
  switch (filter.operator) {
    case 'equals': return isAmong(value, [filter.value], filter.ignoreCase)
    case 'not-equals': return !isAmong(value, [filter.value], filter.ignoreCase)
    case 'in': return isAmong(value, filter.value, filter.ignoreCase)
    case 'not-in': return !isAmong(value, filter.value, filter.ignoreCase)
    case 'is-set': return value !== null
    case 'not-set': return value === null
    case 'within': {
      const date = momentOf(value, asked.zone)
      return date !== null && isWithin(filter.timeframe, date, asked)
    }
    case 'between': return typeof value === 'number' && value >= filter.value[0] && value <= filter.value[1]
    case 'greater-than': case 'greater-than-or-equal': case 'less-than': case 'less-than-or-equal':
      return typeof value === 'number' && compares(value, filter.operator, filter.value)
    case 'length-equals': return listOf(value).length === filter.value
    case 'length-not-equals': return listOf(value).length !== filter.value
    case 'length-greater-than': return listOf(value).length > filter.value
    case 'length-greater-than-or-equal': return listOf(value).length >= filter.value
    case 'length-less-than': return listOf(value).length < filter.value
    case 'length-less-than-or-equal': return listOf(value).length <= filter.value
    default: return textPasses(filter, value)
  }
}

type TextFilter = Extract<PropertyFilter, { readonly value: string | readonly Scalar[] }>

function textPasses(filter: TextFilter, value: JsonValue): boolean {
  const { operator } = filter
  if (operator.startsWith('not-')) return !positivePasses(filter, operator.slice(4), value)
  if (operator === 'phone-country-code-not-in') return !positivePasses(filter, 'phone-country-code-in', value)
  return positivePasses(filter, operator, value)
}

function positivePasses(filter: TextFilter, operator: string, value: JsonValue): boolean {
  const ignoreCase = 'ignoreCase' in filter && filter.ignoreCase === true
  const wanted = filter.value
  if (typeof wanted !== 'string') {
    if (operator === 'phone-country-code-in') return typeof value === 'string' && wanted.some((code) => value.startsWith(`+${String(code)}`))
    const items = listOf(value)
    const found = (one: Scalar): boolean => items.some((item) => isAmong(item, [one], ignoreCase || undefined))
    return operator === 'contains-any' ? wanted.some(found) : wanted.every(found)
  }
  if (operator === 'contains-substring') return listOf(value).some((item) => textTest('contains', wanted, ignoreCase)(textOf(item)))
  return textTest(operator, wanted, ignoreCase)(isList(value) || isObject(value) ? null : textOf(value))
}

function textTest(operator: string, wanted: string, ignoreCase: boolean): (text: string | null) => boolean {
  if (operator === 'regex') {
    const pattern = compilePattern(wanted, ignoreCase)
    return (text) => text !== null && pattern.test(text)
  }
  const part = folded(wanted, ignoreCase)
  return (text) => {
    if (text === null) return false
    const whole = folded(text, ignoreCase)
    if (operator === 'contains') return whole.includes(part)
    return operator === 'starts-with' ? whole.startsWith(part) : whole.endsWith(part)
  }
}

/** Equality with one of the values: a number and a text as numbers if the text is a plain decimal; a boolean with its spelling. */
function isAmong(value: JsonValue, wanted: readonly Scalar[], ignoreCase: true | undefined): boolean {
  const text = textOf(value)
  if (text === null) return false
  return wanted.some((one) => {
    if (typeof one === 'number') return (typeof value === 'number' ? value : typeof value === 'string' ? decimalOf(value) : null) === one
    if (typeof one === 'boolean') return text === String(one) && typeof value !== 'number'
    if (typeof value === 'number') return decimalOf(one) === value
    return folded(text, ignoreCase === true) === folded(one, ignoreCase === true)
  })
}

export function compares(value: number | bigint, operator: string, wanted: number | bigint): boolean {
  switch (operator) {
    case 'equals': return value === wanted
    case 'not-equals': return value !== wanted
    case 'greater-than': return value > wanted
    case 'greater-than-or-equal': return value >= wanted
    case 'less-than': return value < wanted
    default: return value <= wanted
  }
}
