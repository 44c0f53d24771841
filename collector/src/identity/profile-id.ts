import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import { uuidV8 } from '../platform/uuid.ts'

/** Made once a key: to make one costs four times as much as the hash itself (measured on Node 24). */
const keyObjects = new WeakMap<Uint8Array, KeyObject>()

/**
 * The id of the profile that an identifier anchors: UUIDv8 text of HMAC-SHA-256. Keyed, so that nobody can test an
 * e-mail address against an id; a function of the anchor, so that a replay gives the same ids. The bytes of the key
 * must not change after the first call.
 */
export function profileIdOf(workspace: number, anchorKey: string, identityKey: Uint8Array): string {
  return uuidV8(createHmac('sha256', keyObjectOf(identityKey)).update(`${workspace}/${anchorKey}`).digest('hex'))
}

function keyObjectOf(identityKey: Uint8Array): KeyObject {
  const known = keyObjects.get(identityKey)
  if (known !== undefined) return known
  const created = createSecretKey(identityKey)
  keyObjects.set(identityKey, created)
  return created
}
