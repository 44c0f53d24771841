import { describe, expect, it } from 'vitest'
import { shopApp } from './shop-app.ts'

describe('shopApp', () => {
  const app = shopApp(() => 'wk_</script>')

  it('serves a page with the key of the workspace, as data', async () => {
    const page = await (await app.request('/shop')).text()
    expect(page).toContain('"wk_\\u003c/script>"')
    expect(page).toContain('"@millrace/browser":"/shop/browser/')
  })

  it('serves the modules that the page imports, as JavaScript', async () => {
    const page = await (await app.request('/shop')).text()
    const entries: { imports: Record<string, string> } = JSON.parse(/importmap">(.*?)<\/script>/.exec(page)?.[1] ?? '{}')
    const waiting = Object.values(entries.imports)
    const seen = new Set<string>()
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      if (seen.has(path)) continue
      seen.add(path)
      const response = await app.request(path)
      expect([path, response.status]).toEqual([path, 200])
      const source = await response.text()
      expect(source).not.toMatch(/^(?:export )?(?:interface|type) /m)
      for (const [, from = ''] of source.matchAll(/from '(\.\/[^']+)'/g)) waiting.push(path.replace(/[^/]+$/, from.slice(2)))
    }
    expect(seen.size).toBeGreaterThan(4)
  })

  it('serves nothing else', async () => {
    for (const path of ['/shop/browser/..%2fpackage.json', '/shop/browser/.env', '/shop/other/index.ts', '/shop/browser/none.ts']) {
      expect([path, (await app.request(path)).status]).toEqual([path, 404])
    }
  })
})
