import type { Timeframe, WindowUnit } from '@millrace/schemas'
import type { SqlParameters } from './sql-parameters.ts'
import { later, type Span, spanOf } from './windows.ts'

export interface WindowContext {
  readonly parameters: SqlParameters
  /** Epoch milliseconds. */
  readonly at: number
}

/** Days that no month is longer than: bounds that let the engine skip whole parts, never the answer itself. */
const dayMs = 86_400_000
const longestMonthMs = 31 * dayMs

/** Whether the moment `ms`, an expression in epoch milliseconds that may be NULL, lies in the window. */
export function compileDateWindow(timeframe: Timeframe, ms: string, context: WindowContext): string {
  return `ifNull(${inWindow(timeframe, ms, context)}, 0)`
}

/** Whether an event counts: within the window, and not before its own time. */
export function compileEventWindow(timeframe: Timeframe, context: WindowContext): string {
  const now = `${eventMs} <= ${context.parameters.add('Int64', context.at)}`
  return timeframe.type === 'all-time' ? now : `(${now} AND ${inWindow(timeframe, eventMs, context)})`
}

const eventMs = 'toUnixTimestamp64Milli(time)'

/** A condition on the column itself that every event in the window meets. */
export function compileEventRange(timeframe: Timeframe, { parameters, at }: WindowContext): string {
  const moment = (ms: number): string => `fromUnixTimestamp64Milli(${parameters.add('Int64', Math.max(0, ms))}, 'UTC')`
  const [from, until] = eventRange(timeframe, at)
  return `time <= ${moment(Math.min(until, at))}${from === null ? '' : ` AND time >= ${moment(from)}`}`
}

function eventRange(timeframe: Timeframe, at: number): readonly [from: number | null, until: number] {
  switch (timeframe.type) {
    case 'in-the-last': return [at - atMost(spanOf(timeframe.quantity, timeframe.unit)), at]
    case 'between-ago': return [at - atMost(spanOf(timeframe.end, timeframe.unit)), at]
    case 'after': return [Date.parse(timeframe.instant), at]
    case 'before': return [null, Date.parse(timeframe.instant)]
    case 'between': return [Date.parse(timeframe.start), Date.parse(timeframe.end)]
    default: return [null, at]
  }
}

function atMost(span: Span): number {
  return 'ms' in span ? span.ms : span.months * longestMonthMs + dayMs
}

function inWindow(timeframe: Timeframe, ms: string, { parameters, at }: WindowContext): string {
  const int = (value: number): string => parameters.add('Int64', value)
  const after = (quantity: number, unit: WindowUnit): string => {
    const span = spanOf(quantity, unit)
    if ('ms' in span) return `${ms} + ${int(span.ms)}`
    return `toUnixTimestamp64Milli(addMonths(fromUnixTimestamp64Milli(${ms}, 'UTC'), ${int(span.months)}))`
  }
  switch (timeframe.type) {
    case 'all-time': return `${ms} <= ${int(at)}`
    case 'in-the-last': return `(${ms} <= ${int(at)} AND ${after(timeframe.quantity, timeframe.unit)} > ${int(at)})`
    case 'at-least-ago': return `${after(timeframe.quantity, timeframe.unit)} <= ${int(at)}`
    case 'between-ago': return `(${after(timeframe.start, timeframe.unit)} <= ${int(at)} AND ${after(timeframe.end, timeframe.unit)} > ${int(at)})`
    case 'in-the-next': return `(${ms} > ${int(at)} AND ${ms} <= ${int(later(at, spanOf(timeframe.quantity, timeframe.unit)))})`
    case 'after': return `${ms} >= ${int(Date.parse(timeframe.instant))}`
    case 'before': return `${ms} < ${int(Date.parse(timeframe.instant))}`
    case 'between': return `(${ms} >= ${int(Date.parse(timeframe.start))} AND ${ms} < ${int(Date.parse(timeframe.end))})`
  }
}
