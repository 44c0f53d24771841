import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** A steady address in front of a program whose port changes: what a load balancer is. While the program is away it resets. */
export class Forwarder {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(target: () => string) {
    this.#server = createServer((inner) => {
      const outer = connect(Number(new URL(target()).port), '127.0.0.1')
      for (const [one, other] of [[inner, outer], [outer, inner]] as const) {
        this.#sockets.add(one)
        one.on('error', () => other.resetAndDestroy())
        one.on('close', () => {
          this.#sockets.delete(one)
          other.destroy()
        })
        one.pipe(other)
      }
    })
  }

  static async start(target: () => string): Promise<Forwarder> {
    const forwarder = new Forwarder(target)
    forwarder.#server.listen(0, '127.0.0.1')
    await once(forwarder.#server, 'listening')
    return forwarder
  }

  get url(): string {
    const address = this.#server.address()
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
