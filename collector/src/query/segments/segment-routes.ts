import { parseSegmentDefinition, type SegmentDefinition, segmentLimits, instantOfText } from '@millrace/schemas'
import { type Context, Hono } from 'hono'
import { MillraceError } from '../../platform/errors.ts'
import type { Olap } from '../../ports/olap.ts'
import type { OltpReader, SegmentDraft, SegmentRow } from '../../ports/oltp.ts'
import { bodyText } from '../body-text.ts'
import { profileById } from '../find-profile.ts'
import type { IdentityView } from '../identity-view.ts'
import { jsonHeaders } from '../json-answer.ts'
import { isoTime } from '../profile-card.ts'
import { freshness, loadedPosition, parsePosition, positionText, type DataPosition } from './data-position.ts'
import { evaluateSegment } from './evaluate-segment.ts'
import { patternFault } from './pattern.ts'
import { profileFacts } from './profile-facts.ts'
import { segmentMembers } from './segment-count.ts'
import type { Zone } from './zone.ts'

export interface SegmentDependencies {
  readonly reader: OltpReader
  readonly olap: Pick<Olap, 'query' | 'currentGeneration'>
  readonly identity: IdentityView
  /** Epoch milliseconds. */
  readonly now: () => number
  /** Whose days and months segments and reports go by. */
  readonly zone: Zone
  readonly newId: () => string
  /** As `Oltp.putSegment`, wherever the writer runs. */
  readonly putSegment: (draft: SegmentDraft) => Promise<SegmentRow>
}

type Variables = { Variables: { workspace: number } }

const sampleSize = 10
const segmentNameCharactersMax = 200
/** Every window can be added to an instant within these. */
const instants = Object.freeze({ least: Date.UTC(1970, 0, 1), greatest: Date.UTC(2200, 0, 1) - 1 })

/** Mounted behind the check of the secret key, which says whose data is read. */
export function segmentRoutes(dependencies: SegmentDependencies): Hono<Variables> {
  const { reader } = dependencies
  const app = new Hono<Variables>()
  app.post('/segments', async (context) => {
    const body = await readBody(context)
    allow(body, ['name', 'id', 'definition'])
    const row = await dependencies.putSegment({
      workspace: context.get('workspace'), id: idOf(body), newId: dependencies.newId(), name: nameOf(body),
      definition: JSON.stringify(definitionOf(body.get('definition'))), createdAt: dependencies.now(),
    })
    return json(context, { segment: segmentOf(row) }, row.version === 1 ? 201 : 200)
  })
  app.get('/segments', async (context) => json(context, { segments: (await reader.segments(context.get('workspace'))).map(segmentOf) }))
  app.post('/segments/preview', async (context) => json(context, await preview(context.get('workspace'), await readBody(context), dependencies)))
  app.get('/segments/:id', async (context) => {
    const version = context.req.query('version')
    if (version !== undefined && !/^[1-9]\d{0,8}$/.test(version)) throw new MillraceError('bad_request', 'version must be a whole number from 1')
    const row = await segmentRow(context, reader, version === undefined ? null : Number(version))
    return json(context, { segment: segmentOf(row) })
  })
  app.get('/segments/:id/members', async (context) => json(context, await membersPage(context, dependencies)))
  return app
}

async function preview(workspace: number, body: Fields, dependencies: SegmentDependencies): Promise<object> {
  const { olap, reader, identity, now, zone } = dependencies
  allow(body, ['name', 'definition', 'at', 'profileId'])
  const definition = definitionOf(body.get('definition'))
  const at = instantOf(body.get('at'), now())
  const profileId = body.get('profileId')
  if (profileId !== undefined && typeof profileId !== 'string') throw new MillraceError('bad_request', 'profileId must be a text')
  const fresh = await freshness(reader, now())
  const position = await loadedPosition(reader, await olap.currentGeneration())
  const { count, members } = await segmentMembers({ workspace, definition, at, zone, position, after: null, limit: sampleSize }, olap)
  const answer = { count, at: isoTime(at), position: positionText(position), ...fresh, sample: members }
  if (profileId === undefined) return answer
  const { profile } = await profileById(workspace, profileId, reader)
  const facts = await profileFacts({ workspace, profileId: profile.id, definition, position }, { olap, identity })
  if (facts === null) throw new MillraceError('not_found', 'the profile is not loaded yet', { retryable: true })
  return { ...answer, profile: { id: profile.id, ...evaluateSegment(definition, facts, { at, zone }) } }
}

/** Where a page goes on: the same version, instant and position, after the last id. */
interface Cursor {
  readonly version: number
  readonly at: number
  readonly position: DataPosition
  readonly after: string | null
}

async function membersPage(context: Context<Variables>, { reader, olap, now, zone }: SegmentDependencies): Promise<object> {
  const limit = Number(context.req.query('limit') ?? 100)
  if (!Number.isInteger(limit) || limit < 1 || limit > 1_000) throw new MillraceError('bad_request', 'limit must be a whole number from 1 to 1000')
  const given = context.req.query('cursor')
  const cursor = given === undefined ? null : parseCursor(given)
  const at = context.req.query('at')
  if (cursor !== null && at !== undefined && instantOf(at, 0) !== cursor.at) throw new MillraceError('bad_request', 'at: the cursor goes on at the instant of its first page')
  const row = await segmentRow(context, reader, cursor?.version ?? null)
  const generation = await olap.currentGeneration()
  if (cursor !== null && cursor.position.generation !== generation) {
    throw new MillraceError('bad_request', 'cursor: the analytic tier was rebuilt since; start again without it')
  }
  const fresh = await freshness(reader, now())
  const page = cursor ?? { version: row.version, at: instantOf(at, now()), position: await loadedPosition(reader, generation), after: null }
  const { count, members } = await segmentMembers({
    workspace: row.workspace, definition: storedDefinition(row), at: page.at, zone, position: page.position, after: page.after, limit: limit + 1,
  }, olap)
  const shown = members.slice(0, limit)
  const next = members.length > shown.length ? cursorText({ ...page, after: shown.at(-1) ?? null }) : null
  return { segment: { id: row.id, version: row.version, name: row.name }, count, at: isoTime(page.at), position: positionText(page.position), ...fresh, members: shown, next }
}

function cursorText({ version, at, position, after }: Cursor): string {
  return Buffer.from(JSON.stringify([version, at, positionText(position), after])).toString('base64url')
}

function parseCursor(text: string): Cursor {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    if (Array.isArray(parsed) && isWhole(parsed[0]) && isWhole(parsed[1]) && typeof parsed[2] === 'string' && typeof parsed[3] === 'string') {
      return { version: parsed[0], at: parsed[1], position: parsePosition(parsed[2]), after: parsed[3] }
    }
  } catch {
    // Falls through to the one error below.
  }
  throw new MillraceError('bad_request', 'cursor: not one that this route gave')
}

function isWhole(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= instants.greatest
}

async function segmentRow(context: Context<Variables>, reader: OltpReader, version: number | null): Promise<SegmentRow> {
  const id = context.req.param('id') ?? ''
  const row = isUuid(id) ? await reader.segment(context.get('workspace'), id, version) : null
  if (row === null) throw new MillraceError('not_found', 'there is no segment with this id')
  return row
}

function segmentOf(row: SegmentRow): object {
  const definition: unknown = JSON.parse(row.definition)
  return { id: row.id, version: row.version, name: row.name, definition, createdAt: isoTime(row.createdAt) }
}

function storedDefinition(row: SegmentRow): SegmentDefinition {
  return definitionOf(JSON.parse(row.definition))
}

type Fields = ReadonlyMap<string, unknown>

async function readBody(context: Context<Variables>): Promise<Fields> {
  const text = await bodyText(context, segmentLimits.definitionBytesMax)
  try {
    const body: unknown = JSON.parse(text)
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return new Map(Object.entries(body))
  } catch {
    // Falls through to the one error below.
  }
  throw new MillraceError('bad_request', 'the body must be a JSON object with name and definition')
}

function allow(body: Fields, keys: readonly string[]): void {
  for (const key of body.keys()) if (!keys.includes(key)) throw new MillraceError('bad_request', `${key} (unknown_key): allowed here: ${keys.join(', ')}`)
}

function definitionOf(value: unknown): SegmentDefinition {
  const parsed = parseSegmentDefinition(value, { patternFault })
  if ('definition' in parsed) return parsed.definition
  const { path, rule, message } = parsed.fault
  throw new MillraceError('bad_request', `${path} (${rule}): ${message}`)
}

function nameOf(body: Fields): string {
  const name = body.get('name')
  if (typeof name === 'string' && name.trim() !== '' && name.length <= segmentNameCharactersMax && name.isWellFormed()) return name
  throw new MillraceError('bad_request', `name must be a text of 1 to ${segmentNameCharactersMax} characters`)
}

function idOf(body: Fields): string | null {
  const id = body.get('id')
  if (id === undefined) return null
  if (typeof id === 'string' && isUuid(id)) return id
  throw new MillraceError('bad_request', 'id must be the id of a segment; leave it out for a new one')
}

function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)
}

function instantOf(value: unknown, otherwise: number): number {
  if (value === undefined) return otherwise
  const ms = typeof value === 'string' ? instantOfText(value) : null
  if (ms === null || ms < instants.least || ms > instants.greatest) {
    throw new MillraceError('bad_request', 'at must be an ISO 8601 instant from 1970 to 2199, such as 2026-01-31T00:00:00.000Z')
  }
  return ms
}

function json(context: Context<Variables>, body: object, status: 200 | 201 = 200): Response {
  return context.body(JSON.stringify(body), status, jsonHeaders)
}
