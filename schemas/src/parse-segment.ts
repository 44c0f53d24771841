import { Reader, refuse, type SegmentContext } from './definition-reader.ts'
import { filterFields, parseFilter } from './parse-filter.ts'
import { parseTimeframe } from './parse-timeframe.ts'
import {
  numberOperators, type ProfileMetric, type ProfileProperty, type PropertyFilter, type SegmentDefinition, type SegmentFault, segmentLimits,
} from './segment-definition.ts'
import { SegmentRefused } from './definition-reader.ts'

/**
 * Reads a segment's definition: closed lists, bounds of `segmentLimits`, defaults filled in (`timeframe` all-time, no
 * filters). Answers the first fault with its path and rule.
 */
export function parseSegmentDefinition(value: unknown, context: SegmentContext): { readonly definition: SegmentDefinition } | { readonly fault: SegmentFault } {
  const conditions = { left: segmentLimits.conditionsMax }
  try {
    return { definition: parseNode(new Reader(value, 'definition', context), 1, conditions) }
  } catch (error) {
    if (error instanceof SegmentRefused) return { fault: error.fault }
    throw error
  }
}

interface Budget {
  left: number
}

function parseNode(reader: Reader, depth: number, conditions: Budget): SegmentDefinition {
  if (depth > segmentLimits.depthMax) refuse(reader.path, 'too_deep', `the tree may be ${segmentLimits.depthMax} deep`)
  for (const key of ['and', 'or'] as const) {
    if (!reader.has(key)) continue
    reader.allow([key])
    const nodes = reader.list(key, segmentLimits.conditionsMax).map((child) => parseNode(child, depth + 1, conditions))
    return key === 'and' ? { and: nodes } : { or: nodes }
  }
  if (reader.has('not')) {
    reader.allow(['not'])
    return { not: parseNode(reader.child('not'), depth + 1, conditions) }
  }
  conditions.left -= 1
  if (conditions.left < 0) refuse(reader.path, 'too_many_conditions', `a segment may have ${segmentLimits.conditionsMax} conditions`)
  const type = reader.get('type')
  if (type === 'profile-metric') return parseMetric(reader)
  if (type === 'profile-property') return parseProperty(reader)
  return refuse(type === undefined ? reader.path : `${reader.path}.type`, type === undefined ? 'missing' : 'unknown_type',
    'a node is { "and": [] }, { "or": [] }, { "not": {} } or a condition whose type is profile-metric or profile-property')
}

function parseMetric(reader: Reader): ProfileMetric {
  reader.allow(['type', 'metric', 'measurement', 'property', 'operator', 'value', 'timeframe', 'filters', 'anyItem'])
  const measurement = reader.oneOf('measurement', ['count', 'sum'], 'wrong_value')
  if (measurement === 'count' && reader.has('property')) refuse(`${reader.path}.property`, 'unknown_key', 'only a sum has a property')
  const operator = reader.oneOf('operator', numberOperators, 'unknown_operator')
  const filters = parseFilters(reader)
  const anyItem = reader.has('anyItem') ? parseAnyItem(reader.child('anyItem')) : undefined
  if (filters.length + (anyItem?.filters.length ?? 0) > segmentLimits.filtersMax) {
    refuse(`${reader.path}.filters`, 'too_many_conditions', `a condition may have ${segmentLimits.filtersMax} filters, those of its items counted`)
  }
  return {
    type: 'profile-metric', metric: reader.name('metric'), measurement, ...(measurement === 'sum' ? { property: reader.name('property') } : {}),
    operator, value: operator === 'between' ? reader.pair('value') : reader.number('value'),
    timeframe: reader.has('timeframe') ? parseTimeframe(reader.child('timeframe'), 'event') : { type: 'all-time' },
    filters, ...(anyItem === undefined ? {} : { anyItem }),
  }
}

function parseFilters(reader: Reader): readonly PropertyFilter[] {
  if (!reader.has('filters')) return []
  return reader.list('filters', segmentLimits.filtersMax, { mayBeEmpty: true }).map((child) => {
    child.allow(filterFields)
    return parseFilter(child)
  })
}

function parseAnyItem(reader: Reader): NonNullable<ProfileMetric['anyItem']> {
  reader.allow(['of', 'filters'])
  return { of: reader.name('of'), filters: parseFilters(reader) }
}

function parseProperty(reader: Reader): ProfileProperty {
  reader.allow(['type', ...filterFields])
  const filter = parseFilter(reader)
  if (/^consent(?:\.|$)/.test(filter.property)) {
    refuse(`${reader.path}.property`, 'wrong_value', 'consent belongs to addresses and is no property of a profile')
  }
  return { type: 'profile-property', ...filter }
}
