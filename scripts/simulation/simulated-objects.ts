import type { Gzip } from '../../collector/src/platform/gzip.ts'
import type { Objects } from '../../collector/src/ports/objects.ts'
import { type Link, send } from './request.ts'
import type { Sabotage } from './sabotage.ts'
import type { World } from './world.ts'

/** Nothing is compressed: it would take a tenth of the time of a history. */
export const plainGzip: Gzip = {
  compress: async (bytes) => Buffer.from(bytes),
  expand: async (bytes) => Buffer.from(bytes),
}

/** The object store itself. */
export class ObjectServer {
  readonly world: World
  readonly sabotage: Sabotage | null
  readonly objects = new Map<string, Buffer>()

  constructor(world: World, sabotage: Sabotage | null) {
    this.world = world
    this.sabotage = sabotage
  }

  put(name: string, bytes: Buffer): void {
    if (this.sabotage === 'forgotten-object' && this.world.choices.chance(0.02)) return
    const before = this.objects.get(name)
    if (before === undefined) this.objects.set(name, this.sabotage === 'torn-object' && this.world.choices.chance(0.05) ? bytes.subarray(0, bytes.length >>> 1) : bytes)
    // Whether the first or the last put stays is the store's: by the port's promise it is the same.
    else if (!before.equals(bytes) && this.sabotage !== 'torn-object') this.world.violated(`object ${name} was put again with other bytes`)
  }
}

export class SimulatedObjects implements Objects {
  readonly #link: Link
  readonly #server: ObjectServer

  constructor(link: Link, server: ObjectServer) {
    this.#link = link
    this.#server = server
  }

  put(name: string, bytes: Uint8Array): Promise<void> {
    const content = Buffer.from(bytes)
    return send(this.#link, { store: 'objects', name: 'put', perform: () => this.#server.put(name, content) })
  }

  get(name: string): Promise<Uint8Array | null> {
    return send(this.#link, { store: 'objects', name: 'get', perform: () => this.#server.objects.get(name) ?? null })
  }

  delete(name: string): Promise<void> {
    return send(this.#link, {
      store: 'objects', name: 'delete', perform: () => {
        this.#server.objects.delete(name)
      },
    })
  }

  list(prefix: string, limit: number): Promise<readonly string[]> {
    return send(this.#link, { store: 'objects', name: 'list', perform: () => [...this.#server.objects.keys()].filter((name) => name.startsWith(prefix)).toSorted().slice(0, limit) })
  }

  async close(): Promise<void> {}
}
