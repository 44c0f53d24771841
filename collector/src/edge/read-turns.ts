/** What this asks of a connection. */
export interface Connection {
  pause(): unknown
  resume(): unknown
  once(event: 'close', told: () => void): unknown
}

export interface ReadTurnsOptions {
  /** Milliseconds of one turn of the event loop in which requests may be read before the busiest key has to wait. */
  readonly turnMs: number
  /** Connections that are read again in a turn, at least. */
  readonly resumedPerTurn: number
  /** After so many turns all that wait have been read again. */
  readonly turnsMax: number
  /** Milliseconds. */
  readonly now: () => number
  /** Runs the work once the event loop has looked at its sockets. */
  readonly later: (work: () => void) => void
}

const defaults: ReadTurnsOptions = Object.freeze({
  turnMs: 1, resumedPerTurn: 3, turnsMax: 250, now: () => performance.now(), later: (work: () => void) => void setImmediate(work),
})

/**
 * Node reads all sockets that have something before it comes back to anything else: a thousand requests that arrive together are
 * a tenth of a second in which nobody is answered. So once a turn of the event loop has read for long enough, the connections of the
 * key that it read most of are left unread, and read again in the order of their line, a few a turn. What they sent waits in
 * their sockets, and its sender with it; nothing is refused for it and no other key's connection waits.
 */
export class ReadTurns {
  readonly #options: ReadTurnsOptions
  /** Open connections by the key of their last request. */
  readonly #byKey = new Map<string, Set<Connection>>()
  readonly #keyOf = new WeakMap<Connection, string>()
  /** In their line. */
  readonly #unread = new Set<Connection>()
  /** Requests of this turn by key. */
  readonly #read = new Map<string, number>()
  #since = 0
  #braked = false
  #scheduled = false

  constructor(options: Partial<ReadTurnsOptions> = {}) {
    this.#options = { ...defaults, ...options }
  }

  /** Connections that are not read at the moment. */
  get unread(): number {
    return this.#unread.size
  }

  /** A request of the key has come. `besideOthers`: other keys send as well, so that there is somebody to protect. */
  came(connection: Connection, key: string, besideOthers: boolean): void {
    this.#belongs(connection, key)
    const now = this.#options.now()
    if (this.#read.size === 0) this.#since = now
    this.#read.set(key, (this.#read.get(key) ?? 0) + 1)
    this.#schedule()
    if (!besideOthers || this.#braked || now - this.#since < this.#options.turnMs) return
    this.#braked = true
    this.#leaveUnread(this.#busiest())
  }

  #belongs(connection: Connection, key: string): void {
    const before = this.#keyOf.get(connection)
    if (before === key) return
    if (before === undefined) connection.once('close', () => this.#forget(connection))
    else this.#remove(connection, before)
    this.#keyOf.set(connection, key)
    const all = this.#byKey.get(key)
    if (all === undefined) this.#byKey.set(key, new Set([connection]))
    else all.add(connection)
  }

  #forget(connection: Connection): void {
    this.#unread.delete(connection)
    this.#remove(connection, this.#keyOf.get(connection) ?? '')
  }

  #remove(connection: Connection, key: string): void {
    const all = this.#byKey.get(key)
    all?.delete(connection)
    if (all?.size === 0) this.#byKey.delete(key)
  }

  #busiest(): string {
    let busiest = ''
    let most = 0
    for (const [key, requests] of this.#read) if (requests > most) [busiest, most] = [key, requests]
    return busiest
  }

  #leaveUnread(key: string): void {
    for (const connection of this.#byKey.get(key) ?? []) {
      if (this.#unread.has(connection)) continue
      this.#unread.add(connection)
      connection.pause()
    }
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#options.later(() => {
      this.#scheduled = false
      this.#braked = false
      this.#read.clear()
      this.#readAgain()
      if (this.#unread.size > 0) this.#schedule()
    })
  }

  #readAgain(): void {
    const { resumedPerTurn, turnsMax } = this.#options
    let left = Math.max(resumedPerTurn, Math.ceil(this.#unread.size / turnsMax))
    for (const connection of this.#unread) {
      if (left === 0) return
      left -= 1
      this.#unread.delete(connection)
      connection.resume()
    }
  }
}
