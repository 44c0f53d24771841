import { MillraceError } from '../platform/errors.ts'
import type { Olap } from '../ports/olap.ts'
import { isoTime } from './profile-card.ts'

export const reportPeriods = Object.freeze({ day: "formatDateTime(time, '%Y-%m-%d', {zone:String})", month: "formatDateTime(time, '%Y-%m', {zone:String})" })
export type ReportPeriod = keyof typeof reportPeriods

export interface OrderReportRequest {
  readonly workspace: number
  readonly by: ReportPeriod
  /** The metric whose every event is one order. */
  readonly metric: string
  /** Only orders of this instant and later, and of before that one; epoch milliseconds. */
  readonly after?: number
  readonly before?: number
  /** IANA name of the zone whose days and months they are. */
  readonly zone: string
}

interface OrderSums {
  /** As the orders name it; empty where they name none. */
  readonly currency: string
  readonly orders: number
  /** Different profiles, each as it is now. */
  readonly customers: number
  /** A decimal number as text, exact to four places, so that no sum is rounded on the way. */
  readonly revenue: string
}

export interface OrderReport {
  readonly by: ReportPeriod
  readonly metric: string
  /** Whose days and months they are. */
  readonly zone: string
  readonly at: string
  /** Oldest first. Periods without an order are left out. */
  readonly rows: readonly (OrderSums & { readonly period: string })[]
  /** By currency, greatest revenue first; a customer of several periods counts once. */
  readonly totals: readonly OrderSums[]
  /** False where there are more rows than one answer holds; the oldest are missing then, not from the totals. */
  readonly complete: boolean
  /** What was asked, for whoever wants to ask it again. */
  readonly sql: string
}

/** Thirteen years of days in one currency. */
const rowsMax = 5_000
/** Whoever has more currencies than there are has a defect in the shop; the largest are shown. */
const currenciesMax = 300

const sums = 'count() AS orders, uniqExact(profile_id) AS customers, toString(ifNull(sum(value), 0)) AS revenue'

/**
 * Orders, customers and revenue by day or month and currency, from the OLAP: revenue is the sum of the events'
 * `value`, and an event without one is an order of nothing. Exact: decimal sums, and each customer counted once under
 * the profile that he is now.
 */
export async function orderReport(request: OrderReportRequest, olap: Pick<Olap, 'query'>, now: number): Promise<OrderReport> {
  const { workspace, by, metric, zone } = request
  const { where, params } = condition(request)
  const sql = `SELECT ${reportPeriods[by]} AS period, currency, ${sums} FROM events WHERE ${where} GROUP BY period, currency ORDER BY period DESC, currency LIMIT ${rowsMax + 1}`
  const ask = async (text: string): Promise<readonly unknown[]> => {
    const answer = await olap.query({ sql: text, params, format: 'JSONCompactEachRow', workspace })
    return answer.trim() === '' ? [] : answer.trim().split('\n').map((line): unknown => JSON.parse(line))
  }
  const [rows, totals] = await Promise.all([
    ask(sql), ask(`SELECT currency, ${sums} FROM events WHERE ${where} GROUP BY currency ORDER BY sum(value) DESC, currency LIMIT ${currenciesMax}`),
  ])
  return {
    by, metric, zone, at: isoTime(now), sql,
    rows: rows.slice(0, rowsMax).map(cells).map(([period, ...rest]) => ({ period: String(period), ...orderSums(rest) })).reverse(),
    totals: totals.map(cells).map(orderSums),
    complete: rows.length <= rowsMax,
  }
}

function condition({ metric, after, before, zone }: OrderReportRequest): { readonly where: string; readonly params: Record<string, string | number> } {
  const bounds = [
    ...(after === undefined ? [] : ["time >= fromUnixTimestamp64Milli({after:Int64}, 'UTC')"]),
    ...(before === undefined ? [] : ["time < fromUnixTimestamp64Milli({before:Int64}, 'UTC')"]),
  ]
  return {
    where: ['metric = {metric:String}', ...bounds].join(' AND '),
    params: { metric, zone, ...(after === undefined ? {} : { after }), ...(before === undefined ? {} : { before }) },
  }
}

function cells(row: unknown): readonly unknown[] {
  if (Array.isArray(row)) return row
  throw new MillraceError('internal', 'the OLAP answered no row')
}

function orderSums([currency, orders, customers, revenue]: readonly unknown[]): OrderSums {
  return { currency: String(currency), orders: Number(orders), customers: Number(customers), revenue: String(revenue) }
}
