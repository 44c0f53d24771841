import type { JSX } from 'preact'
import { useCallback, useMemo, useState } from 'preact/hooks'
import type { Api } from './api.ts'
import { Chart } from './chart.tsx'
import { counted, formatCount, formatMoney } from './format.ts'
import { filled, type Point, readReport, type Report, type Stretch, stretches } from './report.ts'
import { Answered } from './shown.tsx'
import { useAnswer } from './use-answer.ts'

export function ReportsView({ api }: { readonly api: Api }): JSX.Element {
  const load = async (by: 'day' | 'month', signal: AbortSignal): Promise<Report> => readReport(await api.get('/v1/reports/orders', { by }, signal))
  const { answer, reload } = useAnswer({
    key: 'orders', load: async (signal) => {
      const [months, days] = await Promise.all([load('month', signal), load('day', signal)])
      return { months, days }
    },
  })
  return (
    <>
      <p class="lead">Orders and revenue, from ClickHouse. <button type="button" class="link" onClick={reload}>Ask again</button></p>
      <Answered answer={answer} missing="This collector has no reports: start one of this version with the query role.">
        {({ months, days }) => (months.totals.length === 0
          ? <p class="card muted">No order yet: the first event named {months.metric} starts this report.</p>
          : <ReportDetails months={months} days={days} />)}
      </Answered>
    </>
  )
}

function ReportDetails({ months, days }: { readonly months: Report; readonly days: Report }): JSX.Element {
  const [currency, setCurrency] = useState(months.totals[0]?.currency ?? '')
  const total = months.totals.find((sums) => sums.currency === currency) ?? months.totals[0]
  const monthRows = useMemo(() => months.rows.filter((row) => row.currency === currency), [months, currency])
  const dayRows = useMemo(() => days.rows.filter((row) => row.currency === currency), [days, currency])
  const known = useMemo(() => stretches(monthRows), [monthRows])
  const busiest = known.reduce((best, { orders }, index) => (orders > (known[best]?.orders ?? 0) ? index : best), 0)
  const [chosen, setChosen] = useState<number | null>(null)
  const stretch = known[chosen ?? busiest] ?? known[busiest]
  const money = useCallback((value: number) => formatMoney(String(value), currency), [currency])
  return (
    <>
      {months.totals.length > 1 && (
        <div class="controls"><label>Currency <select value={currency} onChange={(event) => {
          setCurrency(event.currentTarget.value)
          setChosen(null)
        }}>
          {months.totals.map((sums) => <option key={sums.currency} value={sums.currency}>{sums.currency === '' ? 'none named' : sums.currency}</option>)}
        </select></label></div>
      )}
      {total !== undefined && (
        <dl class="tiles">
          <div class="card tile"><dt>Revenue</dt><dd>{formatMoney(total.revenue, currency)}</dd><dd class="muted">sum of the value of all orders</dd></div>
          <div class="card tile"><dt>Orders</dt><dd>{formatCount(total.orders)}</dd><dd class="muted">events named {months.metric}</dd></div>
          <div class="card tile"><dt>Customers</dt><dd>{formatCount(total.customers)}</dd><dd class="muted">different profiles, as they are now</dd></div>
          <div class="card tile"><dt>Average order</dt><dd>{money(Number(total.revenue) / Math.max(1, total.orders))}</dd><dd class="muted">revenue by orders</dd></div>
        </dl>
      )}
      {known.length > 1 && stretch !== undefined && (
        <div class="controls"><label>Period <select value={String(chosen ?? busiest)} onChange={(event) => setChosen(Number(event.currentTarget.value))}>
          {known.map((each, index) => <option key={each.from} value={String(index)}>{stretchName(each)}</option>)}
        </select></label></div>
      )}
      {stretch !== undefined && <Charts stretch={stretch} months={filled(monthRows, stretch, 'month')} days={filled(dayRows, stretch, 'day')} currency={currency} />}
      {!(months.complete && days.complete) && <p class="notice">There are more days than one answer holds: the oldest are missing in the charts, not in the totals.</p>}
      <details class="card"><summary>What was asked</summary>
        <p>Days and months are those of UTC. An order is an event named {months.metric}; its value is its property <code>value</code>, <code>revenue</code> or <code>total</code>. Refunds are not taken off.</p>
        <pre>{months.sql}</pre><pre>{days.sql}</pre></details>
    </>
  )
}

function stretchName({ from, to, orders }: Stretch): string {
  return `${from === to ? from : `${from} to ${to}`} (${counted(orders, 'order')})`
}

interface ChartsProps {
  readonly stretch: Stretch
  readonly months: readonly Point[]
  readonly days: readonly Point[]
  readonly currency: string
}

function Charts({ stretch, months, days, currency }: ChartsProps): JSX.Element {
  const money = useCallback((value: number) => formatMoney(String(value), currency), [currency])
  const monthTimes = useMemo(() => months.map(({ at }) => at), [months])
  const revenues = useMemo(() => months.map(({ row }) => Number(row?.revenue ?? 0)), [months])
  const dayTimes = useMemo(() => days.map(({ at }) => at), [days])
  const orders = useMemo(() => days.map(({ row }) => row?.orders ?? 0), [days])
  return (
    <>
      <section class="card" aria-labelledby="revenue-by-month">
        <h2 id="revenue-by-month">Revenue by month</h2>
        <Chart label={`Revenue by month from ${stretch.from} to ${stretch.to}; the table below has the numbers`} times={monthTimes} values={revenues} shape="bars" unit="month" formatValue={money} />
        <NumbersTable points={months} name="Month" currency={currency} />
      </section>
      <section class="card" aria-labelledby="orders-per-day">
        <h2 id="orders-per-day">Orders per day</h2>
        <Chart label={`Orders per day from ${stretch.from} to ${stretch.to}; the table below has the numbers`} times={dayTimes} values={orders} shape="line" unit="day" formatValue={formatCount} />
        <NumbersTable points={days.filter(({ row }) => row !== null)} name="Day" currency={currency} />
      </section>
    </>
  )
}

function NumbersTable({ points, name, currency }: { readonly points: readonly Point[]; readonly name: string; readonly currency: string }): JSX.Element {
  return (
    <details><summary>As a table</summary>
      <div class="scroll tall"><table>
        <thead><tr><th scope="col">{name}</th><th scope="col" class="amount">Orders</th><th scope="col" class="amount">Customers</th><th scope="col" class="amount">Revenue</th></tr></thead>
        <tbody>{points.map(({ period, row }) => (
          <tr key={period}><th scope="row">{period}</th><td class="amount">{formatCount(row?.orders ?? 0)}</td><td class="amount">{formatCount(row?.customers ?? 0)}</td><td class="amount">{formatMoney(row?.revenue ?? '0', currency)}</td></tr>
        ))}</tbody>
      </table></div></details>
  )
}
