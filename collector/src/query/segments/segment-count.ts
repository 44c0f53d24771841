import type { SegmentDefinition } from '@millrace/schemas'
import { MillraceError } from '../../platform/errors.ts'
import type { Olap } from '../../ports/olap.ts'
import { compileSegments } from './compile-segment.ts'
import type { DataPosition } from './data-position.ts'
import type { Zone } from './zone.ts'

export interface MembersRequest {
  readonly workspace: number
  readonly definition: SegmentDefinition
  /** Epoch milliseconds. */
  readonly at: number
  readonly zone: Zone
  readonly position: DataPosition
  /** Ids greater than this one. */
  readonly after: string | null
  readonly limit: number
}

export interface MembersFound {
  /** All members, not only those of the page. */
  readonly count: number
  /** Canonical profile ids in ascending order. */
  readonly members: readonly string[]
}

/** The members at an instant and a position: the same answer however often it is asked. */
export async function segmentMembers(request: MembersRequest, olap: Pick<Olap, 'query'>): Promise<MembersFound> {
  const { workspace, definition, at, zone, position, after, limit } = request
  const compiled = compileSegments([{ definition, at }], { workspace, zone, ...position })
  const sql = `SELECT count() AS count, groupArraySortedIf(${limit})(toString(profile_id), toString(profile_id) > {after:String}) AS members FROM (${compiled.sql}) WHERE a0 = 1`
  const answer: unknown = JSON.parse(await olap.query({
    sql, params: { ...compiled.params, after: after ?? '' }, format: 'JSONEachRow', own: true,
  }))
  if (isAnswer(answer)) return { count: Number(answer.count), members: answer.members }
  throw new MillraceError('internal', 'the OLAP answered a segment in another form')
}

function isAnswer(value: unknown): value is { readonly count: number | string; readonly members: readonly string[] } {
  return typeof value === 'object' && value !== null && 'count' in value && 'members' in value && Array.isArray(value.members)
}
