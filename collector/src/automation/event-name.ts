/**
 * One spelling for all: `Product Added`, `product_added` and `productAdded` are one name. Letters and digits of any
 * script count, in lower case; everything else is decoration.
 */
export function canonicalName(name: string): string {
  return name.toLowerCase().replaceAll(/[^\p{L}\p{N}]+/gu, '')
}

/** Names as a set to ask, whatever the spelling. Remembers what it was asked: a shop has few names. */
export class NameSet {
  readonly #names: ReadonlySet<string>
  readonly #known = new Map<string, boolean>()

  constructor(names: readonly string[]) {
    this.#names = new Set(names.map(canonicalName))
  }

  has(name: string): boolean {
    const known = this.#known.get(name)
    if (known !== undefined) return known
    const answer = this.#names.has(canonicalName(name))
    // Names come from clients, so the memory has a bound.
    if (this.#known.size >= 10_000) this.#known.clear()
    this.#known.set(name, answer)
    return answer
  }
}
