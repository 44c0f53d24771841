import type { CallFields, Properties } from '@millrace/schemas'

/** What calls inherit from the request that is being served. */
export interface RequestContext extends Pick<CallFields, 'userId' | 'anonymousId'> {
  readonly context?: Properties
}

/** What a framework's request says, in the words of no framework. */
export interface RequestFacts {
  /** A header by its lower-case name. */
  readonly header: (name: string) => string | undefined
  /** The visitor's address, as far as it can be trusted. */
  readonly ip: string | undefined
  /** Absolute. */
  readonly url: string | undefined
}

export interface MiddlewareOptions {
  /** The cookie of the browser SDK; `millrace` unless told. */
  readonly cookie?: string
}

/** Longer texts are cut: what a visitor's browser sends must not make the shop's events too large. */
const charactersMax = 512

/** Reads what the events of one request have in common: address, user agent, page, and the browser SDK's id of the visitor. */
export function requestContext({ header, ip, url }: RequestFacts, { cookie = 'millrace' }: MiddlewareOptions): RequestContext {
  const anonymousId = cookieValue(header('cookie') ?? '', cookie)
  const context: Record<string, unknown> = {}
  const add = (name: string, text: string | undefined): void => {
    if (text !== undefined && text !== '') context[name] = text.slice(0, charactersMax)
  }
  add('ip', ip)
  add('userAgent', header('user-agent'))
  add('locale', /^[\w-]+/.exec(header('accept-language') ?? '')?.[0])
  const page = pageOf(url, header('referer'))
  if (page !== null) context['page'] = page
  return { ...(anonymousId === null ? {} : { anonymousId }), context }
}

/** Without the query: it may carry tokens, and a server's requests are not pages that somebody typed in. */
function pageOf(url: string | undefined, referrer: string | undefined): Properties | null {
  if (url === undefined || !URL.canParse(url)) return null
  const { origin, pathname } = new URL(url)
  return {
    url: `${origin}${pathname}`.slice(0, charactersMax), path: pathname.slice(0, charactersMax),
    ...(referrer === undefined ? {} : { referrer: referrer.slice(0, charactersMax) }),
  }
}

function cookieValue(header: string, name: string): string | null {
  for (const pair of header.split(';')) {
    const at = pair.indexOf('=')
    if (at < 0 || pair.slice(0, at).trim() !== name) continue
    try {
      // The customer's id may follow; the visitor's comes first.
      return decodeURIComponent(pair.slice(at + 1).trim().split(':')[0] ?? '') || null
    } catch {
      return null
    }
  }
  return null
}
