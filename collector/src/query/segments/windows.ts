import type { Timeframe, WindowUnit } from '@millrace/schemas'

/** Milliseconds of the units that are durations: a day is 24 hours, whatever clocks do. */
const durations = Object.freeze({ minute: 60_000, hour: 3_600_000, day: 86_400_000, week: 604_800_000 })

/** A window's length: a duration, or steps of the calendar. */
export type Span = { readonly ms: number } | { readonly months: number }

export function spanOf(quantity: number, unit: WindowUnit): Span {
  if (unit === 'month') return { months: quantity }
  if (unit === 'year') return { months: quantity * 12 }
  return { ms: quantity * durations[unit] }
}

/** Whether a moment counts at an instant, both epoch milliseconds; {@link Timeframe} gives the formulas. */
export function isWithin(timeframe: Timeframe, moment: number, at: number): boolean {
  switch (timeframe.type) {
    case 'all-time':
      return moment <= at
    case 'in-the-last':
      return moment <= at && later(moment, spanOf(timeframe.quantity, timeframe.unit)) > at
    case 'at-least-ago':
      return later(moment, spanOf(timeframe.quantity, timeframe.unit)) <= at
    case 'between-ago':
      return later(moment, spanOf(timeframe.start, timeframe.unit)) <= at && later(moment, spanOf(timeframe.end, timeframe.unit)) > at
    case 'in-the-next':
      return moment > at && moment <= later(at, spanOf(timeframe.quantity, timeframe.unit))
    case 'after':
      return moment >= Date.parse(timeframe.instant)
    case 'before':
      return moment < Date.parse(timeframe.instant)
    case 'between':
      return moment >= Date.parse(timeframe.start) && moment < Date.parse(timeframe.end)
  }
}

/** The moment one span later; a day that the month does not have becomes its last. */
export function later(moment: number, span: Span): number {
  if ('ms' in span) return moment + span.ms
  const date = new Date(moment)
  const day = date.getUTCDate()
  const first = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + span.months, 1)
  const next = new Date(first)
  const days = new Date(Date.UTC(next.getUTCFullYear(), next.getUTCMonth() + 1, 0)).getUTCDate()
  return first + (Math.min(day, days) - 1) * durations.day + (moment - Math.floor(moment / durations.day) * durations.day)
}
