import { hash, timingSafeEqual } from 'node:crypto'
import type { KeyLimits } from '../ports/key.ts'

export type KeyKind = 'write' | 'secret'

export interface KeyInfo {
  readonly workspace: number
  readonly kind: KeyKind
  /** Short public name of the key. */
  readonly id: string
  readonly limits: KeyLimits
}

/** A key as the store lists it. */
export interface ListedKey extends KeyInfo {
  /** SHA-256 of the key, lower-case hex. */
  readonly hash: string
  readonly revoked: boolean
}

export type KeyList = readonly ListedKey[]

/** The keys made by `millrace keys` are far shorter; a longer text is not worth hashing. */
const keyCharactersMax = 256

interface KnownKey {
  readonly digest: Uint8Array
  readonly info: KeyInfo
}

/** Of a digest in hex: enough to tell keys apart in a look-up, and nothing of what the key is. */
const indexCharacters = 8

/**
 * The keys this process honours. It knows hashes only, so what it writes or prints can give no key away, and compares
 * them in constant time: how long an answer takes says nothing of how near a guess was.
 */
export class KeyRing {
  #byIndex: ReadonlyMap<string, readonly KnownKey[]> = new Map()
  #edition = 0

  constructor(list: KeyList = []) {
    this.replace(list)
  }

  /** From here on only the keys of this list that are not revoked are found. */
  replace(list: KeyList): void {
    const byIndex = new Map<string, KnownKey[]>()
    for (const { hash: digest, workspace, kind, id, limits, revoked } of list) {
      if (revoked) continue
      const index = digest.slice(0, indexCharacters)
      byIndex.set(index, [...byIndex.get(index) ?? [], { digest: Buffer.from(digest), info: { workspace, kind, id, limits } }])
    }
    this.#byIndex = byIndex
    this.#edition += 1
  }

  /** Another number after each change of the keys. */
  get edition(): number {
    return this.#edition
  }

  find(key: string): KeyInfo | undefined {
    if (key === '' || key.length > keyCharactersMax) return undefined
    const digest = hashKey(key)
    const known = this.#byIndex.get(digest.slice(0, indexCharacters))
    if (known === undefined) return undefined
    const given = Buffer.from(digest)
    return known.find((one) => one.digest.length === given.length && timingSafeEqual(one.digest, given))?.info
  }
}

/** SHA-256 in lower-case hex: keys are random and long, so a slow hash would protect nothing more. */
export function hashKey(key: string): string {
  return hash('sha256', key, 'hex')
}
