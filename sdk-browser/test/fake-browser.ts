import type { Frame, FrameAnswer, FrameRequest, Shelf } from '../src/frame.ts'

export interface Sent {
  readonly url: string
  readonly request: FrameRequest
}

/** A status with what comes with it; `null` is a network that fails. */
export type FakeAnswer = { readonly status: number; readonly retryAfter?: string; readonly body?: unknown } | null

/** A browser: its tabs share cookies, local storage, locks, and a network whose answers a test gives; `ok` results where it gives none. */
export class FakeBrowser {
  readonly sent: Sent[] = []
  /** Taken one for each request. */
  readonly answers: (FakeAnswer | Promise<FakeAnswer>)[] = []
  readonly tabs: FakeTab[] = []
  readonly cookies: { readonly name: string; readonly value: string; readonly domain: string }[] = []
  /** Suffixes that no site may set a cookie on. */
  readonly publicSuffixes = new Set(['example', 'co.uk', 'uk', 'com'])
  readonly stored: Record<string, string> = {}
  storageWrites = 0
  cookieWrites = 0
  storageCharactersMax = 5_000_000
  forbidsStorage = false
  forbidsCookies = false
  hasLocks = true
  /** How long every answer takes. */
  answerMs = 0
  /** Requests that were under way together. */
  underWayMost = 0
  /** What stands in the place of a network; the default answers at once. */
  readonly localStorage: Shelf = shelfOf(this.stored, () => this)
  #underWay = 0
  #lock: Promise<void> = Promise.resolve()

  open(url = 'https://shop.example/cart?step=1'): FakeTab {
    const tab = new FakeTab(this, url)
    this.tabs.push(tab)
    return tab
  }

  request(_name: string, work: () => Promise<void>): Promise<void> {
    const done = this.#lock.then(work)
    this.#lock = done.catch(() => undefined)
    return done
  }

  /** The events of all bodies that were sent, in order. */
  get events(): readonly Record<string, unknown>[] {
    return this.sent.flatMap(({ request }) => eventsOf(request.body))
  }

  async answer(url: string, request: FrameRequest): Promise<FrameAnswer> {
    this.sent.push({ url, request })
    this.underWayMost = Math.max(this.underWayMost, ++this.#underWay)
    if (this.answerMs > 0) await new Promise((resolve) => setTimeout(resolve, this.answerMs))
    this.#underWay--
    const given = this.answers.length > 0 ? await this.answers.shift() : { status: 200 }
    if (given === null || given === undefined) throw new TypeError('Failed to fetch')
    const body: unknown = given.body ?? (given.status === 200 ? { results: eventsOf(request.body).map(() => ({ result: 'ok' })) } : {})
    return {
      status: given.status,
      headers: { get: (name) => (name === 'retry-after' ? given.retryAfter ?? null : null) },
      // A text stands for a body as it came.
      json: async () => {
        const parsed: Awaited<ReturnType<FrameAnswer['json']>> = JSON.parse(typeof body === 'string' ? body : JSON.stringify(body))
        return parsed
      },
    }
  }
}

/** A page of that browser. It is alive until it is closed: after that its requests have no answer for it. */
export class FakeTab implements Frame {
  readonly browser: FakeBrowser
  readonly #listeners = new Map<string, (() => void)[]>()
  #href: string
  visibilityState = 'visible'
  title = 'Cart'
  referrer = ''
  isOpen = true
  readonly screen = { width: 1_280, height: 800 }
  readonly devicePixelRatio = 2
  readonly navigator: { -readonly [Name in keyof Frame['navigator']]: Frame['navigator'][Name] } = { language: 'en-GB', userAgent: 'Firefox' }
  readonly sessionStorage: Shelf
  readonly sessionStored: Record<string, string>
  readonly history = {
    pushState: (_state: unknown, _unused: string, url?: string | URL | null) => this.#go(String(url)),
    replaceState: (_state: unknown, _unused: string, url?: string | URL | null) => this.#go(String(url)),
  }
  readonly document: Frame['document']

  constructor(browser: FakeBrowser, href: string, sessionStored: Record<string, string> = {}) {
    this.browser = browser
    this.#href = href
    this.sessionStored = sessionStored
    this.sessionStorage = shelfOf(sessionStored, () => browser)
    if (browser.hasLocks) this.navigator.locks = { request: (name, work) => browser.request(name, () => (this.isOpen ? work() : Promise.resolve())) }
    this.document = this.#document()
  }

  get location(): URL {
    return new URL(this.#href)
  }

  get localStorage(): Shelf {
    if (this.browser.forbidsStorage) throw new DOMException('denied', 'SecurityError')
    return this.browser.localStorage
  }

  async fetch(url: string, request: FrameRequest): Promise<FrameAnswer> {
    const answer = await this.browser.answer(url, request)
    return this.isOpen ? answer : new Promise(() => undefined)
  }

  addEventListener(type: string, listener: () => void): void {
    this.#listeners.set(type, [...this.#listeners.get(type) ?? [], listener])
  }

  dispatch(type: string): void {
    for (const listener of this.#listeners.get(type) ?? []) listener()
  }

  show(state: 'visible' | 'hidden'): void {
    this.visibilityState = state
    this.dispatch('visibilitychange')
  }

  /** As a browser leaves a page: its timers are gone with it, so a test must not run them. */
  close(): void {
    this.dispatch('pagehide')
    this.show('hidden')
    this.isOpen = false
  }

  /** The next page of this tab. */
  navigate(url = this.#href): FakeTab {
    this.close()
    const next = new FakeTab(this.browser, url, this.sessionStored)
    this.browser.tabs.push(next)
    return next
  }

  #go(url: string): void {
    this.#href = new URL(url, this.#href).href
  }

  #document(): Frame['document'] {
    const { browser } = this
    const tab = (): FakeTab => this
    return {
      get cookie() {
        if (browser.forbidsCookies) throw new DOMException('denied', 'SecurityError')
        const host = tab().location.hostname
        return browser.cookies.filter(({ domain }) => host === domain || host.endsWith(`.${domain}`))
          .map(({ name, value }) => `${name}=${value}`).join('; ')
      },
      set cookie(text: string) {
        browser.cookieWrites++
        setCookie(browser, tab().location.hostname, text)
      },
      get URL() { return tab().location.href },
      get title() { return tab().title },
      get referrer() { return tab().referrer },
      get visibilityState() { return tab().visibilityState },
      addEventListener: (type, listener) => tab().addEventListener(type, listener),
    }
  }
}

function setCookie(browser: FakeBrowser, host: string, text: string): void {
  const [, name = '', value = ''] = /^([^=]*)=([^;]*)/.exec(text) ?? []
  const wanted = /; Domain=([^;]+)/.exec(text)?.[1]
  const domain = wanted ?? `=${host}`
  const isAllowed = wanted === undefined || (!browser.publicSuffixes.has(wanted) && (host === wanted || host.endsWith(`.${wanted}`)))
  if (browser.forbidsCookies || !isAllowed) return
  const scope = domain.replace('=', '')
  const known = browser.cookies.findIndex((cookie) => cookie.name === name && cookie.domain === scope)
  if (known >= 0) browser.cookies.splice(known, 1)
  if (!text.includes('Max-Age=0')) browser.cookies.push({ name, value, domain: scope })
}

/** Storage by its properties, that throws where it is full. */
function shelfOf(kept: Record<string, string>, browser: () => FakeBrowser): Shelf {
  return new Proxy(kept, {
    set: (target, key, value) => {
      const used = Object.entries(target).reduce((sum, [name, text]) => sum + (name === key ? 0 : name.length + text.length), 0)
      browser().storageWrites++
      if (used + String(key).length + String(value).length > browser().storageCharactersMax) throw new DOMException('full', 'QuotaExceededError')
      target[String(key)] = String(value)
      return true
    },
  })
}

/** The events of a body. */
export function eventsOf(body: string): readonly Record<string, unknown>[] {
  const batch: unknown = Reflect.get(Object(JSON.parse(body)), 'batch')
  return Array.isArray(batch) ? batch.map((event: unknown) => Object.fromEntries(Object.entries(Object(event)))) : []
}
