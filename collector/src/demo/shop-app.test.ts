import { describe, expect, it } from 'vitest'
import { shopApp } from './shop-app.ts'

describe('shopApp', () => {
  const app = shopApp({
    writeKey: () => 'wk_"></script><b>',
    profileOf: async (anonymousId) => (anonymousId === 'a:1' ? { id: 'p1' } : Promise.reject(new Error('not found'))),
  })

  it.each(['', '/product?id=22423', '/cart', '/checkout', '/login'])('serves /shop%s with the key of the workspace, escaped, and a strict policy', async (path) => {
    const response = await app.request(`/shop${path}`)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'")
    const page = await response.text()
    expect(page).toContain('content="wk_&quot;>&lt;/script>&lt;b>"')
    expect(page).not.toMatch(/<script(?![^>]* src=)|<style| on[a-z]+=|https?:/)
  })

  it('serves every module that the pages import, as JavaScript', async () => {
    const waiting: string[] = []
    for (const path of ['', '/product', '/cart', '/checkout', '/login']) {
      const page = await (await app.request(`/shop${path}`)).text()
      for (const [, source = ''] of page.matchAll(/(?:src|href)="(\/shop\/files\/[^"]+)"/g)) waiting.push(source)
    }
    const seen = new Set<string>()
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      if (seen.has(path)) continue
      seen.add(path)
      const response = await app.request(path)
      expect([path, response.status]).toEqual([path, 200])
      const source = await response.text()
      expect(source).not.toMatch(/^(?:export )?(?:interface|type) /m)
      for (const [, from = ''] of source.matchAll(/from '([^']+)'/g)) waiting.push(from.startsWith('/') ? from : path.replace(/[^/]+$/, from.slice(2)))
    }
    expect([...seen].some((path) => path.startsWith('/shop/millrace/index.'))).toBe(true)
    expect(seen.size).toBeGreaterThan(15)
  })

  it('tells a browser what is known of its own id, and nothing to one without', async () => {
    const about = async (cookie?: string): Promise<unknown> => (await app.request('/shop/about-you', cookie === undefined ? {} : { headers: { cookie } })).json()
    expect(await about('other=1; millrace=a%3A1:wilma')).toEqual({ profile: { id: 'p1' } })
    expect(await about('millrace=unknown:')).toEqual({ profile: null })
    expect(await about('notmillrace=a%3A1:')).toEqual({ profile: null })
    expect(await about()).toEqual({ profile: null })
  })

  it('serves nothing else', async () => {
    for (const path of ['/shop/millrace/..%2fpackage.json', '/shop/millrace/.env', '/shop/other/index.ts', '/shop/files/none.ts', '/shop/files/README.md']) {
      expect([path, (await app.request(path)).status]).toEqual([path, 404])
    }
  })
})
