import type { JsonObject, SegmentDefinition } from '@millrace/schemas'
import { MillraceError } from '../../platform/errors.ts'
import type { Olap } from '../../ports/olap.ts'
import type { IdentityView } from '../identity-view.ts'
import type { DataPosition } from './data-position.ts'
import type { FactEvent, ProfileFacts } from './evaluate-segment.ts'

/** Events of one profile that an explanation reads; who has more gets none. */
const eventsMax = 50_000

export interface FactsRequest {
  readonly workspace: number
  readonly profileId: string
  readonly definition: SegmentDefinition
  readonly position: DataPosition
}

/** What one profile did and is at a position, as far as the definition asks; null if there is no such profile at it. */
export async function profileFacts(
  { workspace, profileId, definition, position }: FactsRequest, { olap, identity }: { readonly olap: Pick<Olap, 'query'>; readonly identity: IdentityView },
): Promise<ProfileFacts | null> {
  const params = {
    workspace, profile: profileId, batches: position.batches, metrics: [...new Set(metricsOf(definition)), 'identify'], most: eventsMax + 1,
  }
  const loaded = 'workspace = {workspace:UInt32} AND batch <= {batches:Array(UInt64)}[partition + 1]'
  const ever = `identifier_key IN (SELECT identifier_key FROM identifier WHERE ${loaded} AND profile_id = {profile:UUID})`
  const own = `SELECT identifier_key FROM identifier WHERE ${loaded} AND ${ever} GROUP BY identifier_key HAVING argMax(profile_id, version) = {profile:UUID}`
  const text = await olap.query({
    sql: `SELECT '' AS metric, '' AS type, 0 AS ms, '' AS message_id, toString(identifier_key) AS identifier, '' AS properties FROM (${own})` +
      ` UNION ALL SELECT toString(metric), toString(type), toUnixTimestamp64Milli(time), message_id, toString(identifier_key), properties FROM event_g${position.generation}` +
      ` WHERE ${loaded} AND metric IN {metrics:Array(String)} AND identifier_key IN (${own}) LIMIT {most:UInt32}`,
    params, format: 'JSONEachRow', own: true,
  })
  const rows = text.split('\n').filter((line) => line !== '').map(readRow)
  if (rows.length > eventsMax) throw new MillraceError('bad_request', `the profile has more than ${eventsMax} events of these metrics, which is more than an explanation reads`)
  if (rows.length === 0) return null
  const events = rows.filter(({ metric }) => metric !== '')
  const statements = events.filter(({ type }) => type === 'identify')
  return { events, properties: identity.propertiesOfTraits(statements) }
}

interface FactRow extends FactEvent {
  readonly type: string
  readonly messageId: string
  readonly identifier: string
}

function readRow(line: string): FactRow {
  const row: unknown = JSON.parse(line)
  const text = (name: string): string => String(Reflect.get(Object(row), name))
  const properties = text('properties')
  return {
    metric: text('metric'), type: text('type'), time: Number(text('ms')), messageId: text('message_id'), identifier: text('identifier'),
    properties: properties === '' ? {} : parseObject(properties),
  }
}

/** The store holds what the edge wrote: an object. */
function parseObject(text: string): JsonObject {
  const value: JsonObject = JSON.parse(text)
  return value
}

function metricsOf(node: SegmentDefinition): readonly string[] {
  if ('and' in node) return node.and.flatMap(metricsOf)
  if ('or' in node) return node.or.flatMap(metricsOf)
  if ('not' in node) return metricsOf(node.not)
  return node.type === 'profile-metric' ? [node.metric] : []
}
