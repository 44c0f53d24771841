import { isIP } from 'node:net'

export interface AddressHints {
  /** The other end of the connection. */
  readonly remoteAddress: string | undefined
  /** `X-Forwarded-For`, several of them joined by commas. */
  readonly forwardedFor: string | undefined
  /** Proxies of ours in front; each has added one entry to the right. */
  readonly trustedProxies: number
}

/**
 * The address a request came from. Entries left of the ones our own proxies added are the client's to invent, so
 * they are not looked at; a list shorter than our proxies comes from inside, and its first entry is as good as any.
 */
export function clientAddress({ remoteAddress, forwardedFor, trustedProxies }: AddressHints): string | undefined {
  if (trustedProxies === 0 || forwardedFor === undefined) return plainAddress(remoteAddress)
  const entries = forwardedFor.split(',')
  return plainAddress(entries[Math.max(0, entries.length - trustedProxies)]?.trim()) ?? plainAddress(remoteAddress)
}

/** Without port, brackets and zone, and IPv4 as IPv4; undefined if it is no address. */
function plainAddress(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  if (isIP(text) === 4) return text
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1]
  const bare = (bracketed ?? text.replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1')).replace(/%.*$/, '')
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1] ?? bare
  return isIP(mapped) === 0 ? undefined : mapped
}
