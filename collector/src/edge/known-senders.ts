import type { MillraceError } from '../platform/errors.ts'
import type { EdgeRequest } from './edge-request.ts'
import { findWriteKey } from './find-write-key.ts'
import type { KeyInfo, KeyRing } from './key-ring.ts'

export interface Sender extends KeyInfo {
  readonly trusted: boolean
}

interface Known {
  readonly authorization: string
  readonly edition: number
  readonly sender: Sender
}

/**
 * Who sends a request, by its headers. A connection that says again what it said last is known by that, and nothing is hashed. Behind a proxy
 * others may have the connection next, so words are compared in constant time. A change of the keys counts from the next request on.
 */
export class KnownSenders {
  readonly #keys: KeyRing
  readonly #known = new WeakMap<object, Known>()
  readonly #unknown: () => MillraceError

  /** `unknown` makes what fails a request whose key is none. */
  constructor(keys: KeyRing, unknown: () => MillraceError) {
    this.#keys = keys
    this.#unknown = unknown
  }

  /** Undefined where the body has to say it. */
  of(request: EdgeRequest): Sender | undefined {
    const authorization = request.header('authorization')
    const { edition } = this.#keys
    const known = request.connection === undefined ? undefined : this.#known.get(request.connection)
    if (known !== undefined && known.edition === edition && isSame(known.authorization, authorization)) return known.sender
    const presented = findWriteKey({ authorization, writeKeyHeader: request.header('x-write-key'), writeKeyQuery: request.query('writeKey') })
    if (presented === undefined) return undefined
    const info = this.#keys.find(presented.key)
    if (info === undefined) throw this.#unknown()
    const sender = { ...info, trusted: presented.asBasicUser && info.kind === 'secret' }
    // Only Basic user decides whatever else there is.
    if (presented.asBasicUser && request.connection !== undefined && authorization !== undefined) this.#known.set(request.connection, { authorization, edition, sender })
    return sender
  }
}

/** How long it takes says how long the texts are, and nothing of where they differ. */
function isSame(known: string, given: string | undefined): boolean {
  if (given === undefined || given.length !== known.length) return false
  let difference = 0
  for (let at = 0; at < known.length; at += 1) difference |= known.charCodeAt(at) ^ given.charCodeAt(at)
  return difference === 0
}
