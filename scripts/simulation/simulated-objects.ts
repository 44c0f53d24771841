import { gunzipSync, gzipSync } from 'node:zlib'
import type { Gzip } from '../../collector/src/platform/gzip.ts'
import type { Objects } from '../../collector/src/ports/objects.ts'
import { type Link, send } from './request.ts'
import type { Sabotage } from './sabotage.ts'
import type { World } from './world.ts'

/** Compressed at once and hardly: what it takes is no part of what is simulated. */
export const instantGzip: Gzip = {
  compress: async (bytes) => gzipSync(bytes, { level: 1 }),
  expand: async (bytes) => gunzipSync(bytes),
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
    // A store that puts only where none is, or one where the last put stays: by the port's promise it is the same.
    if (before !== undefined && !before.equals(bytes)) this.world.violated(`object ${name} was put again with other bytes`)
    this.objects.set(name, bytes)
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
    if (this.#server.sabotage === 'torn-object' && this.#server.world.choices.chance(0.2)) {
      this.#server.objects.set(name, content.subarray(0, content.length >>> 1))
    }
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
