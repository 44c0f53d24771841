import { hash } from 'node:crypto'
import { uuidV8 } from '../platform/uuid.ts'
import type { Identifier } from './identifier.ts'

/** Keys that were asked for last. An event asks for each of its own several times, and a person's events come together. */
const known = new Map<string, string>()
const knownMax = 16_384

/**
 * The key of an identifier in a workspace: UUIDv8 text of SHA-256. The namespace goes in with its length, so that no
 * two identifiers can spell the same text.
 */
export function identifierKey(workspace: number, { kind, namespace, value }: Identifier): string {
  const text = `${workspace}/${kind}/${namespace.length}/${namespace}/${value}`
  const before = known.get(text)
  if (before !== undefined) return before
  const key = uuidV8(hash('sha256', text, 'hex'))
  if (known.size >= knownMax) known.clear()
  known.set(text, key)
  return key
}
