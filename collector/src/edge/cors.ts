import type { IdCookie } from './id-cookie.ts'

/** What the SDKs known to us send (measured); whatever else a page asks for is allowed too. */
const usualHeaders = 'authorization, content-type, content-encoding, x-write-key, x-retry-count, anonymousid, sentat, '
  + 'rsa-retry-attempt, rsa-retried-at, rsa-since-last-attempt, rsa-retry-reason, idempotency-key'

const headerNames = /^[!#$%&'*+\-.^_`|~\w]+(?:\s*,\s*[!#$%&'*+\-.^_`|~\w]+)*$/
const requestedCharactersMax = 2_048

type Headers = Readonly<Record<string, string>>

const withoutOrigin: Headers = { Vary: 'Origin' }

/**
 * On every answer, errors too: without them a page sees status 0 and retries as if the network had failed. A write
 * key is public, so any origin may send; with cookies only where there are none of ours, or for their own sites.
 */
export function corsHeaders(origin: string | undefined, idCookie: IdCookie): Headers {
  if (origin === undefined || origin === '') return withoutOrigin
  return {
    Vary: 'Origin',
    'Access-Control-Allow-Origin': origin,
    ...(idCookie.isOn && !idCookie.allows(origin) ? {} : { 'Access-Control-Allow-Credentials': 'true' }),
    'Access-Control-Expose-Headers': 'Retry-After',
  }
}

export interface Preflight {
  readonly origin: string | undefined
  /** The headers that the page wants to send. */
  readonly requested: string | undefined
  readonly idCookie: IdCookie
}

/** Of a preflight's answer. Kept for a day, or every call would be two requests. */
export function preflightHeaders({ origin, requested, idCookie }: Preflight): Headers {
  const echoed = requested !== undefined && requested.length <= requestedCharactersMax && headerNames.test(requested)
  return {
    ...corsHeaders(origin, idCookie),
    Vary: 'Origin, Access-Control-Request-Headers',
    'Access-Control-Allow-Methods': 'POST',
    'Access-Control-Allow-Headers': echoed ? `${usualHeaders}, ${requested}` : usualHeaders,
    'Access-Control-Max-Age': '86400',
  }
}
