import { describe, expect, it } from 'vitest'
import { filled, monthTicks, readReport, stretches } from './report.ts'

const row = (period: string, orders = 1) => ({ period, orders, customers: 1, currency: 'GBP', revenue: '2.5000' })

describe('reports', () => {
  it('are parted where a year has no order', () => {
    expect(stretches([row('2010-12', 3), row('2011-12', 4), row('2013-01'), row('2013-02')])).toEqual([
      { from: '2010-12', to: '2011-12', orders: 7 }, { from: '2013-01', to: '2013-02', orders: 2 },
    ])
    expect(stretches([])).toEqual([])
  })

  it('have a point for each month and day from the first order to the last', () => {
    const months = filled([row('2011-11'), row('2012-02')], { from: '2011-11', to: '2012-02' }, 'month')
    expect(months.map(({ period, row: found }) => [period, found?.orders ?? 0])).toEqual([['2011-11', 1], ['2011-12', 0], ['2012-01', 0], ['2012-02', 1]])
    expect(months[0]?.at).toBe(Date.UTC(2011, 10, 1) / 1_000)
    const days = filled([row('2012-02-27'), row('2012-03-02')], { from: '2012-02', to: '2012-03' }, 'day')
    expect(days.map(({ period }) => period)).toEqual(['2012-02-27', '2012-02-28', '2012-02-29', '2012-03-01', '2012-03-02'])
    expect(filled([], { from: '2012-02', to: '2012-02' }, 'day')).toEqual([])
  })

  it('have ticks at the begin of months, no more than fit', () => {
    const from = Date.UTC(2010, 10, 20) / 1_000
    const to = Date.UTC(2011, 11, 20) / 1_000
    const names = (ticksMax: number): readonly string[] => monthTicks(from, to, ticksMax).map((at) => new Date(at * 1_000).toISOString().slice(0, 10))
    expect(names(20)).toHaveLength(13)
    expect(names(20).every((day) => day.endsWith('-01'))).toBe(true)
    expect(names(7).length).toBeLessThanOrEqual(7)
    expect(names(0).length).toBeLessThanOrEqual(1)
  })

  it('read what is missing as empty', () => {
    expect(readReport({})).toEqual({ rows: [], totals: [], complete: true, metric: '', sql: '' })
    expect(readReport({ rows: [{ period: '2011-01', revenue: '5.1', orders: 'many' }, null], complete: false })).toMatchObject({
      rows: [{ period: '2011-01', revenue: '5.1', orders: 0 }, { period: '', orders: 0 }], complete: false,
    })
  })
})
