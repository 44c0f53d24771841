import type { JsonObject, JsonValue, ProfileMetric, SegmentDefinition, SegmentLeaf } from '@millrace/schemas'
import { compares, filterHolds } from './filter-holds.ts'
import { amountOf, amountScale, isObject, listOf, propertyOf } from './property-value.ts'
import { type Asked, isWithin } from './windows.ts'

export interface FactEvent {
  readonly metric: string
  /** Epoch milliseconds. */
  readonly time: number
  readonly properties: JsonObject
}

/** One profile: the events of all its identifiers, and the properties these make together. */
export interface ProfileFacts {
  readonly events: readonly FactEvent[]
  readonly properties: JsonObject
}

export interface LeafAnswer {
  /** Where the condition stands, as in `definition.and[0]`. */
  readonly path: string
  readonly answer: boolean
  /** The count, the sum, or the property's value; null where there is none. */
  readonly value: JsonValue
  /** What the condition asks for, as `greater-than-or-equal 2`. */
  readonly needs: string
  /** Events whose property is no number and so added nothing to a sum. */
  readonly faults?: number
}

export interface SegmentAnswer {
  readonly answer: boolean
  readonly leaves: readonly LeafAnswer[]
}

/**
 * Whether a profile is a member at an instant and what each condition found. A pure function, and
 * the same answer that the compiled query gives.
 */
export function evaluateSegment(definition: SegmentDefinition, facts: ProfileFacts, asked: Asked): SegmentAnswer {
  const leaves: LeafAnswer[] = []
  const answer = evaluate(definition, 'definition', (leaf, path) => {
    const found = leaf.type === 'profile-metric' ? metricAnswer(leaf, facts, asked) : propertyAnswer(leaf, facts, asked)
    leaves.push({ path, ...found })
    return found.answer
  })
  return { answer, leaves }
}

/** Every condition is asked, also where the others have settled the answer. */
function evaluate(node: SegmentDefinition, path: string, ask: (leaf: SegmentLeaf, path: string) => boolean): boolean {
  if ('and' in node) return node.and.map((child, index) => evaluate(child, `${path}.and[${index}]`, ask)).every(Boolean)
  if ('or' in node) return node.or.map((child, index) => evaluate(child, `${path}.or[${index}]`, ask)).some(Boolean)
  if ('not' in node) return !evaluate(node.not, `${path}.not`, ask)
  return ask(node, path)
}

type Found = Omit<LeafAnswer, 'path'>

function metricAnswer(leaf: ProfileMetric, { events }: ProfileFacts, asked: Asked): Found {
  const matching = events.filter((event) => event.metric === leaf.metric && eventCounts(leaf, event, asked))
  const needs = `${leaf.operator} ${typeof leaf.value === 'number' ? leaf.value : leaf.value.join(' and ')}`
  if (leaf.measurement === 'count') {
    const count = matching.length
    const answer = typeof leaf.value === 'number' ? compares(count, leaf.operator, leaf.value) : count >= leaf.value[0] && count <= leaf.value[1]
    return { answer, value: count, needs }
  }
  const amounts = matching.map(({ properties }) => amountOf(propertyOf(properties, leaf.property ?? '')))
  const sum = amounts.reduce<bigint>((total, amount) => total + (amount ?? 0n), 0n)
  const [low, high] = typeof leaf.value === 'number' ? [leaf.value, leaf.value] : leaf.value
  const answer = leaf.operator === 'between'
    ? sum >= (amountOf(low) ?? 0n) && sum <= (amountOf(high) ?? 0n)
    : compares(sum, leaf.operator, amountOf(low) ?? 0n)
  return { answer, value: Number(sum) / amountScale, needs, faults: amounts.filter((amount) => amount === null).length }
}

function eventCounts({ timeframe, filters, anyItem }: ProfileMetric, { time, properties }: FactEvent, asked: Asked): boolean {
  // An event of the future counts from its own time on, whatever the window says.
  if (time > asked.at || !isWithin(timeframe, time, asked)) return false
  if (!filters.every((filter) => filterHolds(filter, properties, asked))) return false
  if (anyItem === undefined) return true
  return listOf(propertyOf(properties, anyItem.of)).some((item) => isObject(item) && anyItem.filters.every((filter) => filterHolds(filter, item, asked)))
}

function propertyAnswer(leaf: Extract<SegmentLeaf, { readonly type: 'profile-property' }>, { properties }: ProfileFacts, asked: Asked): Found {
  return { answer: filterHolds(leaf, properties, asked), value: propertyOf(properties, leaf.property), needs: neededOf(leaf) }
}

function neededOf(leaf: Extract<SegmentLeaf, { readonly type: 'profile-property' }>): string {
  if (leaf.operator === 'within') {
    const { type, ...bounds } = leaf.timeframe
    return [type, ...Object.values(bounds)].join(' ')
  }
  return 'value' in leaf ? `${leaf.operator} ${JSON.stringify(leaf.value)}` : leaf.operator
}
