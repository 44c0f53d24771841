import { MillraceError } from '../platform/errors.ts'

/** At 12 bytes a place and at most two thirds full this bounds a table at 400 MB. */
const entriesMax = 20_000_000

/** Counts hashes in 12 bytes each: an import of millions of lines remembers which it has seen. */
export class HashCounts {
  #low = new Uint32Array(65_536)
  #high = new Uint32Array(65_536)
  #counts = new Uint32Array(65_536)
  #entries = 0

  /** How often this was added before. Takes the first 8 bytes. Fails with `bad_request` above 20 million different ones. */
  add(hash: Buffer): number {
    const low = hash.readUInt32LE(0)
    const high = hash.readUInt32LE(4)
    const place = this.#place(low, high)
    const count = this.#counts[place] ?? 0
    this.#low[place] = low
    this.#high[place] = high
    this.#counts[place] = count + 1
    if (count === 0) this.#added()
    return count
  }

  has(hash: Buffer): boolean {
    return (this.#counts[this.#place(hash.readUInt32LE(0), hash.readUInt32LE(4))] ?? 0) > 0
  }

  #place(low: number, high: number): number {
    const mask = this.#counts.length - 1
    let place = low & mask
    while ((this.#counts[place] ?? 0) !== 0 && !(this.#low[place] === low && this.#high[place] === high)) place = (place + 1) & mask
    return place
  }

  #added(): void {
    this.#entries += 1
    if (this.#entries > entriesMax) throw new MillraceError('bad_request', `more than ${entriesMax} lines without an id in one file; split it, or name an id with --map`)
    if (this.#entries * 3 < this.#counts.length * 2) return
    const [low, high, counts] = [this.#low, this.#high, this.#counts]
    this.#low = new Uint32Array(low.length * 2)
    this.#high = new Uint32Array(low.length * 2)
    this.#counts = new Uint32Array(low.length * 2)
    counts.forEach((count, old) => {
      if (count === 0) return
      const place = this.#place(low[old] ?? 0, high[old] ?? 0)
      this.#low[place] = low[old] ?? 0
      this.#high[place] = high[old] ?? 0
      this.#counts[place] = count
    })
  }
}
