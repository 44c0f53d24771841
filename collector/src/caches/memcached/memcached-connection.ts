import { connect, type Socket } from 'node:net'
import { MemcachedReplies, type MemcachedReply } from './memcached-replies.ts'

export interface MemcachedAddress {
  readonly host: string
  readonly port: number
  /** What goes wrong between two calls. */
  readonly failed: (error: unknown) => void
}

interface Waiting {
  readonly commands: number
  readonly replies: MemcachedReply[]
  readonly timer: NodeJS.Timeout
  readonly resolve: (replies: readonly MemcachedReply[]) => void
  readonly reject: (error: unknown) => void
}

const connectMsMax = 2_000
/** A connection that keeps its oldest call waiting so long is replaced. */
const answerMsMax = 2_000
/** Not yet taken by the operating system; over it calls fail at once. */
const unsentBytesMax = 16_777_216
const reconnectMsMax = 1_000

/** One connection that is made anew in the background whenever it is lost. Calls are pipelined: nobody waits for a turn. */
export class MemcachedConnection {
  readonly #address: MemcachedAddress
  #socket: Socket | undefined
  #ready: Promise<void> = Promise.resolve()
  #connected = false
  #waiting: Waiting[] = []
  #attempts = 0
  #retry: NodeJS.Timeout | undefined
  #closed = false

  constructor(address: MemcachedAddress) {
    this.#address = address
    this.#open()
  }

  /** Of the first try to connect, for a caller who wants to wait for it; rejects where that fails. */
  get ready(): Promise<void> {
    return this.#ready
  }

  /** The replies to `count` whole commands, in their order. Rejects at once where there is no connection. */
  send(commands: Buffer, count: number): Promise<readonly MemcachedReply[]> {
    return new Promise((resolve, reject) => {
      const socket = this.#socket
      if (socket === undefined || !this.#connected) return reject(new Error('not connected'))
      if (socket.writableLength > unsentBytesMax) return reject(new Error('it takes what is sent too slowly'))
      const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${answerMsMax} ms`)), answerMsMax)
      this.#waiting.push({ commands: count, replies: [], timer, resolve, reject })
      socket.write(commands)
    })
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#retry)
    this.#socket?.destroy()
  }

  #open(): void {
    const socket = connect({ host: this.#address.host, port: this.#address.port, noDelay: true, keepAlive: true })
    const replies = new MemcachedReplies()
    let reason: unknown = new Error('the connection was closed')
    this.#socket = socket
    socket.setTimeout(connectMsMax, () => socket.destroy(new Error(`no connection within ${connectMsMax} ms`)))
    const ready = new Promise<void>((resolve, reject) => {
      socket.once('connect', () => {
        socket.setTimeout(0)
        this.#connected = true
        this.#attempts = 0
        resolve()
      })
      socket.once('close', () => {
        reject(reason)
        this.#lost(reason)
      })
    })
    ready.catch(() => undefined)
    this.#ready = ready
    socket.on('error', (error) => {
      reason = error
    })
    socket.on('data', (chunk) => {
      try {
        for (const reply of replies.push(chunk)) this.#settle(reply)
      } catch (error) {
        socket.destroy(error instanceof Error ? error : new Error(String(error)))
      }
    })
  }

  #settle(reply: MemcachedReply): void {
    // These two say that both sides no longer agree on where a command begins.
    if ('line' in reply && /^(?:ERROR|CLIENT_ERROR)/.test(reply.line)) throw new Error(`Memcached answers ${reply.line}`)
    const first = this.#waiting[0]
    if (first === undefined) throw new Error('Memcached answers what nobody asked')
    first.replies.push(reply)
    if (first.replies.length < first.commands) return
    this.#waiting.shift()
    clearTimeout(first.timer)
    first.resolve(first.replies)
  }

  #lost(reason: unknown): void {
    this.#connected = false
    for (const { timer, reject } of this.#waiting.splice(0)) {
      clearTimeout(timer)
      reject(reason)
    }
    if (this.#closed) return
    this.#address.failed(reason)
    this.#attempts += 1
    this.#retry = setTimeout(() => this.#open(), Math.min(reconnectMsMax, this.#attempts * 50))
    this.#retry.unref()
  }
}
