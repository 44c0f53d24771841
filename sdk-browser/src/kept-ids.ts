import type { BrowserPage } from './browser-page.ts'

/** Browsers cap longer ones. */
const cookieSeconds = 400 * 86_400

/**
 * The ids of this browser, over page loads: the cookie is the truth, local storage its copy for when one of the two is
 * cleared. Read once for each page. Where both are forbidden they last as long as the page.
 */
export class KeptIds {
  readonly #page: BrowserPage
  readonly #known = new Map<string, string | null>()

  constructor(page: BrowserPage) {
    this.#page = page
  }

  get(name: string): string | null {
    const known = this.#known.get(name)
    if (known !== undefined) return known
    const found = this.#fromCookie(name) ?? this.#fromStorage(name)
    this.#known.set(name, found)
    return found
  }

  /** An empty text forgets the id. */
  set(name: string, value: string): void {
    this.#known.set(name, value === '' ? null : value)
    const secure = this.#page.url.startsWith('https:') ? '; Secure' : ''
    const age = value === '' ? 0 : cookieSeconds
    try {
      this.#page.cookie = `${name}=${encodeURIComponent(value)}; Path=/; Max-Age=${age}; SameSite=Lax${secure}`
      this.#page.storage?.setItem(name, value)
    } catch {
      // Full or forbidden: the other copy, or this page's, has to do.
    }
  }

  #fromCookie(name: string): string | null {
    try {
      const pair = this.#page.cookie.split('; ').find((one) => one.startsWith(`${name}=`))
      return pair === undefined ? null : decodeURIComponent(pair.slice(name.length + 1)) || null
    } catch {
      return null
    }
  }

  #fromStorage(name: string): string | null {
    try {
      return this.#page.storage?.getItem(name) || null
    } catch {
      return null
    }
  }
}
