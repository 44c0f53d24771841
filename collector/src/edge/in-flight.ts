import { MillraceError } from '../platform/errors.ts'
import { RateLimited } from './status.ts'

export interface InFlightBounds {
  readonly requestsMax: number
  readonly bytesMax: number
  readonly workspaceBytesMax: number
}

/** What one request holds; `close` it whatever happens. */
export interface Lease {
  /** The request turned out to hold this many bytes more. Fails with `overloaded`. */
  grow(bytes: number): void
  /** The request is this workspace's. Fails with `rate_limited` if the workspace holds too much already. */
  claim(workspace: number): void
  close(): void
}

/** Requests in work in this process, and the bytes they hold: refused before they are read rather than died of. */
export class InFlight {
  readonly #bounds: InFlightBounds
  readonly #byWorkspace = new Map<number, number>()
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

  /** Fails with `overloaded`. */
  open(bytes: number): Lease {
    if (this.#requests >= this.#bounds.requestsMax) {
      throw new MillraceError('overloaded', 'too many requests are open', { retryable: true })
    }
    this.#hold(bytes)
    this.#requests += 1
    let held = bytes
    let owner: number | undefined
    return {
      grow: (more) => {
        this.#hold(more)
        held += more
        if (owner !== undefined) this.#count(owner, more)
      },
      claim: (workspace) => {
        const others = this.#byWorkspace.get(workspace) ?? 0
        if (others > 0 && others + held > this.#bounds.workspaceBytesMax) {
          throw new RateLimited('the workspace has too many bytes in work', 1)
        }
        owner = workspace
        this.#count(workspace, held)
      },
      close: () => {
        this.#requests -= 1
        this.#bytes -= held
        if (owner !== undefined) this.#count(owner, -held)
      },
    }
  }

  #hold(bytes: number): void {
    if (this.#bytes + bytes > this.#bounds.bytesMax) {
      throw new MillraceError('overloaded', 'too many bytes are in work', { retryable: true })
    }
    this.#bytes += bytes
  }

  #count(workspace: number, bytes: number): void {
    const total = (this.#byWorkspace.get(workspace) ?? 0) + bytes
    if (total > 0) this.#byWorkspace.set(workspace, total)
    else this.#byWorkspace.delete(workspace)
  }
}
