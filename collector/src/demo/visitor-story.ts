import type { IdentifyCall, TrackCall } from '@millrace/schemas'

export type StoryCall = { readonly identify: IdentifyCall } | { readonly track: TrackCall }

export const visitorEmail = 'wilma@example.com'

const day = 86_400_000
const phone = 'phone-4f7c1a'
const laptop = 'laptop-91be02'

/**
 * One visitor on two devices. She buys for months on her phone as a guest, known by an anonymous id, then gives her
 * e-mail and phone number at a checkout; on the laptop she looks around as a stranger until she logs in, and only
 * then is it clear that all of this was one person. `now` in epoch milliseconds; the story ends an hour before it.
 */
export function visitorStory(now: number): readonly StoryCall[] {
  const at = (daysAgo: number): string => new Date(now - 3_600_000 - daysAgo * day).toISOString()
  const view = (who: TrackCall, product: string): StoryCall => ({ track: { ...who, properties: { product_id: product, name: names[product] ?? product } } })
  const orders = Array.from({ length: 10 }, (_, index): StoryCall => ({
    track: {
      anonymousId: phone, event: 'Order Completed', messageId: `story-order-${index}`, timestamp: at(200 - index * 14),
      properties: order(`W-${1_000 + index}`, 12.5 + index * 3),
    },
  }))
  return [
    ...orders,
    view({ anonymousId: phone, event: 'Product Viewed', messageId: 'story-view-1', timestamp: at(6) }, '22423'),
    view({ anonymousId: phone, event: 'Product Added', messageId: 'story-cart-1', timestamp: at(6) }, '22423'),
    { identify: { anonymousId: phone, messageId: 'story-checkout', timestamp: at(5.9), traits: { name: 'Wilma', email: visitorEmail, phone: '+44 20 7946 0958' } } },
    { track: { anonymousId: phone, event: 'Order Completed', messageId: 'story-order-10', timestamp: at(5.9), properties: order('W-1010', 25.5) } },
    view({ anonymousId: laptop, event: 'Product Viewed', messageId: 'story-view-2', timestamp: at(1) }, '85123A'),
    view({ anonymousId: laptop, event: 'Product Viewed', messageId: 'story-view-3', timestamp: at(1) }, '22720'),
    { identify: { anonymousId: laptop, userId: 'wilma', messageId: 'story-login', timestamp: at(0.1), traits: { email: 'Wilma@Example.com' } } },
    { track: { userId: 'wilma', event: 'Order Completed', messageId: 'story-order-11', timestamp: at(0), properties: order('W-1011', 42) } },
  ]
}

const names: Readonly<Record<string, string>> = {
  22423: 'Regency cakestand 3 tier', '85123A': 'White hanging heart T-light holder', 22720: 'Set of 3 cake tins pantry design',
}

function order(id: string, value: number): Readonly<Record<string, unknown>> {
  return { order_id: id, value, currency: 'GBP', country: 'United Kingdom', products: [{ product_id: '22423', name: names[22423], quantity: 1, price: value }] }
}
