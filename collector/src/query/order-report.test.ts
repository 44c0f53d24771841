import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../platform/clock.ts'
import type { Olap } from '../ports/olap.ts'
import { openClickHouse } from '../stores/olap/clickhouse/clickhouse-olap.ts'
import { type Engine, startEngine } from '../stores/olap/engine/start-engine.ts'
import { orderReport, type OrderReportRequest } from './order-report.ts'

const logger = { error: (): void => {}, warn: (): void => {}, info: (): void => {}, debug: (): void => {} }
const directory = mkdtempSync(join(tmpdir(), 'millrace-report-'))
let engine: Engine
let olap: Olap

const uuid = (number: number): string => `00000000-0000-8000-8000-${String(number).padStart(12, '0')}`

interface Row {
  readonly workspace?: number
  readonly metric?: string
  readonly person: number
  readonly time: string
  readonly value: string | null
  readonly currency?: string
}

function line({ workspace = 1, metric = 'Order Completed', person, time, value, currency = 'GBP' }: Row, index: number): string {
  return `${JSON.stringify({ workspace, metric, type: 'track', identifier_key: uuid(person), profile_id: uuid(person), time, message_id: `m${index}`, currency }).slice(0, -1)},"value":${value ?? 'null'}}\n`
}

const rows: readonly Row[] = [
  { person: 1, time: '2010-12-31 23:59:59.999', value: '0.1' },
  { person: 1, time: '2011-01-01 00:00:00.000', value: '0.2' },
  { person: 2, time: '2011-01-15 12:00:00.000', value: '12345678901234.5678' },
  { person: 3, time: '2011-01-15 13:00:00.000', value: '0.0001' },
  { person: 3, time: '2011-01-16 13:00:00.000', value: null },
  { person: 3, time: '2011-02-01 00:00:00.000', value: '7', currency: 'EUR' },
  { person: 4, time: '2011-01-15 12:00:00.000', value: '1000', metric: 'Order Refunded' },
  { person: 5, time: '2011-01-15 12:00:00.000', value: '555', workspace: 2 },
]

beforeAll(async () => {
  engine = await startEngine({ directory, memoryBytesMax: 1_073_741_824, clock: systemClock, logger })
  olap = openClickHouse({ url: engine.url, username: 'millrace', password: engine.password, database: 'millrace', tlsCaFile: null, queryTimeoutMs: 20_000 })
  await olap.prepare()
  await olap.createGeneration(1)
  await olap.useGeneration(1)
  await olap.insert({ generation: 1, token: 'rows', rows: Buffer.from(rows.map(line).join('')), rowCount: rows.length })
  // Two and three turned out to be one person.
  await olap.putOverrides([{ workspace: 1, identifierKey: uuid(3), profileId: uuid(2), version: 1 }])
}, 60_000)

afterAll(async () => {
  await olap.close()
  await engine.stop()
  rmSync(directory, { recursive: true })
})

function report(part: Partial<OrderReportRequest> = {}): ReturnType<typeof orderReport> {
  return orderReport({ workspace: 1, by: 'month', metric: 'Order Completed', zone: 'UTC', ...part }, olap, Date.UTC(2026, 0, 1))
}

describe('orders and revenue', () => {
  it('by month: exact sums, customers as they are now, one workspace alone', async () => {
    const { rows: found, totals, complete, at } = await report()
    expect(found).toEqual([
      { period: '2010-12', currency: 'GBP', orders: 1, customers: 1, revenue: '0.1' },
      { period: '2011-01', currency: 'GBP', orders: 4, customers: 2, revenue: '12345678901234.7679' },
      { period: '2011-02', currency: 'EUR', orders: 1, customers: 1, revenue: '7' },
    ])
    expect(totals).toEqual([
      { currency: 'GBP', orders: 5, customers: 2, revenue: '12345678901234.8679' },
      { currency: 'EUR', orders: 1, customers: 1, revenue: '7' },
    ])
    expect(complete).toBe(true)
    expect(at).toBe('2026-01-01T00:00:00.000Z')
  })

  it('by day, which begins at midnight UTC', async () => {
    const { rows: found } = await report({ by: 'day' })
    expect(found.map(({ period, orders }) => [period, orders])).toEqual([
      ['2010-12-31', 1], ['2011-01-01', 1], ['2011-01-15', 2], ['2011-01-16', 1], ['2011-02-01', 1],
    ])
  })

  it('by the days and months of a time zone', async () => {
    const [days, months] = [await report({ by: 'day', zone: 'Pacific/Auckland' }), await report({ zone: 'Pacific/Auckland' })]
    expect(days.rows.map(({ period }) => period)[0]).toBe('2011-01-01')
    expect([months.rows.map(({ period }) => period)[0], months.zone]).toEqual(['2011-01', 'Pacific/Auckland'])
    expect(days.rows.reduce((sum, { orders }) => sum + orders, 0)).toBe(6)
  })

  it('between two instants, from the first on and until before the second', async () => {
    const { rows: found } = await report({ by: 'day', after: Date.UTC(2011, 0, 1), before: Date.UTC(2011, 0, 15, 13) })
    expect(found.map(({ period, orders }) => [period, orders])).toEqual([['2011-01-01', 1], ['2011-01-15', 1]])
  })

  it('the newest where there are more than one answer holds, and says so', async () => {
    const lines = Array.from({ length: 5_001 }, (_, index) => `${JSON.stringify([`period ${5_001 - index}`, 'GBP', 1, 1, '2'])}\n`).join('')
    const { rows: found, complete } = await orderReport({ workspace: 1, by: 'day', metric: 'Order Completed', zone: 'UTC' }, { query: async () => lines }, 0)
    expect([found.length, found[0]?.period, found.at(-1)?.period, complete]).toEqual([5_000, 'period 2', 'period 5001', false])
  })

  it('of another metric, and of a name that is no metric but would be a query', async () => {
    expect((await report({ metric: 'Order Refunded' })).totals).toEqual([{ currency: 'GBP', orders: 1, customers: 1, revenue: '1000' }])
    expect((await report({ metric: "' OR 1 = 1 --" })).totals).toEqual([])
    expect((await report({ workspace: 3 })).rows).toEqual([])
  })
})
