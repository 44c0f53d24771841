import { createHmac } from 'node:crypto'
import { uuidV8 } from '../platform/uuid.ts'

/**
 * The id of the profile that an identifier anchors: UUIDv8 text of HMAC-SHA-256. Keyed, so that nobody can test an
 * e-mail address against an id; a function of the anchor, so that a replay gives the same ids.
 */
export function profileIdOf(workspace: number, anchorKey: string, identityKey: Uint8Array): string {
  return uuidV8(createHmac('sha256', identityKey).update(`${workspace}/${anchorKey}`).digest())
}
