import type { BrowserPage, KeptTexts, PostAnswer } from '../src/browser-page.ts'

export interface Sent {
  readonly by: 'post' | 'beacon'
  readonly url: string
  readonly body: string
}

/** A page whose requests are kept, with the answers a test gives it; `ok` results where it gives none. */
export class FakePage implements BrowserPage {
  readonly sent: Sent[] = []
  /** Taken one for each post; null is a network that fails. */
  readonly answers: (PostAnswer | null | Promise<PostAnswer>)[] = []
  storage: KeptTexts | null
  url = 'https://shop.example/cart?step=1'
  title = 'Cart'
  referrer = ''
  language = 'en-GB'
  asksForPrivacy = false
  takesBeacons = true
  readonly #cookies = new Map<string, string>()
  readonly #kept = new Map<string, string>()
  #hidden: () => void = () => undefined

  constructor() {
    this.storage = {
      getItem: (key) => this.#kept.get(key) ?? null,
      setItem: (key, value) => void this.#kept.set(key, value),
    }
  }

  get cookie(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  set cookie(text: string) {
    const [, name = '', value = ''] = /^([^=]*)=([^;]*)/.exec(text) ?? []
    if (text.includes('Max-Age=0')) this.#cookies.delete(name)
    else this.#cookies.set(name, value)
  }

  clearCookies(): void {
    this.#cookies.clear()
  }

  async post(url: string, body: string): Promise<PostAnswer> {
    this.sent.push({ by: 'post', url, body })
    const answer = this.answers.length > 0 ? await this.answers.shift() : undefined
    if (answer === null) throw new TypeError('Failed to fetch')
    return answer ?? answerWith(messageIds(body).map((messageId) => ({ messageId, result: 'ok' })))
  }

  beacon(url: string, body: string): boolean {
    if (this.takesBeacons) this.sent.push({ by: 'beacon', url, body })
    return this.takesBeacons
  }

  onHide(hidden: () => void): void {
    this.#hidden = hidden
  }

  hide(): void {
    this.#hidden()
  }
}

export function answerWith(results: readonly unknown[]): PostAnswer {
  return { status: 200, retryAfter: null, body: JSON.stringify({ success: true, stored: 'log', results }) }
}

/** The events of a body. */
export function eventsOf(body: string): readonly Readonly<Record<string, unknown>>[] {
  const batch: unknown = Reflect.get(Object(JSON.parse(body)), 'batch')
  return Array.isArray(batch) ? batch.map((event: unknown) => Object.fromEntries(Object.entries(Object(event)))) : []
}

export function messageIds(body: string): readonly unknown[] {
  return eventsOf(body).map(({ messageId }) => messageId)
}
