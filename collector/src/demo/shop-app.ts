import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { type Context, Hono } from 'hono'

export interface ShopDependencies {
  /** Asked at each request: the demo makes its keys after it listens. */
  readonly writeKey: () => string
  /** The profile that an anonymous id points at, as the read side shows it; null if there is none. */
  readonly profileOf: (anonymousId: string) => Promise<unknown>
}

/** Path below /shop to the page's file. */
const pages: Readonly<Record<string, string>> = { '': 'list', '/product': 'product', '/cart': 'cart', '/checkout': 'checkout', '/login': 'login' }

/** Nothing from anywhere else, and no script but files of ours. */
const securityHeaders = Object.freeze({
  'content-security-policy': "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  'cache-control': 'no-store',
})

/** In a clone, or beside the built program. */
const shopFolder = ['../../../examples/web-shop/', './web-shop/'].map((place) => new URL(place, import.meta.url)).find((place) => existsSync(place))

/** The demo's shop (examples/web-shop), without a build: its modules and the browser SDK's are sent as JavaScript. */
export function shopApp({ writeKey, profileOf }: ShopDependencies): Hono {
  const app = new Hono()
  for (const [path, name] of Object.entries(pages)) app.get(`/shop${path}`, async (context) => {
    const page = await read(`${name}.html`, shopFolder)
    if (page === null) return context.notFound()
    return context.html(page.replaceAll('{{writeKey}}', escapeHtml(writeKey())), 200, securityHeaders)
  })
  app.get('/shop/files/:file', (context) => sendFile(context, shopFolder))
  app.get('/shop/millrace/:file', (context) => sendFile(context, new URL(import.meta.resolve('@millrace/browser'))))
  app.get('/shop/about-you', async (context) => {
    // Only what belongs to the id of this very browser: the secret key stays here.
    const anonymousId = /(?:^|;\s*)millrace=([^:;]+)/.exec(context.req.header('cookie') ?? '')?.[1]
    const profile = anonymousId === undefined ? null : await profileOf(decoded(anonymousId)).catch(() => null)
    return context.json({ profile }, 200, securityHeaders)
  })
  return app
}

async function sendFile(context: Context, folder: URL | undefined): Promise<Response> {
  const name = context.req.param('file') ?? ''
  const source = await read(name, folder)
  if (source === null) return context.notFound()
  const isStyle = name.endsWith('.css')
  const text = isStyle ? source : withPaths(name.endsWith('.ts') ? stripTypeScriptTypes(source) : source)
  return context.body(text, 200, { ...securityHeaders, 'content-type': `text/${isStyle ? 'css' : 'javascript'}; charset=utf-8` })
}

/** Only files beside each other: a name without a slash or a leading dot cannot leave its folder. */
async function read(name: string, folder: URL | undefined): Promise<string | null> {
  if (folder === undefined || !/^[a-z0-9][a-z0-9.-]*\.(?:html|css|ts|js)$/.test(name)) return null
  return readFile(new URL(name, folder), 'utf8').catch(() => null)
}

/** Browsers know no packages: an entry of the SDK is the file it stands for, source in a clone, built in an installed package. */
function withPaths(source: string): string {
  return source.replaceAll(/(['"])(@millrace\/browser(?:\/[a-z-]+)?)\1/g, (_, quote: string, entry: string) =>
    `${quote}/shop/millrace/${import.meta.resolve(entry).split('/').at(-1) ?? ''}${quote}`)
}

/** A cookie is whatever a browser was told. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
