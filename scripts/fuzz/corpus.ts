import { readdirSync, readFileSync } from 'node:fs'
import type { Choices } from './random.ts'

/** A request before it becomes bytes. */
export interface Draft {
  readonly method: string
  readonly target: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: unknown
  /** Its answers tell of events. */
  readonly ingest: boolean
  /** Answered only when work on all that is stored is done, behind other such work. */
  readonly slow?: boolean
}

export interface Keys {
  readonly writeKey: string
  /** Of the workspace that events go to; nothing is changed with it. */
  readonly secretKey: string
  /** Of another workspace, where anything may be changed. */
  readonly otherSecretKey: string
}

interface Recorded {
  readonly about: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
}

const folder = new URL('../../collector/src/ingest/fixtures/', import.meta.url)

/** What real SDKs sent. */
function readRecorded(): readonly Recorded[] {
  return readdirSync(folder).filter((file) => file.endsWith('.json')).map((file) => {
    const fixture: unknown = JSON.parse(readFileSync(new URL(file, folder), 'utf8'))
    const field = (name: string): unknown => Reflect.get(Object(fixture), name)
    const body: unknown = JSON.parse(String(field('body')))
    const headers = Object.fromEntries(Object.entries(Object(field('headers'))).map(([name, value]) => [name, String(value)]))
    return { about: String(field('about')), headers, body }
  })
}

const recorded = readRecorded()

const ingestPaths = [
  '/v1/batch', '/v1/batch', '/v1/b', '/v1/import', '/v1/track', '/v1/t', '/v1/identify', '/v1/i', '/v1/page', '/v1/p', '/v1/screen', '/v1/group', '/v1/alias',
  '/v1/m', '/e', '/e/v1/track', '/e/batch', '/beacon/v1/batch', '/e/beacon/v1/batch',
]

const readTargets = [
  '/v1/profiles?externalId=c-1', '/v1/profiles?email=a%40example.com', '/v1/profiles?phone=%2B442079460123', '/v1/profiles?anonymousId=a-1',
  '/v1/profiles/0190a0b1-0000-7000-8000-000000000000', '/v1/profiles/x/events?metric=Order&after=2026-01-01&before=2027-01-01&limit=5&cursor=abc',
  '/v1/profiles/x/graph', '/v1/profiles/x/export', '/v1/events?limit=5&after=latest&dropped=true', '/v1/events?after=abc&limit=1', '/v1/automations',
  '/v1/automations/abandoned-cart', '/v1/automations/abandoned-cart/deliveries?state=parked&limit=3&cursor=1-x', '/v1/automations/abandoned-cart/deliveries/x',
  '/v1/segments', '/v1/segments/0190a0b1-0000-7000-8000-000000000000?version=1', '/v1/segments/x/members?at=2026-01-01T00:00:00.000Z&cursor=abc&limit=5',
  '/v1/identity/explain?email=a%40example.com&externalId=42', '/v1/reports/orders?by=day&metric=x&after=2026-01-01', '/v1/receipts/m-1', '/v1/status',
  '/healthz', '/readyz', '/metrics', '/console', '/console/console.js', '/console/..%2fmain.ts', '/nothing',
]

const segment = { name: 'Loyal', definition: { and: [
  { type: 'profile-metric', metric: 'Order Completed', measurement: 'count', operator: 'greater-than-or-equal', value: 2, timeframe: { type: 'in-the-last', quantity: 30, unit: 'day' },
    filters: [{ property: 'currency', operator: 'equals', value: 'GBP' }], anyItem: { of: 'products', filters: [{ property: 'price', operator: 'greater-than', value: 50 }] } },
  { not: { type: 'profile-property', property: 'country', operator: 'regex', value: '^D' } }] } }

const changes: readonly (readonly [method: string, target: string, body: unknown])[] = [
  ['POST', '/v1/segments', segment], ['POST', '/v1/segments/preview', { ...segment, at: '2026-01-01T00:00:00.000Z' }],
  ['POST', '/v1/profiles/x/split', { a: { kind: 'email', value: 'a@example.com' }, b: { kind: 'anonymousId', value: 'a-1' } }],
  ['DELETE', '/v1/profiles/x?later=anew', undefined], ['POST', '/v1/automations/abandoned-cart/deliveries/replay', undefined],
  ['PUT', '/v1/automations/abandoned-cart', { enabled: false, delaySeconds: 3_600, cartMetrics: ['Product Added'], quietHours: { from: '22:00', to: '08:00', zone: 'Europe/Berlin' }, webhook: { url: 'https://shop.example/hook' } }],
]

/** A request as it ought to be; message ids are the request's own, so that each event can be told from all others. */
export function draftOf(choices: Choices, index: number, keys: Keys): Draft {
  const kind = choices.below(100)
  if (kind < 70) return ingestDraft(choices, index, keys)
  const bearer = (key: string): readonly (readonly [string, string])[] => [['authorization', `Bearer ${choices.chance(0.1) ? keys.writeKey : key}`]]
  if (kind < 88) return { method: choices.chance(0.9) ? 'GET' : choices.of(['HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH', 'POST', 'TRACE']), target: choices.of(readTargets), headers: bearer(keys.otherSecretKey), body: undefined, ingest: false }
  if (kind < 92) return { method: 'GET', target: choices.of(readTargets), headers: bearer(keys.secretKey), body: undefined, ingest: false }
  const [method, target, body] = choices.of(changes)
  return { method, target, headers: bearer(keys.otherSecretKey), body, ingest: false }
}

function ingestDraft(choices: Choices, index: number, { writeKey }: Keys): Draft {
  const { headers, body } = choices.of(recorded)
  const basic = ['authorization', `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}`] as const
  const place = choices.of(['basic', 'basic', 'header', 'query', 'body'])
  const path = choices.of(ingestPaths)
  const named = withOwnIds(body, index)
  return {
    method: 'POST', target: place === 'query' ? `${path}?writeKey=${writeKey}` : path,
    headers: [...Object.entries(headers).filter(([name]) => name !== 'content-encoding'), ...(place === 'basic' ? [basic] : place === 'header' ? [['x-write-key', writeKey] as const] : [])],
    body: place === 'body' ? { ...Object(named), writeKey } : named, ingest: true,
  }
}

function withOwnIds(body: unknown, index: number): unknown {
  const batch: unknown = Reflect.get(Object(body), 'batch')
  if (!Array.isArray(batch)) return { ...Object(body), messageId: `f-${index}-0` }
  const items = batch.map((item: unknown, place) => Object.fromEntries([...Object.entries(Object(item)), ['messageId', `f-${index}-${place}`]]))
  return { ...Object(body), batch: items }
}
