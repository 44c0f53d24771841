/**
 * The snippet of a page's head: keeps calls, with their time and page, until the script is there. It is built to
 * `dist/stub.global.js`, to be copied into pages; a blocked script leaves it in place, and it never throws.
 */
interface Stub {
  calls: unknown[][]
  load: (source: string, options: object) => void
  [name: string]: unknown
}

interface StubDocument {
  readonly title: string
  readonly referrer: string
  readonly head: { append(element: object): void }
  createElement(name: string): object
}

declare const window: { millrace?: Stub }
declare const document: StubDocument
declare const location: { readonly href: string; readonly pathname: string; readonly search: string }

if (!window.millrace) {
  const stub: Stub = {
    calls: [],
    load: (src, options) => {
      stub['options'] = options
      document.head.append(Object.assign(document.createElement('script'), { async: true, src }))
    },
    user: () => ({ id: () => null, anonymousId: () => null, traits: () => ({}) }),
    stats: () => ({ accepted: 0, delivered: 0, dropped: {}, queued: stub.calls.length }),
    ready: async () => {},
    flush: async () => {},
  }
  for (const name of 'identify track page screen group alias reset setAnonymousId setContext consent'.split(' ')) {
    stub[name] = (...args: unknown[]) => {
      const { href: url, pathname: path, search } = location
      stub.calls.push([name, args, new Date(), { url, path, search, title: document.title, referrer: document.referrer }])
      return { ok: true }
    }
  }
  window.millrace = stub
}
