import { field, listField, numberField, textField } from './field.ts'

export interface ReportSums {
  readonly currency: string
  readonly orders: number
  readonly customers: number
  /** Decimal number as text. */
  readonly revenue: string
}

export interface ReportRow extends ReportSums {
  /** `2011-11` or `2011-11-23`. */
  readonly period: string
}

export interface Report {
  readonly rows: readonly ReportRow[]
  readonly totals: readonly ReportSums[]
  readonly complete: boolean
  readonly metric: string
  readonly sql: string
}

export function readReport(body: unknown): Report {
  return {
    rows: listField(body, 'rows').map((row) => ({ ...readSums(row), period: textField(row, 'period') })),
    totals: listField(body, 'totals').map(readSums),
    complete: field(body, 'complete') !== false, metric: textField(body, 'metric'), sql: textField(body, 'sql'),
  }
}

function readSums(row: unknown): ReportSums {
  return { currency: textField(row, 'currency'), orders: numberField(row, 'orders'), customers: numberField(row, 'customers'), revenue: textField(row, 'revenue') }
}

/** Months of business without a long pause in between. */
export interface Stretch {
  readonly from: string
  readonly to: string
  readonly orders: number
}

/** A pause of more months than this parts two stretches: a chart over it would show little but the pause. */
const pauseMonthsMax = 12

/** The stretches of the months with orders, oldest first. */
export function stretches(months: readonly ReportRow[]): readonly Stretch[] {
  const found: Stretch[] = []
  for (const { period, orders } of months) {
    const last = found.at(-1)
    if (last !== undefined && monthNumber(period) - monthNumber(last.to) <= pauseMonthsMax) found[found.length - 1] = { ...last, to: period, orders: last.orders + orders }
    else found.push({ from: period, to: period, orders })
  }
  return found
}

export interface Point {
  readonly period: string
  /** Epoch seconds of the period's begin in UTC. */
  readonly at: number
  readonly row: ReportRow | null
}

/** One point for each period from the first with an order in the stretch to the last, those without one in between included. */
export function filled(rows: readonly ReportRow[], { from, to }: Pick<Stretch, 'from' | 'to'>, by: 'day' | 'month'): readonly Point[] {
  const known = new Map(rows.map((row) => [row.period, row]))
  const points: Point[] = []
  for (let month = monthNumber(from); month <= monthNumber(to); month += 1) {
    for (let day = 1; day <= (by === 'month' ? 1 : daysOf(month)); day += 1) {
      const ms = Date.UTC(Math.floor(month / 12), month % 12, day)
      const period = new Date(ms).toISOString().slice(0, by === 'month' ? 7 : 10)
      points.push({ period, at: ms / 1_000, row: known.get(period) ?? null })
    }
  }
  const hasOrder = ({ row }: Point): boolean => row !== null
  return points.slice(points.findIndex(hasOrder), points.findLastIndex(hasOrder) + 1)
}

/** Begins of months between two instants (epoch seconds), thinned evenly to at most so many. */
export function monthTicks(from: number, to: number, ticksMax: number): readonly number[] {
  const first = monthNumber(new Date(from * 1_000).toISOString())
  const last = monthNumber(new Date(to * 1_000).toISOString())
  const step = Math.max(1, Math.ceil((last - first + 1) / Math.max(1, ticksMax)))
  const ticks: number[] = []
  for (let month = first; month <= last; month += step) {
    const at = Date.UTC(Math.floor(month / 12), month % 12, 1) / 1_000
    if (at >= from && at <= to) ticks.push(at)
  }
  return ticks
}

function monthNumber(period: string): number {
  const [year = 0, month = 1] = period.split('-').map(Number)
  return year * 12 + month - 1
}

function daysOf(month: number): number {
  return new Date(Date.UTC(Math.floor(month / 12), month % 12 + 1, 0)).getUTCDate()
}
