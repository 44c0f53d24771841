/** What the client needs of the page it runs in. Tests hand in their own. */
export interface BrowserPage {
  /** Null where the browser forbids it. */
  readonly storage: KeptTexts | null
  cookie: string
  readonly title: string
  readonly referrer: string
  readonly url: string
  readonly language: string
  /** Global Privacy Control or Do Not Track. */
  readonly asksForPrivacy: boolean
  post(url: string, body: string): Promise<PostAnswer>
  /** False if the browser refused to take it. */
  beacon(url: string, body: string): boolean
  /** Calls back whenever the page may be about to end. */
  onHide(hidden: () => void): void
}

export interface KeptTexts {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
}

export interface PostAnswer {
  readonly status: number
  readonly retryAfter: string | null
  readonly body: string
}

interface BrowserDocument {
  cookie: string
  readonly title: string
  readonly referrer: string
  readonly visibilityState: string
  addEventListener(type: string, listener: () => void): void
}

interface BrowserWindow {
  readonly localStorage: KeptTexts
  addEventListener(type: string, listener: () => void): void
}

interface BrowserNavigator {
  readonly language?: string
  readonly globalPrivacyControl?: boolean
  readonly doNotTrack?: string | null
  sendBeacon?(url: string, body: string): boolean
}

declare const document: BrowserDocument | undefined
declare const window: BrowserWindow | undefined
declare const navigator: BrowserNavigator
declare const location: { readonly href: string }

/** The page this runs in; null on a server, where the same import must do no harm. */
export function currentPage(): BrowserPage | null {
  if (typeof document === 'undefined' || typeof window === 'undefined') return null
  const [page, frame] = [document, window]
  return {
    storage: storageOf(frame),
    get cookie() { return page.cookie },
    set cookie(text: string) { page.cookie = text },
    get title() { return page.title },
    get referrer() { return page.referrer },
    get url() { return location.href },
    language: navigator.language ?? '',
    asksForPrivacy: navigator.globalPrivacyControl === true || navigator.doNotTrack === '1',
    post,
    beacon: (url, body) => navigator.sendBeacon?.(url, body) ?? false,
    onHide: (hidden) => {
      page.addEventListener('visibilitychange', () => {
        if (page.visibilityState === 'hidden') hidden()
      })
      frame.addEventListener('pagehide', hidden)
    },
  }
}

/** text/plain and no header of our own: the browser asks for no leave beforehand. */
async function post(url: string, body: string): Promise<PostAnswer> {
  const answer = await fetch(url, {
    method: 'POST', body, keepalive: true, credentials: 'omit', headers: { 'content-type': 'text/plain' },
  })
  return { status: answer.status, retryAfter: answer.headers.get('retry-after'), body: await answer.text() }
}

function storageOf(frame: BrowserWindow): KeptTexts | null {
  try {
    return frame.localStorage
  } catch {
    return null
  }
}
