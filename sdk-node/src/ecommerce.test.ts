import { expect, it } from 'vitest'
import { Ecommerce } from './ecommerce.ts'

/** https://segment.com/docs/connections/spec/ecommerce/v2/ */
const names = [
  'Products Searched', 'Product List Viewed', 'Product List Filtered', 'Promotion Viewed', 'Promotion Clicked', 'Product Clicked', 'Product Viewed',
  'Product Added', 'Product Removed', 'Cart Viewed', 'Checkout Started', 'Checkout Step Viewed', 'Checkout Step Completed', 'Payment Info Entered',
  'Order Updated', 'Order Completed', 'Order Refunded', 'Order Cancelled', 'Coupon Entered', 'Coupon Applied', 'Coupon Denied', 'Coupon Removed',
  'Product Added to Wishlist', 'Product Removed from Wishlist', 'Wishlist Product Added to Cart', 'Product Shared', 'Cart Shared', 'Product Reviewed',
]

it('has a method for each event of the specification, which sends that name', () => {
  const sent: unknown[] = []
  const shop = new Ecommerce({
    send: (type, call) => {
      sent.push([type, call])
      return { ok: true, messageId: 'm' }
    },
  })
  const methods = Object.getOwnPropertyNames(Ecommerce.prototype).filter((name) => name !== 'constructor')
  for (const method of methods) Reflect.apply(Reflect.get(shop, method), shop, [{ userId: 'u', properties: { n: 1 } }])
  expect(sent).toEqual(names.map((event) => ['track', { userId: 'u', properties: { n: 1 }, event }]))
  for (const [index, method] of methods.entries()) {
    expect(method.toLowerCase()).toBe(names[index]?.replaceAll(' ', '').toLowerCase())
  }
})
