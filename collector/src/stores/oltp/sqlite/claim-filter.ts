/** Claims that one run's filter is made for. So large a part of the tree is small enough that a batch touches few pages of it. */
export const filterClaimsMax = 131_072
/** 16 bits a claim: with six of them set, one look-up in a thousand finds a run that does not have the key. */
const positionBits = 21
const positions = 1 << positionBits
const probes = 6
/** Runs that share words: one bit of each word is one run's. */
const runsPerBlock = 32
const filterBytes = positions / 8

/**
 * Which runs may hold a message key: a Bloom filter for each run, side by side, so that one look at six words tells of 32 runs
 * (Goodwin et al., "BitFunnel", 2017). Runs live in slots; a slot that was never filled answers no.
 */
export class ClaimFilter {
  readonly #blocks: Uint32Array[] = []

  /** `key`: 16 bytes from 1 on, behind the byte that says what they are. */
  add(slot: number, key: Buffer): void {
    const words = this.#block(slot)
    const bit = 1 << (slot % runsPerBlock)
    const { first, step } = hashesOf(key)
    for (let probe = 0; probe < probes; probe += 1) {
      const at = (first + Math.imul(step, probe)) >>> (32 - positionBits)
      words[at] = (words[at] ?? 0) | bit
    }
  }

  /** Appends to `found` the slots that may hold the key. */
  candidates(key: Buffer, found: number[]): void {
    const { first, step } = hashesOf(key)
    for (let block = 0; block < this.#blocks.length; block += 1) {
      const words = this.#blocks[block]
      let bits = -1
      for (let probe = 0; probe < probes && bits !== 0; probe += 1) {
        bits &= words?.[(first + Math.imul(step, probe)) >>> (32 - positionBits)] ?? 0
      }
      while (bits !== 0) {
        const bit = 31 - Math.clz32(bits & -bits)
        found.push(block * runsPerBlock + bit)
        bits &= bits - 1
      }
    }
  }

  /** One run's filter as bytes, to be stored beside it. */
  save(slot: number): Buffer {
    const words = this.#block(slot)
    const shift = slot % runsPerBlock
    const bytes = Buffer.alloc(filterBytes)
    for (let at = 0; at < positions; at += 8) {
      let byte = 0
      for (let bit = 0; bit < 8; bit += 1) byte |= (((words[at + bit] ?? 0) >>> shift) & 1) << bit
      bytes[at >>> 3] = byte
    }
    return bytes
  }

  load(slot: number, bytes: Uint8Array): void {
    const words = this.#block(slot)
    const mask = 1 << (slot % runsPerBlock)
    for (let at = 0; at < filterBytes; at += 1) {
      for (let byte = bytes[at] ?? 0; byte !== 0; byte &= byte - 1) {
        const position = at * 8 + 31 - Math.clz32(byte & -byte)
        words[position] = (words[position] ?? 0) | mask
      }
    }
  }

  clear(slot: number): void {
    const words = this.#block(slot)
    const others = ~(1 << (slot % runsPerBlock))
    for (let at = 0; at < positions; at += 1) words[at] = (words[at] ?? 0) & others
  }

  #block(slot: number): Uint32Array {
    const index = Math.floor(slot / runsPerBlock)
    while (this.#blocks.length <= index) this.#blocks.push(new Uint32Array(positions))
    return this.#blocks[index] ?? new Uint32Array(positions)
  }
}

interface Hashes {
  readonly first: number
  readonly step: number
}

/** Two hashes of all 16 bytes: ids that clients number one by one must not fall together. A chosen collision costs a look-up, no more. */
function hashesOf(key: Buffer): Hashes {
  const front = mixed(key.readInt32LE(1) + Math.imul(key.readInt32LE(5), 0x85eb_ca6b))
  const first = mixed(front ^ (key.readInt32LE(9) + Math.imul(key.readInt32LE(13), 0xc2b2_ae35)))
  return { first, step: mixed(first ^ 0x9e37_79b9) | 1 }
}

/** The finaliser of MurmurHash3. */
function mixed(word: number): number {
  let hash = word
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35)
  return hash ^ (hash >>> 16)
}
