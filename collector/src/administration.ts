import { randomBytes } from 'node:crypto'
import { usualShop } from '@millrace/schemas'
import { hashKey } from './edge/key-ring.ts'
import type { Handler } from './platform/channel.ts'
import type { Clock } from './platform/clock.ts'
import { MillraceError } from './platform/errors.ts'
import { keyLimitMax, type KeyLimits, type KeyStore, noLimits } from './ports/key.ts'
import type { Oltp, SegmentDraft } from './ports/oltp.ts'
import { templateSegments } from './query/segments/template-segments.ts'

export interface CreatedKeys {
  readonly workspace: string
  readonly writeKey: string
  readonly secretKey: string
}

export interface KeysRequest {
  readonly workspace: string
  readonly writeKey?: string | null
  readonly secretKey?: string | null
}

/** Makes the workspace if need be and gives it a write key and a secret key; the texts are shown once and stored only as hashes. */
export async function createKeys(oltp: WorkspaceStore, request: KeysRequest, clock: Clock): Promise<CreatedKeys> {
  const writeKey = request.writeKey ?? `mw_${randomBytes(18).toString('base64url')}`
  const secretKey = request.secretKey ?? `ms_${randomBytes(24).toString('base64url')}`
  await putKey(oltp, { workspace: request.workspace, kind: 'write', key: writeKey }, clock)
  await putKey(oltp, { workspace: request.workspace, kind: 'secret', key: secretKey }, clock)
  return { workspace: request.workspace, writeKey, secretKey }
}

type WorkspaceStore = Pick<Oltp, 'createWorkspace'> & Pick<KeyStore, 'putKey'>

/** Stores one key's hash; a key that is there already stays as it is, revoked or not. */
export async function putKey(
  oltp: WorkspaceStore, { workspace: name, kind, key }: { workspace: string; kind: 'write' | 'secret'; key: string }, clock: Clock,
): Promise<void> {
  if (!/^[\w .-]{1,64}$/.test(name)) throw new MillraceError('bad_request', '--workspace must be 1 to 64 letters, digits, spaces, . _ -')
  const { workspace } = await oltp.createWorkspace(name, clock.now())
  const hash = hashKey(key)
  await oltp.putKey({ id: `${kind}_${hash.slice(0, 12)}`, workspace, kind, hash, createdAt: clock.now(), revokedAt: null, limits: noLimits })
}

/** What the worker does for commands that change something, by name. */
export function administration(oltp: Oltp, clock: Clock): ReadonlyMap<string, Handler> {
  return new Map<string, Handler>([
    ['createKeys', (params) => createKeys(oltp, { workspace: textField(params, 'workspace') }, clock)],
    ['putSegment', (params) => oltp.putSegment(asDraft(params))],
    ['addTemplateSegments', (params) => oltp.addSegments(Number(Reflect.get(Object(params), 'workspace')), templateSegments(usualShop, clock.now()))],
    ['revokeKey', async (params) => {
      for (const id of keyIds(textField(params, 'id'))) if (await oltp.revokeKey(id, clock.now())) return true
      return false
    }],
    ['limitKey', (params) => oltp.limitKey(textField(params, 'id'), asLimits(Reflect.get(Object(params), 'limits')))],
  ])
}

/** A key may be named by its id or shown whole: whoever wants it gone often holds nothing but the key. */
export function keyIds(named: string): readonly string[] {
  const short = hashKey(named).slice(0, 12)
  return [named, `write_${short}`, `secret_${short}`]
}

/** Fails with `bad_request` for what is not a whole number from 1 on, or null. */
export function asLimits(value: unknown): KeyLimits {
  const limit = (name: keyof KeyLimits): number | null => {
    const given: unknown = Reflect.get(Object(value), name) ?? null
    if (given === null || (typeof given === 'number' && Number.isInteger(given) && given >= 1 && given <= keyLimitMax)) return given
    throw new MillraceError('bad_request', `${name} must be a whole number from 1 to ${keyLimitMax}`)
  }
  return {
    eventsPerSecond: limit('eventsPerSecond'), burstEvents: limit('burstEvents'),
    bytesPerSecond: limit('bytesPerSecond'), eventsPerDay: limit('eventsPerDay'),
  }
}

/** Checked where the request was read, in this program. */
function asDraft(params: unknown): SegmentDraft {
  const number = (name: string): number => Number(Reflect.get(Object(params), name))
  const id: unknown = Reflect.get(Object(params), 'id')
  return {
    workspace: number('workspace'), createdAt: number('createdAt'), id: typeof id === 'string' ? id : null,
    newId: textField(params, 'newId'), name: textField(params, 'name'), definition: textField(params, 'definition'),
  }
}

export function textField(params: unknown, name: string): string {
  if (typeof params === 'object' && params !== null) {
    const value: unknown = Reflect.get(params, name)
    if (typeof value === 'string') return value
  }
  throw new MillraceError('bad_request', `${name} must be a text`)
}
