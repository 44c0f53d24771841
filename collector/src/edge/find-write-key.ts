/** Where a request may carry its key besides the body. */
export interface KeyPlaces {
  readonly authorization: string | undefined
  readonly writeKeyHeader: string | undefined
  readonly writeKeyQuery: string | undefined
}

export interface PresentedKey {
  /** Empty if the client meant to send a key and did not manage. */
  readonly key: string
  /** Only there does a secret key count as one. */
  readonly asBasicUser: boolean
}

/**
 * The key that decides: the first present of Basic user, `X-Write-Key`, `?writeKey=`; undefined where the body
 * has to say it. A credential that cannot be read is present all the same, and opens nothing.
 */
export function findWriteKey(places: KeyPlaces): PresentedKey | undefined {
  const basic = basicUser(places.authorization)
  if (basic !== undefined) return { key: basic, asBasicUser: true }
  const key = places.writeKeyHeader ?? places.writeKeyQuery
  return key === undefined || key === '' ? undefined : { key: key.trim(), asBasicUser: false }
}

/** The part before the colon; SDKs that forget the colon send the key alone (RFC 7617 asks for one). */
function basicUser(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined
  const match = /^basic(?:\s+(.*))?$/is.exec(authorization)
  if (match === null) return undefined
  const encoded = (match[1] ?? '').trim()
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(encoded)) return ''
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon < 0 ? text : text.slice(0, colon)
}
