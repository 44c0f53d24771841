import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { type Context, Hono } from 'hono'
import { MillraceError, messageOf } from '../platform/errors.ts'
import { readConsoleFiles } from './console-files.ts'

/** Nothing from anywhere else, no script or style but files of ours, and no markup made of text. */
const securityHeaders = Object.freeze({
  'content-security-policy': "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'none'; "
    + "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-cache',
})

interface SentFile {
  readonly plain: Uint8Array<ArrayBuffer>
  readonly gzip: Uint8Array<ArrayBuffer>
  readonly type: string
  readonly etag: string
}

const contentTypes: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8', 'console.js': 'text/javascript; charset=utf-8', 'console.css': 'text/css; charset=utf-8',
}

/**
 * The page for people at /console. It holds no data and needs no key: the page asks for the secret key and reads the
 * API with it. Where there is only source the files are built at the first request, once.
 */
export function consoleApp(readFiles: typeof readConsoleFiles = readConsoleFiles): Hono {
  const app = new Hono({ strict: false })
  let files: Promise<ReadonlyMap<string, SentFile>> | null = null
  const send = async (context: Context, name: string): Promise<Response> => {
    files ??= readFiles().then(asSent)
    const all = await files.catch((error: unknown) => {
      files = null
      throw new MillraceError('unavailable', `the console could not be built: ${messageOf(error)}`, { cause: error })
    })
    const file = all.get(name)
    return file === undefined ? context.notFound() : answer(context, file)
  }
  app.get('/console', (context) => send(context, 'index.html'))
  app.get('/console/:name', (context) => send(context, context.req.param('name')))
  return app
}

function asSent(files: ReadonlyMap<string, string>): ReadonlyMap<string, SentFile> {
  return new Map([...files].map(([name, text]) => {
    const plain = Buffer.from(text)
    const etag = `"${createHash('sha256').update(plain).digest('base64url').slice(0, 22)}"`
    return [name, { plain, gzip: gzipSync(plain, { level: 9 }), type: contentTypes[name] ?? 'text/plain', etag }]
  }))
}

function answer(context: Context, { plain, gzip, type, etag }: SentFile): Response {
  const headers = { ...securityHeaders, 'content-type': type, etag, vary: 'accept-encoding' }
  if (context.req.header('if-none-match') === etag) return context.body(null, 304, headers)
  const takesGzip = /\bgzip\b/.test(context.req.header('accept-encoding') ?? '')
  return takesGzip ? context.body(gzip, 200, { ...headers, 'content-encoding': 'gzip' }) : context.body(plain, 200, headers)
}
