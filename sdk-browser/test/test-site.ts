import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'

/** The page that a scenario drives: it has the client as `client`, made with what stands in its query under `options`. */
function pageWithClient(title: string): string {
  return `<!doctype html><title>${title}</title><script type="module">
import { createMillrace } from '/sdk/index.js'
import { restoreKeptId } from '/sdk/kept-id.js'
const options = JSON.parse(new URLSearchParams(location.search).get('options'))
window.client = createMillrace(options)
window.restoreKeptId = restoreKeptId
</script>`
}

/** A site of its own origin: pages with the built SDK, one with the snippet, one without any of it. */
export class TestSite {
  readonly #server: Server
  /** How long the script of the snippet takes to arrive. */
  scriptDelayMs = 0

  constructor(sdk: string) {
    const snippet = readFileSync(join(sdk, 'stub.global.js'), 'utf8')
    this.#server = createServer((incoming, outgoing) => {
      const { pathname, searchParams } = new URL(incoming.url ?? '/', 'http://site.example')
      const file = /^\/sdk\/([a-z.-]+\.js)$/.exec(pathname)?.[1]
      if (file !== undefined) {
        const delayMs = file === 'millrace.global.js' ? this.scriptDelayMs : 0
        setTimeout(() => outgoing.writeHead(200, { 'content-type': 'text/javascript' }).end(readFileSync(join(sdk, file))), delayMs)
        return
      }
      outgoing.setHeader('content-type', 'text/html')
      if (pathname === '/shop') outgoing.end(pageWithClient('Shop'))
      else if (pathname === '/snippet') {
        outgoing.end(`<!doctype html><title>Landing</title><script>${snippet}
millrace.load('/sdk/millrace.global.js', ${(searchParams.get('options') ?? '{}').replaceAll('<', '\\u003c')})
millrace.page('Landing'); millrace.track('Early', { number: 1 })</script>`)
      } else outgoing.end('<!doctype html><title>Elsewhere</title>')
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
