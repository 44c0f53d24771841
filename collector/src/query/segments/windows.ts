import { instantOfText, type JsonValue, type Timeframe, type WindowUnit } from '@millrace/schemas'
import { dateOf } from './property-value.ts'
import { civilOf, comesRound, monthsLater, type Zone } from './zone.ts'

/** Milliseconds of the units that are durations: a day is 24 hours, whatever clocks do. */
const durations = Object.freeze({ minute: 60_000, hour: 3_600_000, day: 86_400_000, week: 604_800_000 })

/** A window's length: a duration, or steps of the calendar. */
export type Span = { readonly ms: number } | { readonly months: number }

/** When a question is asked, epoch milliseconds, and by which calendar. */
export interface Asked {
  readonly at: number
  readonly zone: Zone
}

export function spanOf(quantity: number, unit: WindowUnit): Span {
  if (unit === 'month') return { months: quantity }
  if (unit === 'year') return { months: quantity * 12 }
  return { ms: quantity * durations[unit] }
}

/** Whether a moment counts, epoch milliseconds; {@link Timeframe} gives the formulas. */
export function isWithin(timeframe: Timeframe, moment: number, { at, zone }: Asked): boolean {
  switch (timeframe.type) {
    case 'all-time':
      return moment <= at
    case 'in-the-last':
      return moment <= at && later(moment, spanOf(timeframe.quantity, timeframe.unit), zone) > at
    case 'at-least-ago':
      return later(moment, spanOf(timeframe.quantity, timeframe.unit), zone) <= at
    case 'between-ago':
      return later(moment, spanOf(timeframe.start, timeframe.unit), zone) <= at && later(moment, spanOf(timeframe.end, timeframe.unit), zone) > at
    case 'in-the-next':
      return moment > at && moment <= later(at, spanOf(timeframe.quantity, timeframe.unit), zone)
    case 'after':
      return moment >= Date.parse(timeframe.instant)
    case 'before':
      return moment < Date.parse(timeframe.instant)
    case 'between':
      return moment >= Date.parse(timeframe.start) && moment < Date.parse(timeframe.end)
    default:
      return isInCalendar(timeframe, zone.dayOf(moment), zone.dayOf(at))
  }
}

/** The windows that know whole days only. */
export type CalendarTimeframe = Extract<Timeframe, { readonly type: 'this-month' | 'calendar-month' | 'anniversary' | 'anniversary-month' | 'anniversary-last' | 'anniversary-next' }>

function isInCalendar(timeframe: CalendarTimeframe, day: number, today: number): boolean {
  const [date, now] = [civilOf(day), civilOf(today)]
  switch (timeframe.type) {
    case 'this-month': return date.year === now.year && date.month === now.month
    case 'calendar-month': return date.month === timeframe.month && (timeframe.year === undefined || date.year === timeframe.year)
    case 'anniversary-month': return date.month === now.month
    default: return daysAsked(timeframe, today).some((one) => comesRound(date, civilOf(one)))
  }
}

/** The days on which an anniversary counts: today, today and those before it, or those after it. */
export function daysAsked(timeframe: Extract<CalendarTimeframe, { readonly type: 'anniversary' | 'anniversary-last' | 'anniversary-next' }>, today: number): readonly number[] {
  if (timeframe.type === 'anniversary') return [today]
  const days = timeframe.quantity * (timeframe.unit === 'week' ? 7 : 1)
  return Array.from({ length: days }, (_, index) => (timeframe.type === 'anniversary-last' ? today - index : today + index + 1))
}

/**
 * The moment one span later. By the calendar it is as far into its day as the moment was into its own, at most to the
 * day's end; a day that the month does not have becomes its last.
 */
export function later(moment: number, span: Span, zone: Zone): number {
  if ('ms' in span) return moment + span.ms
  const day = zone.dayOf(moment)
  const target = monthsLater(day, span.months)
  const [start, end] = [zone.startOf(target), zone.startOf(target + 1)]
  return Math.max(start, Math.min(start + moment - zone.startOf(day), end - 1))
}

const dateAlone = /^\d{4}-\d\d-\d\d$/

/** Epoch milliseconds of a date; one without a time is the beginning of its day. Null for what is none. */
export function momentOf(value: JsonValue, zone: Zone): number | null {
  if (typeof value !== 'string' || !dateAlone.test(value)) return dateOf(value)
  const midnight = instantOfText(value)
  return midnight === null ? null : zone.startOf(midnight / durations.day)
}
