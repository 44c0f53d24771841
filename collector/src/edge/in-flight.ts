import { Refused } from './status.ts'

export interface InFlightBounds {
  readonly requestsMax: number
  readonly bytesMax: number
  /** Of one key, even where nobody else sends. */
  readonly keyBytesMax: number
}

/** What one request holds; `close` it whatever happens. */
export interface Lease {
  /** The request holds so many bytes now. Fails as {@link InFlight.open} does where they have become more. */
  hold(bytes: number): void
  /** The request is this key's. Fails with `rate_limited` if the key holds too much already. */
  claim(key: string): void
  close(): void
}

interface Held {
  requests: number
  bytes: number
}

/** Requests whose body has to say whose they are count together until it is read. */
const unknownKey = ''

/**
 * Requests in work in this process, and the bytes they hold: refused before they are read rather than died of.
 *
 * What is left is shared by one rule: a key that holds something already may not hold more than what is still free. So
 * one key alone gets half of the process, n busy ones an n+1st part each, and the last part is always there for a key
 * that comes new. (Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet switches", 1998.)
 */
export class InFlight {
  readonly #bounds: InFlightBounds
  readonly #byKey = new Map<string, Held>()
  #requests = 0
  #bytes = 0

  constructor(bounds: InFlightBounds) {
    this.#bounds = bounds
  }

  get requests(): number {
    return this.#requests
  }

  get bytes(): number {
    return this.#bytes
  }

  /**
   * A request of `declaredBytes`, which are looked at and not held: a client that says much and sends nothing holds
   * nothing. Fails with `overloaded` where the process has no room, with `rate_limited` where the key has none.
   */
  open(declaredBytes: number, key: string = unknownKey): Lease {
    if (this.#requests >= this.#bounds.requestsMax) throw overloaded('too many requests are open', 'process_requests')
    this.#requireRoom(key, declaredBytes, 0)
    let owner = key
    let held = 0
    this.#change(owner, 1, 0)
    return {
      hold: (bytes) => {
        if (bytes > held) this.#requireRoom(owner, bytes - held, held)
        this.#change(owner, 0, bytes - held)
        held = bytes
      },
      claim: (claimed) => {
        if (claimed === owner) return
        // Not in the way of itself.
        this.#change(owner, -1, -held)
        owner = claimed
        try {
          this.#requireRoom(owner, held, 0)
        } finally {
          this.#change(owner, 1, held)
        }
      },
      close: () => this.#change(owner, -1, -held),
    }
  }

  /** `own` bytes of what the key holds are the request's that asks for more. */
  #requireRoom(key: string, more: number, own: number): void {
    const free = this.#bounds.bytesMax - this.#bytes
    if (more > free) throw overloaded('too many bytes are in work', 'process_bytes')
    const held = this.#byKey.get(key)
    if (held === undefined) return
    const others = held.bytes - own
    if (others > 0 && held.bytes + more > Math.min(free, this.#bounds.keyBytesMax)) throw keyShare('the key has too many bytes in work')
    if (own === 0 && held.requests >= this.#bounds.requestsMax - this.#requests) throw keyShare('the key has too many requests in work')
  }

  #change(key: string, requests: number, bytes: number): void {
    this.#requests += requests
    this.#bytes += bytes
    const held = this.#byKey.get(key)
    if (held === undefined) {
      this.#byKey.set(key, { requests, bytes })
      return
    }
    held.requests += requests
    held.bytes += bytes
    if (held.requests === 0) this.#byKey.delete(key)
  }
}

function overloaded(message: string, reason: Refused['reason']): Refused {
  return new Refused(message, { code: 'overloaded', reason, waitSeconds: 0 })
}

function keyShare(message: string): Refused {
  return new Refused(message, { code: 'rate_limited', reason: 'key_share', waitSeconds: 1 })
}
