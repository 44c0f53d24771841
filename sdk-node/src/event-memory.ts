/** A piece of memory that several events share. */
interface Chunk {
  readonly bytes: Buffer
  /** Whether it is one of many alike, to be used again. */
  readonly pooled: boolean
  /** Events whose JSON is in it and still needed. */
  events: number
}

/** The JSON of one event as UTF-8. */
export interface EventBytes {
  readonly chunk: Chunk
  readonly start: number
  readonly end: number
}

const chunkBytes = 65_536
/** Kept for the next burst when nothing waits any more. */
const idleChunksMax = 64

/**
 * Holds the JSON of waiting events outside the garbage collector's heap: a long queue of texts would be copied and traced
 * again and again, and freed buffers would pile up until it runs. Chunks are used again when the last event in them is
 * released.
 */
export class EventMemory {
  #current: Chunk | null = null
  #used = 0
  #events = 0
  /** While events wait, everything that was ever needed is kept: buffers are freed too late to be asked for anew. */
  readonly #free: Chunk[] = []

  /** `bytes` is the length of the text in UTF-8. */
  write(text: string, bytes: number): EventBytes {
    if (this.#current === null || this.#used + bytes > this.#current.bytes.length) {
      this.#current = this.#free.pop() ?? { bytes: Buffer.allocUnsafeSlow(chunkBytes), pooled: true, events: 0 }
      this.#used = 0
    }
    const start = this.#used
    this.#current.bytes.write(text, start, bytes, 'utf8')
    this.#current.events += 1
    this.#events += 1
    this.#used += bytes
    return { chunk: this.#current, start, end: this.#used }
  }

  /** Once for each event, when its JSON is needed no longer. */
  release({ chunk }: EventBytes): void {
    chunk.events -= 1
    if (!chunk.pooled) return
    this.#events -= 1
    if (this.#events === 0 && this.#free.length > idleChunksMax) this.#free.length = idleChunksMax
    if (chunk.events > 0) return
    if (chunk === this.#current) this.#used = 0
    else this.#free.push(chunk)
  }

  /** Moves an event that may wait long into memory of its own, or it would keep that of its neighbours. */
  detach(json: EventBytes): EventBytes {
    const bytes = Buffer.from(json.chunk.bytes.subarray(json.start, json.end))
    this.release(json)
    return { chunk: { bytes, pooled: false, events: 1 }, start: 0, end: bytes.length }
  }
}

/** Bodies under construction, each in a buffer that the next one uses again. */
export class BodyBuilder {
  readonly #free: Buffer[] = []

  /** Events with commas between them, in front of and behind them what is said once. {@link release} the body when it is sent. */
  build(head: string, events: readonly { readonly json: EventBytes }[], tail: string): Buffer {
    let length = Buffer.byteLength(head) + Buffer.byteLength(tail) + Math.max(0, events.length - 1)
    for (const { json } of events) length += json.end - json.start
    const known = this.#free.pop()
    // With room to spare, so that slightly different batches fit into it.
    const buffer = known !== undefined && known.length >= length ? known : Buffer.allocUnsafeSlow(Math.ceil(length / chunkBytes) * chunkBytes)
    let at = buffer.write(head, 0)
    events.forEach(({ json: { chunk, start, end } }, index) => {
      if (index > 0) buffer[at++] = 0x2c
      at += chunk.bytes.copy(buffer, at, start, end)
    })
    at += buffer.write(tail, at)
    return buffer.subarray(0, at)
  }

  release(body: Buffer): void {
    this.#free.push(Buffer.from(body.buffer))
  }
}
