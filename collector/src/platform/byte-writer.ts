/**
 * Text and bytes one behind the other, in one buffer that grows. Thousands of pieces joined as a string first would be copied once more, and
 * all of them take twice the room as soon as one holds a letter that is not Latin.
 */
export class ByteWriter {
  #buffer: Buffer
  #end = 0

  /** `bytes`: room for the most that is expected. */
  constructor(bytes: number) {
    this.#buffer = Buffer.allocUnsafe(Math.max(bytes, 64))
  }

  text(text: string): void {
    // A UTF-16 unit is three bytes at most.
    this.#reserve(text.length * 3)
    this.#end += this.#buffer.write(text, this.#end, 'utf8')
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#buffer.set(bytes, this.#end)
    this.#end += bytes.length
  }

  /** What was written, in a buffer of its own. */
  finish(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.#end))
  }

  #reserve(more: number): void {
    const needed = this.#end + more
    if (needed <= this.#buffer.length) return
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(grown, 0, 0, this.#end)
    this.#buffer = grown
  }
}
