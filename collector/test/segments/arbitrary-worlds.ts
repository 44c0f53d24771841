import type { JsonValue, PropertyFilter, Scalar, SegmentDefinition, Timeframe, WindowUnit } from '@millrace/schemas'
import fc from 'fast-check'

/** Small worlds in which everything collides: few people, few names, times around month ends, values that look alike. */

export interface SentEvent {
  readonly type: 'track' | 'identify'
  readonly metric: string
  readonly messageId: string
  readonly time: number
  readonly userId?: string
  readonly anonymousId?: string
  readonly properties: Readonly<Record<string, JsonValue>>
}

export interface World {
  /** In order of arrival; a message id may come twice. */
  readonly events: readonly SentEvent[]
  readonly definitions: readonly SegmentDefinition[]
  /** By whose calendar it is asked. */
  readonly zone: string
  /** Chooses the instants that are asked about. */
  readonly picks: readonly number[]
}

export const worldStart = Date.UTC(2024, 0, 31, 10)
const day = 86_400_000

const propertyNames = ['a', 'a', 'b', 'tags', 'when', 'x.y', 'x', 'price']
const texts = ['', '5', '5.0', '+5', '05', '1e1', '1e999', 'true', 'DE', 'de', 'Straße', 'STRASSE', 'ΟΔΟΣ', 'οδός', 'x\ny', "it's \\ \"q\"", ' 7', '0x10', 'inf', 'nan',
  '2024-01-31', '2024-02-29', '1996-02-29', '2023-02-28', '2011-12-30', '2018-11-04', '2024-02-30', '2024-02-29T10:00:00+02:00', '2024-01-31 10:00', '01/02/2026', '2024-03-01T00:00:00.5Z', '+491712345', '+4112', '💥a']
const numbers = [5, 5.5, -1, 0, 10, 0.1, 0.2, 0.3, 1e21, 1e20, 1e-7, 19.99, 1_706_695_200, 1_706_695_200_000, 16, 7, 1e13]

/** So few that properties and what they are compared with meet often. */
const common: readonly Scalar[] = ['5', '5.0', 5, 'DE', 'de', true, 'true', '1e1', 10]
const scalar: fc.Arbitrary<Scalar> = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...common) }, fc.constantFrom(...texts), fc.constantFrom(...numbers), fc.boolean())
const flat: fc.Arbitrary<JsonValue> = fc.oneof({ weight: 8, arbitrary: scalar }, { weight: 1, arbitrary: fc.constant(null) })
/** Inside of lists and objects the engine loses what is beside a whole number of 2^63 to 10^21: see the limits in the README. */
const inner = flat.filter((one) => one !== 1e20)
const line: fc.Arbitrary<JsonValue> = fc.dictionary(fc.constantFrom('sku', 'price', 'x.y'), inner, { maxKeys: 3 })
const value: fc.Arbitrary<JsonValue> = fc.oneof(
  { weight: 8, arbitrary: flat }, { weight: 2, arbitrary: fc.array(fc.oneof(inner, fc.array(inner, { maxLength: 2 }), line), { maxLength: 3 }) },
  { weight: 1, arbitrary: fc.dictionary(fc.constantFrom('y', 'z'), inner, { maxKeys: 2 }) },
)
/** New York and London forward, Lord Howe back by half an hour, a day that Apia left out, a midnight that São Paulo left out. */
const clockChanges = [Date.UTC(2024, 2, 10, 7), Date.UTC(2024, 2, 31, 1), Date.UTC(2024, 3, 6, 15), Date.UTC(2011, 11, 30, 10), Date.UTC(2018, 10, 4, 3)]

/** Around two month ends, some in the same millisecond, some far behind, some of the future. */
const moment = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 40 }).map((step) => worldStart + step * day) },
  { weight: 2, arbitrary: fc.integer({ min: -60, max: 90 }).map((hours) => worldStart + hours * 3_600_000) },
  { weight: 3, arbitrary: fc.constantFrom(worldStart, worldStart, Date.UTC(2024, 1, 29, 10), Date.UTC(2024, 2, 31), Date.UTC(1999, 1, 28), Date.UTC(2031, 0, 31),
    ...clockChanges, ...clockChanges.map((ms) => ms + 1_800_000)) },
)

const properties = fc.tuple(
  fc.dictionary(fc.constantFrom(...propertyNames), value, { maxKeys: 4 }), fc.option(fc.array(fc.oneof({ weight: 4, arbitrary: line }, inner), { maxLength: 3 }), { nil: undefined }),
  fc.option(moment, { freq: 2, nil: undefined }), fc.option(fc.constantFrom(...common), { nil: undefined }),
).map(([plainOnes, items, when, b]): Record<string, JsonValue> => ({
  ...plainOnes, ...(b === undefined ? {} : { b }), ...(items === undefined ? {} : { items }), ...(when === undefined ? {} : { when: new Date(when).toISOString() }),
}))

const event: fc.Arbitrary<SentEvent> = fc.record({
  type: fc.constantFrom('track', 'track', 'identify'), metric: fc.constantFrom('Order', 'View', 'identify'), messageId: fc.integer({ min: 0, max: 60 }).map((id) => `m${id}`),
  time: moment, userId: fc.option(fc.constantFrom('u1', 'u2', 'u3'), { nil: undefined }), anonymousId: fc.constantFrom('a1', 'a2', 'a3', 'a4'), properties,
}).map(({ userId, metric, ...rest }): SentEvent => ({
  ...rest, metric: rest.type === 'identify' ? 'identify' : metric, ...(userId === undefined ? {} : { userId }),
}))

const unit: fc.Arbitrary<WindowUnit> = fc.constantFrom('minute', 'hour', 'day', 'week', 'month', 'month', 'year')
const instant = moment.map((ms) => new Date(ms).toISOString())
const eventWindow: fc.Arbitrary<Timeframe> = fc.oneof(
  fc.constant<Timeframe>({ type: 'all-time' }),
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('in-the-last', 'at-least-ago'), quantity: fc.integer({ min: 1, max: 40 }), unit }) },
  fc.tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 1, max: 30 }), unit).map(([start, length, of]): Timeframe => ({ type: 'between-ago', start, end: start + length, unit: of })),
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('after', 'before'), instant }) },
  fc.constant<Timeframe>({ type: 'this-month' }),
  fc.record({ type: fc.constant('calendar-month'), month: fc.constantFrom(1, 2, 3, 12) }),
  fc.record({ type: fc.constant('calendar-month'), month: fc.constantFrom(1, 2, 3, 12), year: fc.constantFrom(2024, 2011) }),
  fc.uniqueArray(moment, { minLength: 2, maxLength: 2 }).map(([one = 0, other = 0]): Timeframe => (
    { type: 'between', start: new Date(Math.min(one, other)).toISOString(), end: new Date(Math.max(one, other)).toISOString() })),
)
const dateWindow: fc.Arbitrary<Timeframe> = fc.oneof(
  { weight: 3, arbitrary: eventWindow }, fc.record({ type: fc.constant('in-the-next'), quantity: fc.integer({ min: 1, max: 40 }), unit }),
  fc.constantFrom<Timeframe>({ type: 'anniversary' }, { type: 'anniversary-month' }),
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('anniversary-last', 'anniversary-next'), quantity: fc.constantFrom(1, 2, 7, 31, 52), unit: fc.constantFrom('day', 'day', 'week') }) },
)

const flag = fc.constantFrom<{ ignoreCase?: true }>({}, {}, { ignoreCase: true })
const someText = fc.constantFrom(...texts.filter((text) => text !== ''))
const amount = fc.oneof(fc.constantFrom(...numbers.filter((number) => number < 1e12)), fc.integer({ min: -2, max: 12 }))
const list = fc.array(scalar, { minLength: 1, maxLength: 4 })
const patterns = ['^d', 'ß$', 'x.y', '[0-9]+', '(?:DE|de)', '^$', 'S{2}', 'e$', '\\.0']

function filterOn(names: readonly string[]): fc.Arbitrary<PropertyFilter> {
  const property = fc.constantFrom(...names)
  const test: fc.Arbitrary<DistributiveOmit<PropertyFilter, 'property'>> = fc.oneof(
    { weight: 3, arbitrary: fc.tuple(fc.constantFrom('equals', 'not-equals'), scalar, flag).map(([operator, one, blind]) => ({ operator, value: one, ...blind })) },
    fc.tuple(fc.constantFrom('greater-than', 'greater-than-or-equal', 'less-than', 'less-than-or-equal', 'length-equals', 'length-not-equals', 'length-greater-than', 'length-less-than-or-equal'), amount)
      .map(([operator, one]) => ({ operator, value: one })),
    fc.tuple(amount, amount).map(([one, other]) => ({ operator: 'between' as const, value: [Math.min(one, other), Math.max(one, other)] as const })),
    fc.tuple(fc.constantFrom('contains', 'not-contains', 'starts-with', 'not-starts-with', 'ends-with', 'not-ends-with', 'contains-substring', 'not-contains-substring'), someText, flag)
      .map(([operator, one, blind]) => ({ operator, value: one, ...blind })),
    fc.tuple(fc.constantFrom('regex', 'not-regex'), fc.constantFrom(...patterns), flag).map(([operator, one, blind]) => ({ operator, value: one, ...blind })),
    fc.tuple(fc.constantFrom('in', 'not-in', 'contains-any', 'not-contains-any', 'contains-all', 'not-contains-all'), list, flag).map(([operator, some, blind]) => ({ operator, value: some, ...blind })),
    fc.tuple(fc.constantFrom('phone-country-code-in', 'phone-country-code-not-in'), fc.subarray(['49', '41', '1'], { minLength: 1 })).map(([operator, codes]) => ({ operator, value: codes })),
    fc.constantFrom('is-set', 'not-set').map((operator) => ({ operator })),
    dateWindow.map((timeframe) => ({ operator: 'within' as const, timeframe })),
  )
  return fc.tuple(property, test).map(([name, rest]): PropertyFilter => ({ property: name, ...rest }))
}

type DistributiveOmit<T, Key extends PropertyKey> = T extends unknown ? Omit<T, Key> : never

/** Conditions that hold seldom hide every other fault when each leaf has several of them. */
function seldom<T, Nil>(arbitrary: fc.Arbitrary<T>, nil: Nil): fc.Arbitrary<T | Nil> {
  return fc.oneof({ weight: 2, arbitrary: fc.constant(nil) }, { weight: 1, arbitrary })
}

const filter = filterOn(propertyNames)
const metricLeaf: fc.Arbitrary<SegmentDefinition> = fc.record({
  metric: fc.constantFrom('Order', 'Order', 'View', 'View', 'identify', 'Never'), measured: fc.constantFrom('count', 'count', 'sum'), operator: fc.constantFrom('equals', 'not-equals', 'greater-than', 'greater-than-or-equal', 'less-than', 'less-than-or-equal'),
  between: seldom(fc.tuple(amount, amount), null), value: fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 0, max: 3 }) }, amount), timeframe: eventWindow,
  filters: seldom(fc.array(filter, { maxLength: 2 }), []), property: fc.constantFrom('price', 'a', 'x.y'),
  anyItem: seldom(fc.record({ of: fc.constantFrom('items', 'items', 'tags', 'x'), filters: fc.array(filterOn(['sku', 'price', 'x.y']), { maxLength: 2 }) }), undefined),
}).map(({ metric, measured, operator, between, value: one, timeframe, filters, property, anyItem }): SegmentDefinition => ({
  type: 'profile-metric', metric, ...(measured === 'sum' ? { measurement: 'sum', property } : { measurement: 'count' }),
  ...(between === null ? { operator, value: one } : { operator: 'between', value: [Math.min(...between), Math.max(...between)] as const }),
  timeframe, filters, ...(anyItem === undefined ? {} : { anyItem }),
}))
const propertyLeaf = filter.map((rest): SegmentDefinition => ({ type: 'profile-property', ...rest }))
const leaf = fc.oneof({ weight: 3, arbitrary: metricLeaf }, { weight: 2, arbitrary: propertyLeaf })

const definition: fc.Arbitrary<SegmentDefinition> = fc.letrec<{ tree: SegmentDefinition }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true }, { weight: 3, arbitrary: leaf },
    { weight: 1, arbitrary: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }).map((and): SegmentDefinition => ({ and })) },
    { weight: 1, arbitrary: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }).map((or): SegmentDefinition => ({ or })) },
    { weight: 1, arbitrary: tie('tree').map((not): SegmentDefinition => ({ not })) },
  ),
})).tree

/** Nothing but a window around a small count or a date, or an equality: every fault of these changes its members. */
const plain: fc.Arbitrary<SegmentDefinition> = fc.oneof(
  { weight: 3, arbitrary: fc.record({
    metric: fc.constantFrom('Order', 'View', 'identify'), operator: fc.constantFrom('equals', 'not-equals', 'greater-than-or-equal', 'less-than'), value: fc.integer({ min: 1, max: 2 }),
    timeframe: eventWindow,
  }).map((part): SegmentDefinition => ({ type: 'profile-metric', measurement: 'count', filters: [], ...part })) },
  { weight: 1, arbitrary: dateWindow.map((timeframe): SegmentDefinition => ({ type: 'profile-property', property: 'when', operator: 'within', timeframe })) },
  // Only lines that are no objects differ from none here.
  { weight: 1, arbitrary: fc.constantFrom('Order', 'View').map((metric): SegmentDefinition => ({
    type: 'profile-metric', metric, measurement: 'count', operator: 'greater-than-or-equal', value: 1, timeframe: { type: 'all-time' }, filters: [],
    anyItem: { of: 'items', filters: [{ property: 'sku', operator: 'not-set' }, { property: 'price', operator: 'not-set' }, { property: 'x.y', operator: 'not-set' }] },
  })) },
  { weight: 1, arbitrary: fc.record({ operator: fc.constantFrom('equals', 'not-equals'), value: fc.constantFrom(...common) })
    .map((part): SegmentDefinition => ({ type: 'profile-property', property: 'b', ...part })) },
)

export const arbitraryWorld: fc.Arbitrary<World> = fc.record({
  events: fc.array(event, { minLength: 8, maxLength: 40, size: 'max' }), definitions: fc.tuple(fc.array(definition, { minLength: 2, maxLength: 3, size: 'max' }), fc.array(plain, { minLength: 4, maxLength: 7, size: 'max' })).map((both) => both.flat()),
  zone: fc.constantFrom('UTC', 'UTC', 'Europe/London', 'America/New_York', 'Australia/Lord_Howe', 'Pacific/Apia', 'America/Sao_Paulo'),
  picks: fc.array(fc.nat({ max: 1_000_000 }), { minLength: 4, maxLength: 4 }),
}).map(({ definitions, ...world }) => ({ ...world, definitions: definitions.map((one) => meetingEvents(one, world.events)) }))

/** The definition with the ends of its fixed windows moved to the nearest events that it asks for: drawn apart, the two would hardly ever meet. */
function meetingEvents(node: SegmentDefinition, events: readonly SentEvent[]): SegmentDefinition {
  if ('and' in node) return { and: node.and.map((child) => meetingEvents(child, events)) }
  if ('or' in node) return { or: node.or.map((child) => meetingEvents(child, events)) }
  if ('not' in node) return { not: meetingEvents(node.not, events) }
  if (node.type === 'profile-property') return node
  const times = events.filter(({ metric }) => metric === node.metric).map(({ time }) => time)
  const nearest = (text: string): string => {
    const moment = Date.parse(text)
    return new Date(times.toSorted((one, other) => Math.abs(one - moment) - Math.abs(other - moment))[0] ?? moment).toISOString()
  }
  const { timeframe } = node
  if (timeframe.type === 'after' || timeframe.type === 'before') return { ...node, timeframe: { ...timeframe, instant: nearest(timeframe.instant) } }
  if (timeframe.type !== 'between') return node
  const [start, end] = [nearest(timeframe.start), nearest(timeframe.end)]
  return start === end ? node : { ...node, timeframe: { ...timeframe, start, end } }
}
