import type { JsonObject, JsonValue, PropertyFilter, Scalar, SegmentDefinition, Timeframe } from '@millrace/schemas'

/** One event as it was sent, under the profile it belongs to in the end. */
export interface OracleEvent {
  readonly profile: string
  readonly type: string
  readonly metric: string
  readonly time: number
  readonly messageId: string
  readonly properties: JsonObject
}

/**
 * Members of a segment by the plainest reading of the rules: no shared code with what it judges, no care for speed.
 */
export function bruteForceMembers(definition: SegmentDefinition, world: { profiles: readonly string[]; events: readonly OracleEvent[]; zone: string }, asked: number): readonly string[] {
  const at: Instant = { ms: asked, zone: world.zone }
  return world.profiles.filter((profile) => isMember(definition, world.events.filter((event) => event.profile === profile), at))
}

function isMember(node: SegmentDefinition, events: readonly OracleEvent[], at: Instant): boolean {
  if ('and' in node) return !node.and.some((child) => !isMember(child, events, at))
  if ('or' in node) return node.or.some((child) => isMember(child, events, at))
  if ('not' in node) return !isMember(node.not, events, at)
  if (node.type === 'profile-property') return passes(node, lookUp(traitsOf(events), node.property), at)
  let measured = 0
  for (const event of events) {
    if (event.metric !== node.metric || event.time > at.ms || !inTime(node.timeframe, event.time, at)) continue
    if (node.filters.some((filter) => !passes(filter, lookUp(event.properties, filter.property), at))) continue
    const { anyItem } = node
    if (anyItem !== undefined) {
      const found = lookUp(event.properties, anyItem.of)
      const lines = Array.isArray(found) ? found : [found]
      const fits = (line: JsonValue | undefined): boolean => plainObject(line) !== null &&
        !anyItem.filters.some((filter) => !passes(filter, lookUp(plainObject(line) ?? {}, filter.property), at))
      if (!lines.some(fits)) continue
    }
    if (node.measurement === 'count') measured += 1
    else measured += millionths(lookUp(event.properties, node.property ?? ''))
  }
  const scale = (value: number): number => (node.measurement === 'count' ? value : millionths(value))
  if (typeof node.value !== 'number') return measured >= scale(node.value[0]) && measured <= scale(node.value[1])
  return order(node.operator, measured - scale(node.value))
}

function millionths(value: JsonValue | undefined): number {
  return typeof value === 'number' && value >= -1e12 && value <= 1e12 ? Math.round(value * 1e6) : 0
}

function order(operator: string, difference: number): boolean {
  const table: Record<string, boolean> = {
    'equals': difference === 0, 'not-equals': difference !== 0, 'greater-than': difference > 0, 'greater-than-or-equal': difference >= 0,
    'less-than': difference < 0, 'less-than-or-equal': difference <= 0,
  }
  return table[operator] ?? false
}

/** The last statement about each key over everything the profile said of itself. */
function traitsOf(events: readonly OracleEvent[]): JsonObject {
  const said = events.filter(({ type }) => type === 'identify').toSorted((a, b) => a.time - b.time || (a.messageId < b.messageId ? -1 : 1))
  return Object.fromEntries(said.flatMap(({ properties }) => Object.entries(properties)))
}

function plainObject(value: JsonValue | undefined): JsonObject | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  return Object.fromEntries(Object.entries(value))
}

function lookUp(object: JsonObject, name: string): JsonValue | undefined {
  if (name in object && object[name] !== null) return object[name]
  const [first = '', ...rest] = name.split('.')
  if (rest.length === 0) return undefined
  const inner = plainObject(object[first])
  if (inner === null) return undefined
  return rest.length === 1 ? (inner[rest[0] ?? ''] ?? undefined) : lookUpPath(inner, rest)
}

function lookUpPath(object: JsonObject, path: readonly string[]): JsonValue | undefined {
  let here: JsonValue | undefined = object
  for (const key of path) here = plainObject(here)?.[key]
  return here ?? undefined
}

function passes(filter: PropertyFilter, value: JsonValue | undefined, at: Instant): boolean {
  const negative = /^not-(?!set)/.exec(filter.operator) !== null
  if (negative) return !passes(Object.assign({}, filter, { operator: filter.operator.slice(4) }), value, at)
  if (filter.operator === 'phone-country-code-not-in') return !passes({ ...filter, operator: 'phone-country-code-in' }, value, at)
  if (filter.operator === 'length-not-equals') return !passes({ ...filter, operator: 'length-equals' }, value, at)
  const set = value !== undefined && value !== null
  if (filter.operator === 'is-set') return set
  if (filter.operator === 'not-set') return !set
  const list = !set ? [] : Array.isArray(value) ? value : [value]
  if (filter.operator === 'within') {
    const date = set ? dayOf(value, at.zone) : Number.NaN
    return !Number.isNaN(date) && inTime(filter.timeframe, date, at)
  }
  if (filter.operator === 'between') return typeof value === 'number' && value >= filter.value[0] && value <= filter.value[1]
  if (filter.operator.startsWith('length-') && 'value' in filter) return order(filter.operator.slice(7), list.length - Number(filter.value))
  if (/^(?:greater|less)-/.test(filter.operator) && 'value' in filter) return typeof value === 'number' && order(filter.operator, value - Number(filter.value))
  return textual(filter, value, list)
}

function textual(filter: PropertyFilter, value: JsonValue | undefined, list: readonly JsonValue[]): boolean {
  if (!('value' in filter)) return false
  const blind = 'ignoreCase' in filter
  const wanted = [filter.value].flat()
  const [first = ''] = wanted
  const text = spelt(value)
  switch (filter.operator) {
    case 'equals': return same(value, first, blind)
    case 'in': return wanted.some((one) => same(value, one, blind))
    case 'contains-any': return wanted.some((one) => list.some((item) => same(item, one, blind)))
    case 'contains-all': return !wanted.some((one) => !list.some((item) => same(item, one, blind)))
    case 'contains-substring': return list.some((item) => spelt(item) !== undefined && blur(spelt(item) ?? '', blind).split(blur(String(first), blind)).length > 1)
    case 'contains': return text !== undefined && blur(text, blind).split(blur(String(first), blind)).length > 1
    case 'starts-with': return text !== undefined && blur(text, blind).slice(0, blur(String(first), blind).length) === blur(String(first), blind)
    case 'ends-with': return text !== undefined && blur(text, blind).lastIndexOf(blur(String(first), blind)) >= 0 &&
      blur(text, blind).lastIndexOf(blur(String(first), blind)) === blur(text, blind).length - blur(String(first), blind).length
    case 'regex': return text !== undefined && new RegExp(String(first), blind ? 'isu' : 'su').test(text)
    case 'phone-country-code-in': return typeof value === 'string' && wanted.some((code) => value.indexOf(`+${String(code)}`) === 0)
    default: throw new Error(`the oracle does not know ${filter.operator}`)
  }
}

function blur(text: string, blind: boolean): string {
  return blind ? Array.from(text, (letter) => (letter === 'ς' ? 'σ' : letter.toLowerCase())).join('') : text
}

function spelt(value: JsonValue | undefined): string | undefined {
  if (typeof value === 'number') return JSON.stringify(value).replace('e+', 'e')
  return typeof value === 'string' || typeof value === 'boolean' ? `${value}` : undefined
}

function same(value: JsonValue | undefined, wanted: Scalar, blind: boolean): boolean {
  const shown = typeof value === 'object' ? '' : String(value)
  const number = (text: string): number => (/^[+-]?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]+)?$/.test(text) ? Number.parseFloat(text) : Number.NaN)
  switch (`${typeof value} ${typeof wanted}`) {
    case 'number number': return value === wanted
    case 'string number': return number(shown) === wanted
    case 'number string': return number(String(wanted)) === value
    case 'string string': case 'boolean string': return blur(shown, blind) === blur(String(wanted), blind)
    case 'boolean boolean': case 'string boolean': return shown === String(wanted)
    default: return false
  }
}

/** Epoch milliseconds; NaN for what is no date. */
export function dayOf(value: JsonValue, zone: string): number {
  if (typeof value === 'number') {
    const ms = Math.floor(value > -1e11 && value < 1e11 ? value * 1000 : value)
    return ms >= Date.parse('1900-01-01T00:00:00Z') && ms < Date.parse('2200-01-01T00:00:00Z') ? ms : Number.NaN
  }
  if (typeof value !== 'string' || !/^(?:19|20|21)\d\d-\d\d-\d\d/.test(value)) return Number.NaN
  const date = value.slice(0, 10)
  if (Number.isNaN(Date.parse(`${date}T00:00:00Z`)) || new Date(`${date}T00:00:00Z`).toISOString().slice(0, 10) !== date) return Number.NaN
  if (value === date) return beginOf(date, zone)
  if (!/^[T ]\d\d:\d\d(:\d\d([.]\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?$/.test(value.slice(10))) return Number.NaN
  const zoned = /(?:Z|[+-]\d\d:?\d\d)$/.test(value.slice(16)) ? value : `${value}Z`
  return Date.parse(zoned.replace(' ', 'T').replace(/([+-]\d\d)(\d\d)$/, '$1:$2'))
}

interface Instant {
  readonly ms: number
  readonly zone: string
}

function inTime(window: Timeframe, moment: number, { ms: at, zone }: Instant): boolean {
  const date = localDate(moment, zone)
  const today = localDate(at, zone)
  const near = (days: readonly number[]): boolean => days.some((ahead) => roundOn(date, nextDate(today, ahead)))
  switch (window.type) {
    case 'all-time': return moment <= at
    case 'in-the-last': return moment <= at && at < shifted(moment, [window.quantity, window.unit], zone)
    case 'at-least-ago': return at >= shifted(moment, [window.quantity, window.unit], zone)
    case 'between-ago': return at >= shifted(moment, [window.start, window.unit], zone) && at < shifted(moment, [window.end, window.unit], zone)
    case 'in-the-next': return moment > at && moment <= shifted(at, [window.quantity, window.unit], zone)
    case 'after': return moment >= new Date(window.instant).getTime()
    case 'before': return moment < new Date(window.instant).getTime()
    case 'between': return new Date(window.start).getTime() <= moment && moment < new Date(window.end).getTime()
    case 'this-month': return date.slice(0, 7) === today.slice(0, 7)
    case 'calendar-month': return Number(date.slice(5, 7)) === window.month && (window.year === undefined || date.startsWith(String(window.year)))
    case 'anniversary': return near([0])
    case 'anniversary-month': return date.slice(5, 7) === today.slice(5, 7)
    case 'anniversary-last': return near(upTo(window).map((days) => -days))
    case 'anniversary-next': return near(upTo(window).map((days) => days + 1))
  }
}

function upTo({ quantity, unit }: { readonly quantity: number; readonly unit: string }): readonly number[] {
  return Array.from({ length: unit === 'week' ? quantity * 7 : quantity }, (_, index) => index)
}

function roundOn(date: string, day: string): boolean {
  if (date.slice(5) === day.slice(5)) return true
  return date.endsWith('-02-29') && day.endsWith('-02-28') && nextDate(day, 1).endsWith('-03-01')
}

const clocks = new Map<string, Intl.DateTimeFormat>()
const dates = new Map<string, string>()
const begins = new Map<string, number>()

/** What a calendar on the wall shows, YYYY-MM-DD. */
export function localDate(ms: number, zone: string): string {
  const key = `${ms} ${zone}`
  let date = dates.get(key)
  if (date === undefined) {
    let clock = clocks.get(zone)
    if (clock === undefined) clocks.set(zone, clock = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short' }))
    dates.set(key, date = clock.format(ms))
  }
  return date
}

export function nextDate(date: string, days: number): string {
  return new Date(Date.parse(`${date}T12:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10)
}

/** The first millisecond that is not before the date. */
export function beginOf(date: string, zone: string): number {
  const key = `${date} ${zone}`
  const known = begins.get(key)
  if (known !== undefined) return known
  const midnight = Date.parse(`${date}T00:00:00Z`)
  let [early, late] = [midnight - 16 * 3_600_000, midnight + 16 * 3_600_000]
  while (late - early > 1) {
    const middle = Math.floor((early + late) / 2)
    if (localDate(middle, zone) < date) early = middle
    else late = middle
  }
  begins.set(key, late)
  return late
}

/** By the calendar: month by month is not the same as all at once, so it tries the wanted day, then the one before it, and so on. */
export function shifted(moment: number, [quantity, unit]: readonly [number, string], zone: string): number {
  const lengths: Record<string, number> = { minute: 60, hour: 3_600, day: 86_400, week: 604_800 }
  const seconds = lengths[unit]
  if (seconds !== undefined) return moment + quantity * seconds * 1_000
  const from = localDate(moment, zone)
  const [year = 0, month = 0, day = 0] = from.split('-').map(Number)
  const months = year * 12 + (month - 1) + quantity * (unit === 'year' ? 12 : 1)
  for (let wanted = day; ; wanted -= 1) {
    const text = `${Math.floor(months / 12)}-${String(months % 12 + 1).padStart(2, '0')}-${String(wanted).padStart(2, '0')}`
    const date = new Date(`${text}T00:00:00Z`)
    if (Number.isNaN(date.getTime()) || !date.toISOString().startsWith(text)) continue
    const into = moment - beginOf(from, zone)
    return Math.max(beginOf(text, zone), Math.min(beginOf(text, zone) + into, beginOf(nextDate(text, 1), zone) - 1))
  }
}
