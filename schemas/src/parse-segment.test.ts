import { describe, expect, it } from 'vitest'
import { filterOperators, instantOfNumber, instantOfText, parseSegmentDefinition, segmentLimits, segmentTemplates } from './index.ts'

const context = { patternFault: (pattern: string) => (pattern === '(' ? 'no pattern' : null) }
const metric = (part: object = {}): object => ({ type: 'profile-metric', metric: 'Order', measurement: 'count', operator: 'equals', value: 1, ...part })
const property = (part: object): object => ({ type: 'profile-property', property: 'a', ...part })
const timeframe = (part: object): object => metric({ timeframe: part })

function faultOf(definition: unknown): string {
  const parsed = parseSegmentDefinition(definition, context)
  return 'fault' in parsed ? `${parsed.fault.rule} ${parsed.fault.path}` : 'none'
}

function nested(depth: number): unknown {
  let node: unknown = metric()
  for (let level = 1; level < depth; level += 1) node = { not: node }
  return node
}

describe('parseSegmentDefinition', () => {
  it('fills in what was left out, so that equal conditions are written equally', () => {
    expect(parseSegmentDefinition(metric(), context)).toEqual({ definition: metric({ timeframe: { type: 'all-time' }, filters: [] }) })
    expect(parseSegmentDefinition(timeframe({ type: 'after', instant: '2026-01-01T01:00+01:00' }), context))
      .toEqual({ definition: metric({ timeframe: { type: 'after', instant: '2026-01-01T00:00:00.000Z' }, filters: [] }) })
  })

  it('reads what it wrote', () => {
    for (const { definition } of segmentTemplates()) expect(parseSegmentDefinition(JSON.parse(JSON.stringify(definition)), context)).toEqual({ definition })
  })

  it.each([
    [nested(16), 'none'],
    [nested(17), 'too_deep definition.not.not.not.not.not.not.not.not.not.not.not.not.not.not.not.not'],
    [nested(5_000), 'too_deep definition.not.not.not.not.not.not.not.not.not.not.not.not.not.not.not.not'],
    [{ and: Array.from({ length: 100 }, () => metric()) }, 'none'],
    [{ and: [{ or: Array.from({ length: 99 }, () => metric()) }, metric(), metric()] }, 'too_many_conditions definition.and[2]'],
    [null, 'not_an_object definition'], [[], 'not_an_object definition'], [{ and: metric() }, 'wrong_value definition.and'], [{ and: [] }, 'wrong_value definition.and'],
    [{ and: [metric()], or: [metric()] }, 'unknown_key definition.or'], [{ and: [5] }, 'not_an_object definition.and[0]'], [{}, 'missing definition'],
    [{ type: 'profile-list' }, 'unknown_type definition.type'], [metric({ measurement: 'avg' }), 'wrong_value definition.measurement'],
    [metric({ operator: 'about' }), 'unknown_operator definition.operator'], [metric({ operator: 'constructor' }), 'unknown_operator definition.operator'],
    [metric({ value: '2' }), 'wrong_value definition.value'], [metric({ value: Number.NaN }), 'wrong_value definition.value'], [metric({ value: 1e13 }), 'out_of_bounds definition.value'],
    [metric({ operator: 'between', value: [2, 1] }), 'out_of_bounds definition.value'], [metric({ operator: 'between', value: [1, 1] }), 'none'],
    [metric({ property: 'x' }), 'unknown_key definition.property'], [metric({ measurement: 'sum' }), 'missing definition.property'],
    [metric({ metric: '' }), 'wrong_value definition.metric'], [metric({ metric: 'x'.repeat(201) }), 'wrong_value definition.metric'],
    [metric({ filters: Array.from({ length: 21 }, () => ({ property: 'a', operator: 'is-set' })) }), 'out_of_bounds definition.filters'],
    [metric({ filters: [{ property: 'a', operator: 'is-set', type: 'profile-property' }] }), 'unknown_key definition.filters[0].type'],
    [metric({ anyItem: { of: 'products', filters: [{ property: 'a', operator: 'is' }] } }), 'unknown_operator definition.anyItem.filters[0].operator'],
    [timeframe({ type: 'in-the-last', quantity: -3, unit: 'day' }), 'bad_window definition.timeframe.quantity'],
    [timeframe({ type: 'in-the-last', quantity: 1.5, unit: 'day' }), 'bad_window definition.timeframe.quantity'],
    [timeframe({ type: 'in-the-last', quantity: 1_201, unit: 'month' }), 'bad_window definition.timeframe.quantity'],
    [timeframe({ type: 'in-the-last', quantity: 1, unit: 'days' }), 'bad_window definition.timeframe.unit'],
    [timeframe({ type: 'in-the-last', unit: 'day' }), 'missing definition.timeframe.quantity'],
    [timeframe({ type: 'between-ago', start: 7, end: 7, unit: 'day' }), 'bad_window definition.timeframe.end'],
    [timeframe({ type: 'between', start: '2026-01-02', end: '2026-01-01' }), 'bad_window definition.timeframe.end'],
    [timeframe({ type: 'after', instant: '01/02/2026' }), 'bad_window definition.timeframe.instant'],
    [timeframe({ type: 'in-the-next', quantity: 1, unit: 'day' }), 'bad_window definition.timeframe.type'],
    [property({ operator: 'within', timeframe: { type: 'in-the-next', quantity: 1, unit: 'day' } }), 'none'],
    [property({ property: 'consent', operator: 'is-set' }), 'wrong_value definition.property'],
    [property({ property: 'consent.email', operator: 'is-set' }), 'wrong_value definition.property'], [property({ property: 'consents', operator: 'is-set' }), 'none'],
    [property({ operator: 'within' }), 'missing definition.timeframe'], [property({ operator: 'is-set', value: 1 }), 'unknown_key definition.value'],
    [property({ operator: 'equals' }), 'missing definition.value'], [property({ operator: 'equals', value: null }), 'wrong_value definition.value'],
    [property({ operator: 'equals', value: '\ud800' }), 'wrong_value definition.value'], [property({ operator: 'in', value: [] }), 'wrong_value definition.value'],
    [property({ operator: 'in', value: [[1]] }), 'wrong_value definition.value[0]'], [property({ operator: 'in', value: Array.from({ length: 1_001 }, () => 1) }), 'out_of_bounds definition.value'],
    [property({ operator: 'contains', value: '' }), 'wrong_value definition.value'], [property({ operator: 'regex', value: '(' }), 'bad_pattern definition.value'],
    [property({ operator: 'regex', value: 'x'.repeat(501) }), 'bad_pattern definition.value'], [property({ operator: 'equals', value: 'a', ignoreCase: 1 }), 'wrong_value definition.ignoreCase'],
    [property({ operator: 'greater-than', value: 'a' }), 'wrong_value definition.value'], [property({ operator: 'phone-country-code-in', value: ['4'] }), 'wrong_value definition.value[0]'],
    [property({ operator: 'phone-country-code-in', value: ['44', '1', '353'] }), 'none'], [property({ operator: 'phone-country-code-in', value: ['441'] }), 'wrong_value definition.value[0]'],
  ])('judges case %#', (definition, fault) => {
    expect(faultOf(definition)).toBe(fault)
  })

  it('knows each operator once', () => {
    expect(new Set(filterOperators).size).toBe(filterOperators.length)
    expect(Object.isFrozen(segmentLimits)).toBe(true)
  })
})

describe('dates', () => {
  it.each([
    ['2026-01-31', Date.UTC(2026, 0, 31)], ['2026-01-31T10:00', Date.UTC(2026, 0, 31, 10)], ['2026-01-31 10:00:05', Date.UTC(2026, 0, 31, 10, 0, 5)],
    ['2026-01-31T10:00:00.5Z', Date.UTC(2026, 0, 31, 10, 0, 0, 500)], ['2026-01-31T10:00:00.1239Z', Date.UTC(2026, 0, 31, 10, 0, 0, 123)],
    ['2026-01-31T00:00:00+02:00', Date.UTC(2026, 0, 30, 22)], ['2026-01-31T00:00:00-0530', Date.UTC(2026, 0, 31, 5, 30)], ['2024-02-29', Date.UTC(2024, 1, 29)],
    ['2025-02-29', null], ['2026-13-01', null], ['2026-00-10', null], ['2026-01-31T24:00', null], ['2026-01-31T10:00:60Z', null], ['01/02/2026', null],
    ['2026-1-31', null], ['1899-12-31', null], ['2200-01-01', null], ['', null], ['2026-01-31T10:00+15:00', null], [' 2026-01-31', null], ['2026-01-31\n', null],
  ])('reads %j', (text, ms) => {
    expect(instantOfText(text)).toBe(ms)
  })

  it('takes small numbers for seconds and great ones for milliseconds', () => {
    expect(instantOfNumber(1_700_000_000)).toBe(1_700_000_000_000)
    expect(instantOfNumber(1_700_000_000_000)).toBe(1_700_000_000_000)
    expect(instantOfNumber(-1e15)).toBeNull()
  })
})
