import { dateYears, type Timeframe } from '@millrace/schemas'
import { type Asked, type CalendarTimeframe, daysAsked, later, type Span, spanOf } from './windows.ts'
import { civilOf, dayMs, dayNumber, monthsLater, type Zone } from './zone.ts'

/**
 * The moments that count at one instant, as rising bounds: in from the first on, out from the second on, and so forth. What an
 * engine is asked for is numbers alone, so that it needs no calendar of its own, which might be another one.
 */
export type Bounds = readonly number[]

/** Before and after everything that is a date. */
const [never, ever] = [-1e14, 1e14]

export function boundsOf(timeframe: Timeframe, asked: Asked): Bounds {
  const { at, zone } = asked
  switch (timeframe.type) {
    case 'all-time': return [never, at + 1]
    case 'in-the-last': return both(stillWithin(spanOf(timeframe.quantity, timeframe.unit), asked), [never, at + 1])
    case 'at-least-ago': return outside(stillWithin(spanOf(timeframe.quantity, timeframe.unit), asked))
    case 'between-ago': return both(outside(stillWithin(spanOf(timeframe.start, timeframe.unit), asked)), stillWithin(spanOf(timeframe.end, timeframe.unit), asked))
    case 'in-the-next': return [at + 1, later(at, spanOf(timeframe.quantity, timeframe.unit), zone) + 1]
    case 'after': return [Date.parse(timeframe.instant), ever]
    case 'before': return [never, Date.parse(timeframe.instant)]
    case 'between': return [Date.parse(timeframe.start), Date.parse(timeframe.end)]
    default: return ofDays(daysOf(timeframe, zone.dayOf(at)), zone)
  }
}

/** The same for dates without a time, each given as its midnight in UTC. */
export function dayBoundsOf(timeframe: Timeframe, asked: Asked): Bounds {
  return boundsOf(timeframe, asked).map((ms) => (ms === never || ms === ever ? ms : asked.zone.dayFrom(ms) * dayMs))
}

/** Moments of which the span is not over at the instant. */
function stillWithin(span: Span, { at, zone }: Asked): Bounds {
  if ('ms' in span) return [at - span.ms + 1, ever]
  const today = zone.dayOf(at)
  // Around where today was; what is later by the calendar is later by the days, so these few settle it.
  const near = monthsLater(today, -span.months)
  const days = Array.from({ length: 9 }, (_, index) => near - 4 + index)
  const bounds: number[] = []
  for (const day of days) {
    const target = monthsLater(day, span.months)
    if (target !== today) continue
    const into = at - zone.startOf(today)
    const [start, end] = [zone.startOf(day), zone.startOf(day + 1)]
    // The last moment of today is where all that would lie behind it ends.
    if (at + 1 < zone.startOf(today + 1) && start + into + 1 < end) bounds.push(start + into + 1, end)
  }
  const after = days.find((day) => monthsLater(day, span.months) > today) ?? near + 5
  return merged([...bounds, zone.startOf(after), ever])
}

/** Ranges that touch become one. */
function merged(bounds: Bounds): Bounds {
  return bounds.filter((bound, index) => {
    const isStart = index % 2 === 0
    return isStart ? bound !== bounds[index - 1] : bound !== bounds[index + 1]
  })
}

/** Everything that the bounds leave out. */
function outside(bounds: Bounds): Bounds {
  const inner = bounds[0] === never ? bounds.slice(1) : [never, ...bounds]
  return inner.at(-1) === ever ? inner.slice(0, -1) : [...inner, ever]
}

function both(one: Bounds, other: Bounds): Bounds {
  const marks = [...new Set([...one, ...other])].toSorted((a, b) => a - b)
  const result: number[] = []
  for (const mark of marks) {
    const inside = contains(one, mark) && contains(other, mark)
    if (inside !== (result.length % 2 === 1)) result.push(mark)
  }
  return result
}

function contains(bounds: Bounds, moment: number): boolean {
  return bounds.filter((bound) => bound <= moment).length % 2 === 1
}

/** Days that count, as pairs of the first and the one behind the last. */
type Days = readonly (readonly [number, number])[]

function daysOf(timeframe: CalendarTimeframe, today: number): Days {
  const now = civilOf(today)
  const month = (year: number, of: number): readonly [number, number] => [dayNumber({ year, month: of, day: 1 }), dayNumber({ year, month: of + 1, day: 1 })]
  switch (timeframe.type) {
    case 'this-month': return [month(now.year, now.month)]
    case 'calendar-month': return timeframe.year === undefined ? everyYear((year) => [month(year, timeframe.month)]) : [month(timeframe.year, timeframe.month)]
    case 'anniversary-month': return everyYear((year) => [month(year, now.month)])
    default: {
      const wanted = daysAsked(timeframe, today).map(civilOf)
      return everyYear((year) => wanted.flatMap(({ year: inYear, month: of, day }) => roundedTo(year, { inYear, of, day })))
    }
  }
}

/** The days of a year that come round on a day of another. */
function roundedTo(year: number, { inYear, of, day }: { readonly inYear: number; readonly of: number; readonly day: number }): Days {
  const leap = (one: number): boolean => civilOf(dayNumber({ year: one, month: 2, day: 29 })).month === 2
  if (of === 2 && day === 29 && !leap(year)) return []
  const first = dayNumber({ year, month: of, day })
  const twice = of === 2 && day === 28 && !leap(inYear) && leap(year)
  return [[first, first + (twice ? 2 : 1)]]
}

/** A day more than dates can be on each side, since a zone may be ahead of or behind UTC. */
function everyYear(of: (year: number) => Days): Days {
  return Array.from({ length: dateYears.greatest - dateYears.least + 3 }, (_, index) => of(dateYears.least - 1 + index)).flat()
}

function ofDays(days: Days, zone: Zone): Bounds {
  const sorted = days.toSorted((a, b) => a[0] - b[0])
  const joined: [number, number][] = []
  for (const [first, end] of sorted) {
    const last = joined.at(-1)
    if (last !== undefined && first <= last[1]) last[1] = Math.max(last[1], end)
    else joined.push([first, end])
  }
  return merged(joined.flatMap(([first, end]) => [zone.startOf(first), zone.startOf(end)]).filter((_, index, all) => all[index - index % 2] !== all[index - index % 2 + 1]))
}
