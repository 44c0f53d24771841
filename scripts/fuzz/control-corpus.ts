import { encodeRecordLine } from '../../collector/src/ports/record.ts'
import type { Draft } from './corpus.ts'
import type { Choices } from './random.ts'

export interface ControlTarget {
  readonly token: string
  /** Where anything may be changed, by name and by number. */
  readonly workspace: string
  readonly workspaceNumber: number
}

type Params = (target: ControlTarget, index: number) => unknown

const identifier = { kind: 'email', value: 'a@example.com' }

/** What commands ask of a running collector, as they ask it; the weights keep what takes seconds rare. */
const operations: readonly (readonly [weight: number, operation: string, params: Params])[] = [
  [4, 'ping', () => ({})], [4, 'url', () => ({})], [4, 'status', () => ({})], [1, 'proveOlap', () => ({})], [4, 'nothing', () => ({})], [2, '__proto__', () => ({})],
  [12, 'sql', ({ workspace }) => ({ sql: 'select metric, count() from events where value > 1 group by metric order by 2 limit 5', format: 'TSV', workspace })],
  [4, 'sql', () => ({ sql: "select 'a' as x, 1 as y from events", format: 'JSONCompactEachRow' })],
  [8, 'split', ({ workspace }) => ({ workspace, split: { a: identifier, b: { kind: 'anonymousId', value: 'a-1' }, undo: false } })],
  [2, 'erase', ({ workspace }) => ({ workspace, identifier, later: 'anew' })], [2, 'erase', ({ workspace }) => ({ workspace, profileId: '0190a0b1-0000-7000-8000-000000000000', later: 'refuse' })],
  [8, 'createKeys', ({ workspace }) => ({ workspace })], [6, 'revokeKey', (_, index) => ({ id: `write_${index}` })], [4, 'listKeys', () => ({})],
  [8, 'limitKey', (_, index) => ({ id: `write_${index}`, limits: { eventsPerSecond: 10, burstEvents: 20, bytesPerSecond: null, eventsPerDay: 1_000 } })],
  [4, 'addTemplateSegments', ({ workspace }) => ({ workspace })],
  [6, 'automations', ({ workspace }) => ({ workspace })], [4, 'replayAutomation', ({ workspace }) => ({ workspace })],
  [8, 'changeAutomation', ({ workspace }) => ({ workspace, automation: 'abandoned-cart', body: { enabled: false, delaySeconds: 3_600, webhook: { url: 'https://shop.example/hook' } } })],
  [8, 'quarantine', ({ workspace }) => ({ workspace, reason: 'invalid', limit: 10 })], [4, 'replayQuarantine', ({ workspace }) => ({ workspace })],
  [8, 'importTarget', ({ workspace }) => ({ workspace })], [4, 'importRest', () => ({})],
  [12, 'importBlock', ({ workspaceNumber }, index) => ({ workspace: workspaceNumber, records: [{ partition: index % 4, messageIds: [`i-${index}`], text: lineOf(workspaceNumber, index) }] })],
]

const weights = operations.reduce((sum, [weight]) => sum + weight, 0)

/** One time in three hundred, since each reads the archive from its beginning. */
const rebuilds = ['rebuildOlap', 'rebuildProfiles'] as const

/** A line of the log, as the importer cuts it. */
function lineOf(workspace: number, index: number): string {
  const event = { type: 'track', event: 'Order Completed', messageId: `i-${index}`, userId: 'u-1', timestamp: '2026-01-06T00:00:00.000Z', properties: { value: 1 } }
  return encodeRecordLine({ workspace, receivedAt: Date.UTC(2026, 0, 6), trust: 'secret', reason: null, flags: [], json: JSON.stringify(event) })
}

export function controlDraft(choices: Choices, index: number, target: ControlTarget): Draft {
  const [operation, params] = operationOf(choices)
  const { token } = target
  const shown = choices.chance(0.9) ? `Bearer ${token}` : choices.of([`Bearer ${token.slice(1)}`, `Bearer ${token.toLowerCase()}`, `bearer ${token}`, `Basic ${token}`, `Bearer ${token} `, 'Bearer ', token, `Bearer ${'x'.repeat(token.length)}`])
  return { method: 'POST', target: `/${operation}`, headers: [['authorization', shown], ['content-type', 'text/plain;charset=UTF-8']], body: params(target, index), ingest: false, slow: operation.startsWith('rebuild') || operation === 'erase' }
}

function operationOf(choices: Choices): readonly [string, Params] {
  if (choices.chance(1 / 300)) return [choices.of(rebuilds), () => ({})]
  let left = choices.below(weights)
  for (const [weight, operation, params] of operations) {
    left -= weight
    if (left < 0) return [operation, params]
  }
  return ['ping', () => ({})]
}
