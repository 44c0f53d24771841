import type { Timeframe } from '@millrace/schemas'
import type { SqlParameters } from './sql-parameters.ts'
import { type Bounds, boundsOf, dayBoundsOf } from './window-bounds.ts'
import type { Asked } from './windows.ts'

export interface WindowContext extends Asked {
  readonly parameters: SqlParameters
}

/** Bounds that are written out; more of them are looked up in a list. */
const writtenMax = 6

/** A date among properties as SQL: epoch milliseconds or NULL, and whether it had no time of day. */
export interface DateExpression {
  readonly ms: string
  readonly isAlone: string
}

/** Whether the date lies in the window. A date without a time is the beginning of its day in the zone. */
export function compileDateWindow(timeframe: Timeframe, { ms, isAlone }: DateExpression, context: WindowContext): string {
  const moment = within(boundsOf(timeframe, context), ms, context.parameters)
  if (context.zone.isUtc) return `ifNull(${moment}, 0)`
  return `ifNull(if(${isAlone}, ${within(dayBoundsOf(timeframe, context), ms, context.parameters)}, ${moment}), 0)`
}

/** Whether an event counts: within the window, and not before its own time. */
export function compileEventWindow(timeframe: Timeframe, context: WindowContext): string {
  const now = `${eventMs} <= ${context.parameters.add('Int64', context.at)}`
  return timeframe.type === 'all-time' ? now : `(${now} AND ${within(boundsOf(timeframe, context), eventMs, context.parameters)})`
}

const eventMs = 'toUnixTimestamp64Milli(time)'

/** A condition on the column itself that every event in the window meets: it lets the engine skip whole parts. */
export function compileEventRange(timeframe: Timeframe, context: WindowContext): string {
  const moment = (ms: number): string => `fromUnixTimestamp64Milli(${context.parameters.add('Int64', Math.max(0, ms))}, 'UTC')`
  const bounds = boundsOf(timeframe, context)
  const [from = 0, until = 0] = [bounds[0], bounds.at(-1)]
  return `time <= ${moment(Math.min(until, context.at))}${from <= 0 ? '' : ` AND time >= ${moment(from)}`}`
}

function within(bounds: Bounds, ms: string, parameters: SqlParameters): string {
  if (bounds.length === 0) return '0'
  if (bounds.length > writtenMax) return `(arrayCount(bound -> bound <= ${ms}, ${parameters.integers(bounds)}) % 2 = 1)`
  const ranges = bounds.flatMap((from, index) => (index % 2 === 0 ? [`(${ms} >= ${parameters.add('Int64', from)} AND ${ms} < ${parameters.add('Int64', bounds[index + 1] ?? from)})`] : []))
  return `(${ranges.join(' OR ')})`
}
