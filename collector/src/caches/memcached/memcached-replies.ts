/** One value of a `gets` reply. `unique` is Memcached's own token for the next `cas`. */
export interface MemcachedValue {
  readonly key: string
  readonly text: string
  readonly unique: string
}

/** The reply to one command: values of a `gets`, or the one line that every other command is answered with. */
export type MemcachedReply = { readonly values: readonly MemcachedValue[] } | { readonly line: string }

const lineEnd = Buffer.from('\r\n')
const lineBytesMax = 2_048
/** Over the greatest item that Memcached keeps by default; more is another protocol. */
const itemBytesMax = 4_194_304

/**
 * Cuts the byte stream of a Memcached connection into replies, however it arrives in chunks. Text protocol as in
 * Memcached's `protocol.txt`. Throws at what cannot be a reply: then the connection is of no more use.
 */
export class MemcachedReplies {
  #rest: Buffer = Buffer.alloc(0)
  #values: MemcachedValue[] = []

  /** All replies that are whole with this chunk, in the order of their commands. */
  push(chunk: Buffer): readonly MemcachedReply[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const replies: MemcachedReply[] = []
    for (;;) {
      const end = this.#rest.indexOf(lineEnd)
      if (end > lineBytesMax || (end < 0 && this.#rest.length > lineBytesMax)) throw new Error('a reply line is too long for Memcached')
      if (end < 0) return replies
      const line = this.#rest.toString('latin1', 0, end)
      if (line.startsWith('VALUE ')) {
        if (!this.#takeValue(line, end + lineEnd.length)) return replies
      } else {
        this.#rest = this.#rest.subarray(end + lineEnd.length)
        replies.push(line === 'END' ? { values: this.#values } : { line })
        // An error line may stand where the rest of the values would.
        this.#values = []
      }
    }
  }

  #takeValue(line: string, from: number): boolean {
    const [, key, bytes, unique] = /^VALUE (\S+) \d+ (\d+) (\d+)$/.exec(line) ?? []
    const to = from + Number(bytes)
    if (key === undefined || unique === undefined || !(to - from <= itemBytesMax)) throw new Error(`${JSON.stringify(line)} is no value line of Memcached`)
    if (this.#rest.length < to + lineEnd.length) return false
    if (!this.#rest.subarray(to, to + lineEnd.length).equals(lineEnd)) throw new Error('a value of Memcached does not end where it should')
    this.#values.push({ key, text: this.#rest.toString('utf8', from, to), unique })
    this.#rest = this.#rest.subarray(to + lineEnd.length)
    return true
  }
}
