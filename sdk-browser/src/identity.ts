import { type Frame, keep, type Shelf } from './frame.ts'

const name = 'millrace'
/** Browsers cap longer ones. */
const cookieSeconds = 34_560_000

export interface Identity {
  anonymousId: string
  userId: string
  /** Takes over what is kept; false where nothing is. */
  recall(): boolean
  /** Keeps both ids as they are now. */
  retain(): void
  forget(): void
}

/**
 * Who this browser is. The cookie is the truth, so that subdomains agree; the shelf holds a copy for the day one of the
 * two is cleared. It is read once for each page, and again when another page may have changed it.
 */
export function keptIdentity({ document, location }: Pick<Frame, 'document' | 'location'>, shelf: Shelf, hasCookie: boolean): Identity {
  const readCookie = (): string => (hasCookie && /(?:^|; )millrace=([^;]*)/.exec(document.cookie)?.[1]) || ''
  /** On the widest domain that takes it, found by trying: browsers know the public suffixes. Empty: off every domain. */
  const setCookie = (value: string): void => {
    try {
      const { hostname, protocol } = location
      const labels = hostname.split('.')
      // From the last label to all of them, then without a domain, for this host alone.
      for (let from = labels.length; hasCookie && from-- >= 0;) {
        document.cookie = `${name}=${value}; Path=/; Max-Age=${value ? cookieSeconds : 0}; SameSite=Lax`
          + (from < 0 ? '' : `; Domain=${labels.slice(from).join('.')}`) + (protocol === 'https:' ? '; Secure' : '')
        if (value && readCookie() === value) return
      }
    } catch {
      // Forbidden.
    }
  }
  const identity: Identity = {
    anonymousId: '',
    userId: '',
    recall: () => {
      try {
        const copy = shelf[name] ?? ''
        const cookie = readCookie()
        // An e-mail address as user id is in the copy alone.
        const [anonymousId = '', userId = ''] = (copy.startsWith(cookie) ? copy : cookie).split(':').map(decodeURIComponent)
        if (!anonymousId) return false
        identity.anonymousId = anonymousId
        identity.userId = userId
        return true
      } catch {
        // Not of our making.
        return false
      }
    },
    retain: () => {
      const [id, user] = [identity.anonymousId, identity.userId].map(encodeURIComponent)
      // Cookies travel with every request of the site, so no personal data may stand in one.
      setCookie(`${id}:${user?.includes('%40') ? '' : user}`)
      keep(shelf, name, `${id}:${user}`)
    },
    forget: () => {
      identity.anonymousId = identity.userId = ''
      setCookie('')
      delete shelf[name]
    },
  }
  return identity
}
