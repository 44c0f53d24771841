import { once } from 'node:events'
import { createServer, type Server } from 'node:http'

/** A contender's modules by name; `main.js` is the one that a page loads. */
export type Program = ReadonlyMap<string, string>

/** Pages of one origin, cross-origin isolated so that their clock is fine enough: `/sdk/N` runs contender N, `/elsewhere` nothing. */
export class IsolatedSite {
  readonly #server: Server

  constructor(programs: readonly Program[]) {
    this.#server = createServer((incoming, outgoing) => {
      const path = new URL(incoming.url ?? '/', 'http://site.example').pathname
      const [, script, file = ''] = /^\/script\/(\d+)\/([\w-]+\.js)$/.exec(path) ?? []
      const page = /^\/sdk\/(\d+)$/.exec(path)?.[1]
      outgoing.setHeader('cross-origin-opener-policy', 'same-origin')
      outgoing.setHeader('cross-origin-embedder-policy', 'require-corp')
      // Otherwise the back/forward cache would keep pages that a test means to leave.
      outgoing.setHeader('cache-control', 'no-store')
      outgoing.setHeader('content-type', script === undefined ? 'text/html' : 'text/javascript')
      if (script !== undefined) outgoing.end(programs[Number(script)]?.get(file) ?? '')
      else outgoing.end(`<!doctype html><title>Shop</title>${page === undefined ? '' : `<script type="module" src="/script/${page}/main.js"></script>`}`)
    })
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the site has no port')
    return `http://127.0.0.1:${address.port}`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
