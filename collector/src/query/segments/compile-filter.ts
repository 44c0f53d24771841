import { dateYears, type PropertyFilter, type Scalar } from '@millrace/schemas'
import { compileDateWindow } from './compile-window.ts'
import { enginePattern } from './pattern.ts'
import { decimalOf, folded } from './property-value.ts'
import type { SqlParameters } from './sql-parameters.ts'
import type { Asked } from './windows.ts'

/**
 * Conditions on a property as SQL over `raw`, an expression that gives the property's JSON text: empty where there is
 * none. They say the same as `filterHolds`, rule by rule.
 */

export interface FilterContext extends Asked {
  readonly parameters: SqlParameters
  /** Gives a long expression that is used more than once a short name, where there is a place for one. */
  readonly name: (expression: string, what: 'value' | 'condition') => string
}

const plainDecimal = String.raw`'^[+-]?\\d+(?:\\.\\d+)?(?:[eE][+-]?\\d+)?$'`

/** The JSON text of a property of the JSON object `object`, by its key, else by its path. */
export function rawProperty(object: string, name: string, parameters: SqlParameters): string {
  const own = `JSONExtractRaw(${object}, ${parameters.add('String', name)})`
  if (!name.includes('.')) return own
  const path = `JSONExtractRaw(${[object, ...name.split('.').map((key) => parameters.add('String', key))].join(', ')})`
  return `if(${isMissing(own)}, ${path}, ${own})`
}

export function compileFilter(filter: PropertyFilter, raw: string, context: FilterContext): string {
  return context.name(condition(filter, raw, context), 'condition')
}

function condition(filter: PropertyFilter, raw: string, context: FilterContext): string {
  const { parameters } = context
  switch (filter.operator) {
    case 'equals': return isAmong(raw, [filter.value], { ...context, ignoreCase: filter.ignoreCase === true })
    case 'not-equals': return `NOT ${isAmong(raw, [filter.value], { ...context, ignoreCase: filter.ignoreCase === true })}`
    case 'in': return isAmong(raw, filter.value, { ...context, ignoreCase: filter.ignoreCase === true })
    case 'not-in': return `NOT ${isAmong(raw, filter.value, { ...context, ignoreCase: filter.ignoreCase === true })}`
    case 'is-set': return `NOT ${isMissing(raw)}`
    case 'not-set': return isMissing(raw)
    case 'within': return compileDateWindow(filter.timeframe, { ms: context.name(dateMs(raw), 'value'), isAlone: isDateAlone(raw) }, context)
    case 'between': {
      const [low, high] = filter.value.map((bound) => parameters.add('Float64', bound))
      return `(${isNumber(raw)} AND JSONExtractFloat(${raw}) BETWEEN ${low} AND ${high})`
    }
    case 'greater-than': case 'greater-than-or-equal': case 'less-than': case 'less-than-or-equal':
      return `(${isNumber(raw)} AND JSONExtractFloat(${raw}) ${comparison(filter.operator)} ${parameters.add('Float64', filter.value)})`
    case 'length-equals': case 'length-not-equals': case 'length-greater-than': case 'length-greater-than-or-equal':
    case 'length-less-than': case 'length-less-than-or-equal':
      return `(length(${items(raw)}) ${comparison(filter.operator.slice('length-'.length))} ${parameters.add('Float64', filter.value)})`
    default: return compileText(filter, raw, context)
  }
}

/** The SQL sign of a comparing operator. */
export function comparison(operator: string): string {
  switch (operator) {
    case 'equals': return '='
    case 'not-equals': return '!='
    case 'greater-than': return '>'
    case 'greater-than-or-equal': return '>='
    case 'less-than': return '<'
    default: return '<='
  }
}

type TextFilter = Extract<PropertyFilter, { readonly value: string | readonly Scalar[] }>

function compileText(filter: TextFilter, raw: string, context: FilterContext): string {
  const { operator } = filter
  if (operator.startsWith('not-')) return `NOT ${positive(filter, operator.slice(4), { raw, context })}`
  if (operator === 'phone-country-code-not-in') return `NOT ${positive(filter, 'phone-country-code-in', { raw, context })}`
  return positive(filter, operator, { raw, context })
}

function positive(filter: TextFilter, operator: string, { raw, context }: { readonly raw: string; readonly context: FilterContext }): string {
  const { parameters } = context
  const folding = { ...context, ignoreCase: 'ignoreCase' in filter && filter.ignoreCase === true }
  const wanted = filter.value
  if (typeof wanted === 'string') {
    if (operator !== 'contains-substring') return textTest(operator, wanted, { raw, folding })
    return `arrayExists(item -> ${textTest('contains', wanted, { raw: 'item', folding })}, ${items(raw)})`
  }
  if (operator === 'phone-country-code-in') {
    const codes = wanted.map((code) => `startsWith(${textOf(raw, context.name)}, ${parameters.add('String', `+${String(code)}`)})`)
    return `(${isText(raw)} AND (${codes.join(' OR ')}))`
  }
  if (operator === 'contains-any') return `arrayExists(item -> ${isAmong('item', wanted, folding)}, ${items(raw)})`
  return `(${wanted.map((one) => `arrayExists(item -> ${isAmong('item', [one], folding)}, ${items(raw)})`).join(' AND ')})`
}

interface Folding extends FilterContext {
  readonly ignoreCase: boolean
}

function textTest(operator: string, wanted: string, { raw, folding }: { readonly raw: string; readonly folding: Folding }): string {
  const { parameters, ignoreCase } = folding
  if (operator === 'regex') return `(${isScalar(raw)} AND match(${textOf(raw, folding.name)}, ${parameters.add('String', enginePattern(wanted, ignoreCase))}))`
  const text = foldedText(raw, folding)
  const part = parameters.add('String', folded(wanted, ignoreCase))
  const test = operator === 'contains' ? `position(${text}, ${part}) > 0` : `${operator === 'starts-with' ? 'startsWith' : 'endsWith'}(${text}, ${part})`
  return `(${isScalar(raw)} AND ${test})`
}

function isAmong(raw: string, wanted: readonly Scalar[], folding: Folding): string {
  const { parameters, ignoreCase, name } = folding
  const texts = wanted.flatMap((one) => (typeof one === 'string' ? [folded(one, ignoreCase)] : []))
  const numbers = wanted.flatMap((one) => (typeof one === 'number' ? [one] : []))
  const spelt = wanted.flatMap((one) => (typeof one === 'string' ? [decimalOf(one)] : [])).filter((one) => one !== null && Number.isFinite(one))
  const tests: string[] = []
  if (texts.length > 0) tests.push(`((${isText(raw)} OR ${isBoolean(raw)}) AND has(${parameters.add('Array(String)', texts)}, ${foldedText(raw, folding)}))`)
  const anyNumber = [...numbers, ...spelt].filter((one) => one !== null)
  if (anyNumber.length > 0) tests.push(`(${isNumber(raw)} AND has(${parameters.add('Array(Float64)', anyNumber)}, JSONExtractFloat(${raw})))`)
  if (numbers.length > 0) {
    const text = textOf(raw, name)
    tests.push(`(${isText(raw)} AND match(${text}, ${plainDecimal}) AND has(${parameters.add('Array(Float64)', numbers)}, ifNull(toFloat64OrNull(${text}), inf)))`)
  }
  for (const one of [true, false]) if (wanted.includes(one)) tests.push(`${raw} IN ('${one}', '"${one}"')`)
  return `(${tests.join(' OR ')})`
}

function foldedText(raw: string, { ignoreCase, name }: Folding): string {
  const text = textOf(raw, name)
  return ignoreCase ? `replaceAll(lowerUTF8(${text}), 'ς', 'σ')` : text
}

function textOf(raw: string, name: FilterContext['name']): string {
  return raw === 'item' ? 'JSONExtractString(item)' : name(`JSONExtractString(${raw})`, 'value')
}

export function isMissing(raw: string): string {
  return `(${raw} IN ('', 'null'))`
}

function isText(raw: string): string {
  return `startsWith(${raw}, '"')`
}

function isBoolean(raw: string): string {
  return `(${raw} IN ('true', 'false'))`
}

export function isNumber(raw: string): string {
  return `(substring(${raw}, 1, 1) IN ('-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'))`
}

function isScalar(raw: string): string {
  return `(substring(${raw}, 1, 1) NOT IN ('', 'n', '[', '{'))`
}

function items(raw: string): string {
  return `multiIf(startsWith(${raw}, '['), JSONExtractArrayRaw(${raw}), ${isMissing(raw)}, emptyArrayString(), [${raw}])`
}

/** Of a text that is a date: whether it has no time of day. */
function isDateAlone(raw: string): string {
  return `(${isText(raw)} AND length(JSONExtractString(${raw})) = 10)`
}

/** Epoch milliseconds of a date in JSON text, NULL for what is none; as `instantOfText` and `instantOfNumber` read it. */
function dateMs(raw: string): string {
  const form = String.raw`'^(\\d{4})-(\\d\\d)-(\\d\\d)(?:[T ](\\d\\d):(\\d\\d)(?::(\\d\\d)(?:\\.(\\d{1,9}))?)?(Z|[+-]\\d\\d:?\\d\\d)?)?$'`
  const text = `JSONExtractString(${raw})`
  const part = (index: number): string => `toInt64OrZero(g[${index}])`
  const day = `makeDate32(${part(1)}, ${part(2)}, ${part(3)})`
  const offsetHours = `toInt64OrZero(substring(g[8], 2, 2))`
  const offsetMinutes = `toInt64OrZero(right(g[8], 2))`
  const valid = `(${part(1)} BETWEEN ${dateYears.least} AND ${dateYears.greatest} AND ${part(2)} BETWEEN 1 AND 12 AND ${part(3)} >= 1 AND toDayOfMonth(${day}) = ${part(3)}` +
    ` AND ${part(4)} <= 23 AND ${part(5)} <= 59 AND ${part(6)} <= 59 AND ${offsetHours} <= 14 AND ${offsetMinutes} <= 59)`
  const away = `(${offsetHours} * 60 + ${offsetMinutes}) * if(startsWith(g[8], '-'), -1, 1)`
  const ms = `toInt64(toInt32(${day})) * 86400000 + (${part(4)} * 60 + ${part(5)} - ${away}) * 60000 + ${part(6)} * 1000` +
    ` + toInt64OrZero(substring(rightPad(g[7], 3, '0'), 1, 3))`
  const ofText = `arrayMap(g -> if(${valid}, ${ms}, NULL), [extractGroups(${text}, ${form})])[1]`
  const number = `JSONExtractFloat(${raw})`
  const epoch = `if(abs(${number}) < 1e11, ${number} * 1000, ${number})`
  const [least, most] = [Date.UTC(dateYears.least, 0, 1), Date.UTC(dateYears.greatest + 1, 0, 1)]
  const ofNumber = `if(floor(${epoch}) >= ${least} AND floor(${epoch}) < ${most}, toInt64(floor(${epoch})), NULL)`
  return `multiIf(${isNumber(raw)}, ${ofNumber}, ${isText(raw)} AND match(${text}, ${form}), ${ofText}, NULL)`
}
