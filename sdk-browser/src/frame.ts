/** The window a client runs in, as far as it is used. Tests hand in their own. */
export interface Frame {
  readonly document: FrameDocument
  readonly location: FrameLocation
  readonly navigator: FrameNavigator
  readonly history: FrameHistory
  readonly screen?: { readonly width: number; readonly height: number }
  readonly devicePixelRatio?: number
  /** Reading either throws where the browser forbids it. */
  readonly localStorage: Shelf
  readonly sessionStorage: Shelf
  fetch(url: string, request: FrameRequest): Promise<FrameAnswer>
  addEventListener(type: string, listener: () => void): void
}

/** A Storage by its properties, which is also how a plain object holds texts. Setting one throws where it is full. */
export type Shelf = Record<string, string>

export interface FrameRequest {
  readonly method: string
  readonly body: string
  readonly keepalive: boolean
  readonly credentials: 'omit' | 'include'
  readonly signal: AbortSignal | undefined
}

export interface FrameAnswer {
  readonly status: number
  readonly headers: { get(name: string): string | null }
  /** As a collector answers; what stands in its place may say anything, so nothing of it is relied on. */
  json(): Promise<{ readonly results?: readonly ({ readonly result?: unknown } | undefined)[] } | null>
}

interface FrameDocument {
  cookie: string
  /** Of the page; twenty times as fast as the location's. */
  readonly URL: string
  readonly title: string
  readonly referrer: string
  readonly visibilityState: string
  addEventListener(type: string, listener: () => void): void
}

interface FrameLocation {
  readonly pathname: string
  readonly search: string
  readonly hostname: string
  readonly protocol: string
}

type ChangeHistory = (state: unknown, unused: string, url?: string | URL | null) => void

interface FrameHistory {
  pushState: ChangeHistory
  replaceState: ChangeHistory
}

interface FrameNavigator {
  readonly language?: string
  readonly userAgent?: string
  /** Its own JSON form holds brands, platform and whether the device is mobile. */
  readonly userAgentData?: object
  readonly webdriver?: boolean
  readonly globalPrivacyControl?: boolean
  readonly doNotTrack?: string | null
  readonly locks?: { request(name: string, work: () => Promise<void>): Promise<void> }
}

/** False where the shelf is full or forbidden: what is in memory has to do. */
export function keep(shelf: Shelf, name: string, text: string): boolean {
  try {
    shelf[name] = text
    return true
  } catch {
    return false
  }
}

/** The context of a page, at the moment it is asked for. */
export interface PageFields {
  readonly url: string
  readonly path: string
  readonly search: string
  readonly title: string
  readonly referrer: string
}

let known: PageFields | undefined

export function pageFieldsOf({ document, location }: Frame): PageFields {
  const { URL: url, title } = document
  // The parts of a location are made anew with every reading.
  if (known?.url !== url || known.title !== title) known = { url, path: location.pathname, search: location.search, title, referrer: document.referrer }
  return known
}
