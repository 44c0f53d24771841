import { limits } from '@millrace/schemas'
import type { EdgeRequest } from './edge-request.ts'

const name = 'millrace_id'
/** Browsers cap longer ones. */
const seconds = 34_560_000

/**
 * A copy of the browser's anonymous id in a cookie that no script can see or lose: browsers that delete what scripts
 * keep after a week leave it alone, as long as the collector is on a subdomain of the site. Off without origins.
 */
export class IdCookie {
  readonly #origins: ReadonlySet<string>

  /** @param origins of the sites, exactly as browsers write them: `https://www.shop.example`. */
  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins)
  }

  get isOn(): boolean {
    return this.#origins.size > 0
  }

  allows(origin: string | undefined): origin is string {
    return origin !== undefined && this.#origins.has(origin)
  }

  /** What to set after these events; undefined where the page is not one of ours or they name nobody. */
  setFor(request: EdgeRequest, items: readonly unknown[]): string | undefined {
    const origin = request.header('origin')
    const anonymousId: unknown = Reflect.get(Object(items.at(-1)), 'anonymousId')
    if (!this.allows(origin) || typeof anonymousId !== 'string' || anonymousId === '' || !anonymousId.isWellFormed()) return undefined
    if (Buffer.byteLength(anonymousId) > limits.identifierBytesMax) return undefined
    return `${name}=${encodeURIComponent(anonymousId)}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax${origin.startsWith('https:') ? '; Secure' : ''}`
  }

  /** The id of a Cookie header; null without one. */
  read(header: string | undefined): string | null {
    const value = /(?:^|;\s*)millrace_id=([^;]+)/.exec(header ?? '')?.[1]
    try {
      return value === undefined ? null : decodeURIComponent(value)
    } catch {
      return null
    }
  }
}
