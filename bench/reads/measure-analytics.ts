import { type CollectorProcess, testKeys } from '../../collector/test/collector-process.ts'
import { readJson } from '../../collector/test/read-side.ts'
import { customerId, customersAt, historyBegin, historyEnd, randomFrom, sampleLines } from '../fill/retail-history.ts'
import { quantile } from '../spine/latency.ts'
import type { Figure } from './figure-table.ts'
import { askOlap, untilMerged } from './ask-olap.ts'
import type { StoredHistory } from './measure-people.ts'

const runs = 15

/** What ClickHouse is asked, each time about somebody or something else; one question at a time. */
export async function measureAnalytics(collector: CollectorProcess, { data, plan, events }: StoredHistory & { readonly data: string }): Promise<readonly Figure[]> {
  const random = randomFrom(plan.seed + 1)
  const lines = await sampleLines()
  const sql = (text: string): Promise<string> => askOlap(data, text)
  await untilMerged(data)
  const history = await timed(async () => {
    const id = await profileId(collector, customerId(Math.floor(random() * customersAt(plan, events))))
    // Whoever asks about one person has the identifiers from the profile store; here they are looked up before the clock starts.
    const keys = (await sql(`select distinct identifier_key from events where profile_id = '${id}'`)).trim().split('\n').map((line) => line.slice(2, -2))
    return () => sql(`select time, metric, value, properties from events where identifier_key in (${keys.map((key) => `'${key}'`).join(',')}) order by time desc limit 1000`)
  })
  const byProfile = await timed(async () => {
    const id = await profileId(collector, customerId(Math.floor(random() * customersAt(plan, events))))
    return () => sql(`select time, metric, value, properties from events where profile_id = '${id}' order by time desc limit 1000`)
  })
  const revenue = await timed(async () => () => sql(`select toStartOfMonth(time) as month, sum(value) from events where metric = 'Ordered Product' group by month order by month`))
  const report = await timed(async () => () => answered(collector, `/v1/reports/orders?by=month&metric=${encodeURIComponent('Ordered Product')}`))
  const bought = await timed(async () => {
    const product = lines[Math.floor(random() * lines.length)]?.product ?? ''
    return () => preview(collector, product, historyBegin + events / plan.events * (historyEnd - historyBegin))
  })
  return [
    ...figures('one profile\'s history', history, 60), ...figures('the same by profile_id', byProfile), ...figures('revenue by month', revenue, 150),
    ...figures('report of orders by month', report), ...figures('bought X in 90 days', bought, 300),
  ]
}

function figures(name: string, milliseconds: readonly number[], goal?: number): readonly Figure[] {
  return [
    { name: `${name} p50`, value: quantile(milliseconds, 0.5), unit: 'ms', ...(goal === undefined ? {} : { goal }) },
    { name: `${name} p95`, value: quantile(milliseconds, 0.95), unit: 'ms' },
  ]
}

/** The first run opens files and is left out. */
async function timed(prepare: () => Promise<() => Promise<unknown>>): Promise<readonly number[]> {
  const times: number[] = []
  for (let run = 0; run <= runs; run += 1) {
    const ask = await prepare()
    const begin = performance.now()
    await ask()
    if (run > 0) times.push(performance.now() - begin)
  }
  return times
}

async function profileId(collector: CollectorProcess, customer: string): Promise<string> {
  const { body } = await readJson(collector.url, `/v1/profiles?externalId=${customer}`, testKeys.secretKey)
  return String(Reflect.get(Object(Reflect.get(Object(body), 'profile')), 'id'))
}

async function answered(collector: CollectorProcess, path: string): Promise<void> {
  const { status, body } = await readJson(collector.url, path, testKeys.secretKey)
  if (status !== 200) throw new Error(`${path} answered ${status}: ${JSON.stringify(body)}`)
}

/** As at the end of what is stored. */
async function preview(collector: CollectorProcess, product: string, at: number): Promise<void> {
  const definition = {
    type: 'profile-metric', metric: 'Ordered Product', measurement: 'count', operator: 'greater-than-or-equal', value: 1,
    timeframe: { type: 'in-the-last', quantity: 90, unit: 'day' }, filters: [{ property: 'product_id', operator: 'equals', value: product }],
  }
  const response = await fetch(`${collector.url}/v1/segments/preview`, {
    method: 'POST', headers: { authorization: `Bearer ${testKeys.secretKey}` }, body: JSON.stringify({ definition, at: new Date(at).toISOString() }),
  })
  if (response.status !== 200) throw new Error(`the preview answered ${response.status}: ${await response.text()}`)
  await response.arrayBuffer()
}
