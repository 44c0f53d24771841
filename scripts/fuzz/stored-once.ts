import type { ControlClient } from '../../collector/src/control-client.ts'
import { readJson } from '../../collector/test/read-side.ts'

export interface Tiers {
  readonly url: string
  readonly secretKey: string
  readonly control: ControlClient
}

const receiptsMax = 300

/** What is wrong with the events that were answered `ok`: each must be in ClickHouse and in the feed once, and have a receipt. */
export async function storedOnce(tiers: Tiers, ok: ReadonlySet<string>): Promise<readonly string[]> {
  const rows = await loadedIds(tiers)
  const fed = await fedIds(tiers)
  const defects: string[] = []
  for (const [tier, counts] of [['ClickHouse', rows], ['the feed', fed]] as const) {
    const missing = [...ok].filter((id) => !counts.has(id))
    if (missing.length > 0) defects.push(`${missing.length} events were answered ok and are not in ${tier}: ${JSON.stringify(missing.slice(0, 5))}`)
    const doubled = [...counts].filter(([, count]) => count > 1)
    if (doubled.length > 0) defects.push(`${doubled.length} events are more than once in ${tier}: ${JSON.stringify(doubled.slice(0, 5))}`)
  }
  const step = Math.max(1, Math.floor(ok.size / receiptsMax))
  for (const id of [...ok].filter((_, index) => index % step === 0)) {
    const { status, body } = await readJson(tiers.url, `/v1/receipts/${encodeURIComponent(id)}`, tiers.secretKey)
    if (status !== 200 || Reflect.get(Object(body), 'state') !== 'loaded') defects.push(`the receipt of ${JSON.stringify(id)} is ${status} ${JSON.stringify(body).slice(0, 200)}`)
  }
  return defects.slice(0, 10)
}

async function loadedIds({ control }: Tiers): Promise<ReadonlyMap<string, number>> {
  const text = String(await control.call('sql', { sql: 'select message_id, count() from events group by message_id', format: 'JSONCompactEachRow' }))
  return new Map(text.split('\n').filter((line) => line !== '').map((line) => {
    const row: unknown = JSON.parse(line)
    return [String(Reflect.get(Object(row), 0)), Number(Reflect.get(Object(row), 1))]
  }))
}

async function fedIds({ url, secretKey }: Tiers): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>()
  for (let after = ''; ;) {
    const { status, body } = await readJson(url, `/v1/events?limit=1000${after === '' ? '' : `&after=${encodeURIComponent(after)}`}`, secretKey)
    const events: unknown = Reflect.get(Object(body), 'events')
    if (status !== 200 || !Array.isArray(events)) throw new Error(`the feed answers ${status}: ${JSON.stringify(body)}`)
    if (events.length === 0) return counts
    for (const event of events) {
      const id = String(Reflect.get(Object(event), 'messageId'))
      counts.set(id, (counts.get(id) ?? 0) + 1)
    }
    after = String(Reflect.get(Object(body), 'next'))
  }
}
