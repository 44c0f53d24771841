import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** A port in front of another that can be away: what was connected is cut off, and what comes is refused, as by a machine that is down. */
export class SeverableProxy {
  readonly #from: number
  readonly #to: number
  readonly #sockets = new Set<Socket>()
  #server: Server | null = null

  /** `from` may be taken by nobody else while it is severed. */
  constructor(from: number, to: number) {
    this.#from = from
    this.#to = to
  }

  /** Lets connections through, now or again. */
  async join(): Promise<void> {
    if (this.#server !== null) return
    this.#server = createServer((near) => this.#connect(near)).listen(this.#from, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  async sever(): Promise<void> {
    const server = this.#server
    if (server === null) return
    this.#server = null
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve())
    })
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #connect(near: Socket): void {
    const far = connect(this.#to, '127.0.0.1')
    for (const [socket, other] of [[near, far], [far, near]] as const) {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
    }
    near.pipe(far)
    far.pipe(near)
  }
}
