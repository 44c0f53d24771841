import { createHash } from 'node:crypto'

export type KeyKind = 'write' | 'secret'

export interface KeyInfo {
  readonly workspace: number
  readonly kind: KeyKind
  /** Short public name of the key. */
  readonly id: string
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

/** The keys this process honours. It knows hashes only, so what it writes or prints can give no key away. */
export class KeyRing {
  #byHash: ReadonlyMap<string, KeyInfo> = new Map()
  /** Keys found before; only good ones, so there are never more than listed. */
  readonly #found = new Map<string, KeyInfo>()

  constructor(list: KeyList = []) {
    this.replace(list)
  }

  get size(): number {
    return this.#byHash.size
  }

  /** From here on only the keys of this list that are not revoked are found. */
  replace(list: KeyList): void {
    const live = list.filter((key) => !key.revoked)
    this.#byHash = new Map(live.map(({ hash, workspace, kind, id }) => [hash, { workspace, kind, id }]))
    this.#found.clear()
  }

  find(key: string): KeyInfo | undefined {
    const known = this.#found.get(key)
    if (known !== undefined) return known
    if (key === '' || key.length > keyCharactersMax) return undefined
    const info = this.#byHash.get(hashKey(key))
    if (info !== undefined) this.#found.set(key, info)
    return info
  }
}

/** SHA-256 in lower-case hex: keys are random and long, so a slow hash would protect nothing more. */
export function hashKey(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}
