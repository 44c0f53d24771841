import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { consoleApp } from './console-app.ts'

const files = new Map([['index.html', '<!doctype html>'], ['console.js', 'go()'], ['console.css', 'body{}']])

describe('consoleApp', () => {
  it('sends its files under a policy that lets nothing else run, none of it with a key', async () => {
    const app = consoleApp(async () => files)
    for (const [path, type] of [['/console', 'text/html'], ['/console/', 'text/html'], ['/console/console.js', 'text/javascript'], ['/console/console.css', 'text/css']] as const) {
      const response = await app.request(path)
      expect([path, response.status]).toEqual([path, 200])
      expect(response.headers.get('content-type')).toContain(type)
      const policy = response.headers.get('content-security-policy') ?? ''
      expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'")
      expect(policy).toContain("frame-ancestors 'none'")
      expect(policy).not.toContain('unsafe')
      expect(response.headers.get('referrer-policy')).toBe('no-referrer')
    }
  })

  it('sends them compressed to who takes that, and not again to who has them', async () => {
    const app = consoleApp(async () => files)
    const zipped = await app.request('/console/console.js', { headers: { 'accept-encoding': 'br, gzip' } })
    expect(zipped.headers.get('content-encoding')).toBe('gzip')
    expect(gunzipSync(Buffer.from(await zipped.arrayBuffer())).toString()).toBe('go()')
    const again = await app.request('/console/console.js', { headers: { 'if-none-match': zipped.headers.get('etag') ?? '' } })
    expect(again.status).toBe(304)
    expect(await again.text()).toBe('')
  })

  it('builds once for all who ask at a time, and again after it failed', async () => {
    let builds = 0
    const app = consoleApp(async () => {
      builds += 1
      if (builds === 1) throw new Error('no bundler here')
      return files
    })
    app.onError((error, context) => context.text(error.message, 503))
    const failed = await app.request('/console')
    expect([failed.status, await failed.text()]).toEqual([503, 'the console could not be built: no bundler here'])
    const statuses = await Promise.all(['/console', '/console/console.js', '/console'].map(async (path) => (await app.request(path)).status))
    expect(statuses).toEqual([200, 200, 200])
    expect(builds).toBe(2)
  })

  it('has nothing else', async () => {
    const app = consoleApp(async () => files)
    for (const path of ['/console/main.tsx', '/console/..%2fpackage.json', '/console/a/b', '/console/constructor']) expect([path, (await app.request(path)).status]).toEqual([path, 404])
  })
})
