import { styleText } from 'node:util'
import { segmentTemplates } from '@millrace/schemas'
import type { Status } from '../query/status.ts'
import { visitorEmail } from './visitor-story.ts'

export interface ReportSources {
  /** GET of the read side. */
  readonly read: (path: string) => Promise<unknown>
  readonly sql: (sql: string) => Promise<string>
  readonly status: Status
}

const ordersShown = 10

/** What the demo shows at its end: one visitor as one profile, one analytic answer, the ready-made segments, the reconciliation of the tiers. */
export async function report({ read, sql, status }: ReportSources): Promise<string> {
  const card = field(await read(`/v1/profiles?email=${encodeURIComponent(visitorEmail)}`), 'profile')
  const months = await sql("select formatDateTime(time, '%Y-%m') as month, count() as orders, sum(value) as revenue from events where metric = 'Order Completed' and time < '2012-01-01' group by month order by month")
  return ['', ...profileLines(card), '', ...revenueLines(months), '', ...await segmentLines(read), '', ...reconciliationLines(status), ''].join('\n')
}

function profileLines(card: unknown): readonly string[] {
  const identifiers = field(card, 'identifiers')
  const orders = field(field(field(card, 'metrics'), 'Order Completed'), 'last')
  const last = Array.isArray(orders) ? orders.slice(0, ordersShown) : []
  return [
    title('One visitor, two devices, one profile'),
    `  profile      ${String(field(card, 'id'))}`,
    `  name         ${String(field(field(card, 'properties'), 'name'))}`,
    ...['externalId', 'email', 'phone', 'anonymousId'].map((kind) => `  ${kind.padEnd(12)} ${list(field(identifiers, kind))}`),
    `  the last ${last.length} of ${String(field(field(field(card, 'metrics'), 'Order Completed'), 'count'))} orders:`,
    ...last.map((event: unknown) => {
      const properties = field(event, 'properties')
      return `    ${String(field(event, 'time')).slice(0, 10)}  ${String(field(properties, 'order_id'))}  ${Number(field(properties, 'value')).toFixed(2).padStart(8)} ${String(field(properties, 'currency'))}`
    }),
  ]
}

function revenueLines(tsv: string): readonly string[] {
  const rows = tsv.trim().split('\n').map((line) => line.split('\t'))
  const most = Math.max(1, ...rows.map(([, , revenue]) => Number(revenue)))
  return [
    title('Revenue by month, from ClickHouse'),
    ...rows.map(([month = '', orders = '', revenue = '']) =>
      `  ${month}  ${orders.padStart(6)} orders  ${Number(revenue).toFixed(2).padStart(13)} GBP  ${'█'.repeat(Math.max(0, Math.round(Number(revenue) / most * 30)))}`),
  ]
}

async function segmentLines(read: ReportSources['read']): Promise<readonly string[]> {
  const stored = field(await read('/v1/segments'), 'segments')
  const segments: readonly unknown[] = Array.isArray(stored) ? stored : []
  const lines = await Promise.all(segmentTemplates().map(async ({ name, about }) => {
    const id = field(segments.find((segment) => field(segment, 'name') === name), 'id')
    if (typeof id !== 'string') return []
    const members = await read(`/v1/segments/${id}/members?limit=1`)
    return [`  ${name.padEnd(26)} ${Number(field(members, 'count')).toLocaleString('en').padStart(8)}  ${about}`]
  }))
  return [title('Segments, as they are now'), ...lines.flat()]
}

function reconciliationLines({ totals, agree }: Status): readonly string[] {
  const row = (name: string, count: number): string => `  ${name.padEnd(24)} ${count.toLocaleString('en').padStart(10)}`
  return [
    title('Reconciliation of the tiers'),
    row('accepted by the edge', totals.accepted),
    row('stored in profiles', totals.stored),
    row('archived in objects', totals.archived),
    row('loaded in ClickHouse', totals.loaded),
    ...Object.entries(totals.dropped).map(([reason, count]) => row(`dropped: ${reason}`, count)),
    agree ? styleText('green', '  every event is accounted for, once') : styleText('red', '  the tiers disagree'),
  ]
}

function title(text: string): string {
  return styleText('bold', text)
}

function field(value: unknown, name: string): unknown {
  return Reflect.get(Object(value), name)
}

function list(value: unknown): string {
  return Array.isArray(value) ? value.join(', ') : ''
}
