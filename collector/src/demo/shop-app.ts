import { readFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { Hono } from 'hono'
import { shopPage } from './shop-page.ts'

/** What the page imports, and where this program finds it: source in a clone, built JavaScript in an installed package. */
const packages: Readonly<Record<string, string>> = {
  browser: import.meta.resolve('@millrace/browser'), schemas: import.meta.resolve('@millrace/schemas'),
}

/** The demo's shop: one page that sends events through the browser SDK. `writeKey` is asked at each request. */
export function shopApp(writeKey: () => string): Hono {
  const app = new Hono()
  app.get('/shop', (context) => context.html(shopPage({ writeKey: writeKey(), entries: Object.fromEntries(Object.entries(packages).map(([name, url]) => [`@millrace/${name}`, `/shop/${name}/${url.split('/').at(-1) ?? ''}`])) })))
  app.get('/shop/:package/:file', async (context) => {
    const entry = packages[context.req.param('package')]
    const file = context.req.param('file')
    // Only modules beside the entry: a name without a slash or a leading dot cannot leave its directory.
    if (entry === undefined || !/^[a-z0-9][a-z0-9-]*\.(?:ts|js)$/.test(file)) return context.notFound()
    const source = await readFile(new URL(file, entry), 'utf8').catch(() => null)
    if (source === null) return context.notFound()
    return context.body(file.endsWith('.ts') ? stripTypeScriptTypes(source) : source, 200, { 'content-type': 'text/javascript; charset=utf-8', 'cache-control': 'no-store' })
  })
  return app
}
