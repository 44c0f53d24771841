import { hash } from 'node:crypto'
import { uuidV8 } from '../platform/uuid.ts'

/** What an object of a source is told apart by. */
export interface SourceObject {
  readonly source: string
  /** The metric, or what else the object is. */
  readonly kind: string
  /** The source's own id of the object, or a digest where it has none. */
  readonly key: string
}

/** The message id of an object: the same whenever and from whichever file it is imported. */
export function madeId({ source, kind, key }: SourceObject): string {
  return uuidV8(hash('sha256', `made\0${source}\0${kind}\0${key}`, 'hex'))
}

export function digestOf(text: string): Buffer {
  return hash('sha256', text, 'buffer')
}
