import { createMillrace } from '@millrace/browser'
import { ecommerce } from '@millrace/browser/ecommerce'

const writeKey = document.querySelector<HTMLMetaElement>('meta[name=millrace-write-key]')?.content ?? ''

/**
 * The one client of this shop. The collector serves the shop here, so it is the page's own origin; a real shop names
 * its own, such as `https://events.shop.example`. A short interval, so that a demo answers soon.
 */
export const millrace = createMillrace({ writeKey, host: location.origin, flushInterval: 200, pageViews: true, respectPrivacySignals: false })

export const track = ecommerce(millrace)
