/** The closed lists of a segment's definition and the types made of them; `parseSegmentDefinition` is how one is read. */

export const numberOperators = Object.freeze([
  'equals', 'not-equals', 'greater-than', 'greater-than-or-equal', 'less-than', 'less-than-or-equal', 'between',
] as const)
export type NumberOperator = (typeof numberOperators)[number]

export const windowUnits = Object.freeze(['minute', 'hour', 'day', 'week', 'month', 'year'] as const)
export type WindowUnit = (typeof windowUnits)[number]

/**
 * When a moment t counts, asked at an instant n. Minutes to weeks are durations; months and years are steps of the
 * calendar in the collector's time zone, clamped to the month's end and taken from t, so `in-the-last` 1 month holds while n < t + 1 month.
 * - `all-time`: t <= n
 * - `in-the-last`: n - W < t <= n; `at-least-ago`: t <= n - W; `between-ago`: n - end < t <= n - start
 * - `after`, `before`: from the instant on, until it; `between`: start <= t < end. An event counts only from its own time on
 * - `in-the-next`: n < t <= n + W; only for dates among properties, as are the anniversaries
 * - `this-month`: t is in the month of n; `calendar-month`: t is in that month, 1 to 12, of that year or of any
 * - `anniversary`: t comes round today, that is on its month and day of any year, 29 February on the 28th where there is none;
 *   `anniversary-month`: in the month of n; `anniversary-last`: today or on the days before it, W days in all; `anniversary-next`: on one of the W days after today
 */
export type Timeframe =
  | { readonly type: 'all-time' }
  | { readonly type: 'in-the-last' | 'at-least-ago' | 'in-the-next'; readonly quantity: number; readonly unit: WindowUnit }
  | { readonly type: 'between-ago'; readonly start: number; readonly end: number; readonly unit: WindowUnit }
  | { readonly type: 'after' | 'before'; readonly instant: string }
  | { readonly type: 'between'; readonly start: string; readonly end: string }
  | { readonly type: 'this-month' | 'anniversary-month' }
  | { readonly type: 'anniversary' }
  | { readonly type: 'calendar-month'; readonly month: number; readonly year?: number }
  | { readonly type: 'anniversary-last' | 'anniversary-next'; readonly quantity: number; readonly unit: 'day' | 'week' }

export const timeframeTypes = Object.freeze([
  'all-time', 'in-the-last', 'at-least-ago', 'between-ago', 'after', 'before', 'between', 'in-the-next',
  'this-month', 'calendar-month', 'anniversary', 'anniversary-month', 'anniversary-last', 'anniversary-next',
] as const)
export type TimeframeType = Timeframe['type']

export type Scalar = string | number | boolean

/** Windows that make sense of dates among properties alone. */
export const dateTimeframeTypes = Object.freeze(['in-the-next', 'anniversary', 'anniversary-month', 'anniversary-last', 'anniversary-next'] as const)

/** With their value: one text, or for a regular expression one pattern of RE2. */
export const textOperators = Object.freeze([
  'contains', 'not-contains', 'starts-with', 'not-starts-with', 'ends-with', 'not-ends-with', 'regex', 'not-regex',
  'contains-substring', 'not-contains-substring',
] as const)
/** With a list of scalars. */
export const listOperators = Object.freeze([
  'in', 'not-in', 'contains-any', 'not-contains-any', 'contains-all', 'not-contains-all',
] as const)
/** With a list of calling codes such as `44`. */
export const phoneOperators = Object.freeze(['phone-country-code-in', 'phone-country-code-not-in'] as const)
export const lengthOperators = Object.freeze([
  'length-equals', 'length-not-equals', 'length-greater-than', 'length-greater-than-or-equal', 'length-less-than', 'length-less-than-or-equal',
] as const)
export const orderOperators = Object.freeze(['greater-than', 'greater-than-or-equal', 'less-than', 'less-than-or-equal'] as const)
export const equalOperators = Object.freeze(['equals', 'not-equals'] as const)
export const existenceOperators = Object.freeze(['is-set', 'not-set'] as const)

export const filterOperators = Object.freeze([
  ...equalOperators, ...orderOperators, 'between', ...textOperators, ...listOperators, ...phoneOperators, ...lengthOperators, ...existenceOperators,
  'within',
] as const)
export type FilterOperator = (typeof filterOperators)[number]

/**
 * A test of one property, of an event, a line item or a profile. `property` names a key; where there is no such key, a
 * path of keys separated by dots. Missing and null are the same: every positive test fails and every negated one holds.
 * A number and a text are compared as numbers where the text is a plain decimal; two texts always as texts.
 */
export type PropertyFilter = { readonly property: string } & (
  | { readonly operator: (typeof equalOperators)[number]; readonly value: Scalar; readonly ignoreCase?: true }
  | { readonly operator: (typeof orderOperators)[number] | (typeof lengthOperators)[number]; readonly value: number }
  | { readonly operator: 'between'; readonly value: readonly [number, number] }
  | { readonly operator: (typeof textOperators)[number]; readonly value: string; readonly ignoreCase?: true }
  | { readonly operator: (typeof listOperators)[number]; readonly value: readonly Scalar[]; readonly ignoreCase?: true }
  | { readonly operator: (typeof phoneOperators)[number]; readonly value: readonly string[] }
  | { readonly operator: (typeof existenceOperators)[number] }
  | { readonly operator: 'within'; readonly timeframe: Timeframe }
)

/** How often somebody did something, or how much of a property came together by it. */
export interface ProfileMetric {
  readonly type: 'profile-metric'
  readonly metric: string
  readonly measurement: 'count' | 'sum'
  /** Of a sum: numbers count to six decimals, what is no number adds nothing. */
  readonly property?: string
  readonly operator: NumberOperator
  /** A pair for `between`, both ends included. */
  readonly value: number | readonly [number, number]
  readonly timeframe: Timeframe
  /** All must hold for an event to count. */
  readonly filters: readonly PropertyFilter[]
  /** One item of the list must pass all its filters. */
  readonly anyItem?: { readonly of: string; readonly filters: readonly PropertyFilter[] }
}

export type ProfileProperty = { readonly type: 'profile-property' } & PropertyFilter

export type SegmentLeaf = ProfileMetric | ProfileProperty

export type SegmentDefinition =
  | { readonly and: readonly SegmentDefinition[] }
  | { readonly or: readonly SegmentDefinition[] }
  | { readonly not: SegmentDefinition }
  | SegmentLeaf

export const segmentLimits = Object.freeze({
  /** Of the tree; a leaf alone has depth 1. */
  depthMax: 16,
  conditionsMax: 100,
  /** Of one leaf, those of its items counted. */
  filtersMax: 20,
  listValuesMax: 1_000,
  textCharactersMax: 1_000,
  patternCharactersMax: 500,
  nameCharactersMax: 200,
  /** Of sums and what they are compared with. */
  amountMax: 1e12,
  /** Every window; in its unit about 100 years. */
  quantityMax: Object.freeze({ minute: 52_560_000, hour: 876_000, day: 36_500, week: 5_200, month: 1_200, year: 100 }),
  /** Of an anniversary; more would be every day. */
  anniversaryDaysMax: 366,
  definitionBytesMax: 65_536,
})

/** Why a definition was refused: where, by which rule, and what is allowed instead. */
export interface SegmentFault {
  /** As in `definition.and[0].timeframe.quantity`. */
  readonly path: string
  readonly rule: SegmentRule
  readonly message: string
}

export const segmentRules = Object.freeze([
  'not_an_object', 'missing', 'unknown_key', 'unknown_type', 'unknown_operator', 'wrong_value', 'out_of_bounds', 'too_deep',
  'too_many_conditions', 'bad_window', 'bad_pattern',
] as const)
export type SegmentRule = (typeof segmentRules)[number]
