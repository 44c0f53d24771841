import { hash } from 'node:crypto'
import { uuidV8 } from '../platform/uuid.ts'
import type { Identifier } from './identifier.ts'

/**
 * The key of an identifier in a workspace: UUIDv8 text of SHA-256. The namespace goes in with its length, so that no
 * two identifiers can spell the same text.
 */
export function identifierKey(workspace: number, { kind, namespace, value }: Identifier): string {
  return uuidV8(hash('sha256', `${workspace}/${kind}/${namespace.length}/${namespace}/${value}`, 'buffer'))
}
