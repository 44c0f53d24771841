import { expect, it } from 'vitest'
import { Ecommerce, type EcommerceEvents } from './ecommerce.ts'
import { Millrace } from './millrace.ts'

/** The lines that must not compile are checked by the compiler itself: an expected error that is none fails the types check. */

interface ShopEvents {
  'Newsletter Joined': { list: string, source?: 'footer' | 'checkout' }
  'Cart Emptied': { reason?: string }
  'Visited': Record<string, never>
}

const untyped = new Millrace({ writeKey: 'wk', host: 'http://127.0.0.1:9', disable: true })
const typed = new Millrace<ShopEvents>({ writeKey: 'wk', host: 'http://127.0.0.1:9', disable: true })
const both = new Millrace<ShopEvents & EcommerceEvents>({ writeKey: 'wk', host: 'http://127.0.0.1:9', disable: true })


it('without types any event goes, with the fields of a call', () => {
  const results = [
    untyped.track({ userId: 'u', event: 'Anything', properties: { at: 1, all: [{}] } }),
    untyped.track({ anonymousId: 'a', event: 'Anything', timestamp: new Date(), context: {}, integrations: {} }, () => {}),
    // @ts-expect-error a track has a name
    untyped.track({ userId: 'u' }),
    // @ts-expect-error which is a text
    untyped.track({ userId: 'u', event: 5 }),
    // @ts-expect-error one object, not Segment's browser arguments
    untyped.track('Order Completed', { revenue: 1 }),
    // @ts-expect-error a group has an id
    untyped.group({ userId: 'u' }),
    // @ts-expect-error an alias has two ids
    untyped.alias({ userId: 'u' }),
    // @ts-expect-error no such field
    untyped.identify({ userId: 'u', trait: {} }),
  ]
  expect(results.every((result) => !result.ok && result.reason === 'disabled')).toBe(true)
})

it('with types only those events go, with their properties', () => {
  const results = [
    typed.track({ userId: 'u', event: 'Newsletter Joined', properties: { list: 'weekly', source: 'footer' } }),
    typed.track({ userId: 'u', event: 'Cart Emptied' }),
    typed.track({ userId: 'u', event: 'Visited' }),
    // @ts-expect-error no such event
    typed.track({ userId: 'u', event: 'Newsletter Left', properties: { list: 'weekly' } }),
    // @ts-expect-error a required property is missing
    typed.track({ userId: 'u', event: 'Newsletter Joined', properties: {} }),
    // @ts-expect-error as are all of them
    typed.track({ userId: 'u', event: 'Newsletter Joined' }),
    // @ts-expect-error a value of the wrong type
    typed.track({ userId: 'u', event: 'Newsletter Joined', properties: { list: 7 } }),
    // @ts-expect-error a value that is not offered
    typed.track({ userId: 'u', event: 'Newsletter Joined', properties: { list: 'weekly', source: 'header' } }),
    // @ts-expect-error a property of no event
    typed.track({ userId: 'u', event: 'Cart Emptied', properties: { because: 'x' } }),
  ]
  expect(results.every(({ ok }) => !ok)).toBe(true)
})

it('the events of a shop come along', () => {
  const shop = new Ecommerce(both)
  const results = [
    both.track({ userId: 'u', event: 'Order Completed', properties: { order_id: 'o', revenue: 1, products: [{ product_id: 'p' }] } }),
    both.track({ userId: 'u', event: 'Cart Emptied' }),
    shop.orderCompleted({ userId: 'u', properties: { order_id: 'o', total: 1, gift: true } }),
    shop.productAdded({ anonymousId: 'a', properties: { product_id: 'p', quantity: 2 } }),
    // @ts-expect-error an order has a number
    shop.orderCompleted({ userId: 'u', properties: { total: 1 } }),
    // @ts-expect-error money is a number
    shop.orderCompleted({ userId: 'u', properties: { order_id: 'o', total: '1' } }),
    // @ts-expect-error the name is the method's
    shop.orderCompleted({ userId: 'u', event: 'Order Completed', properties: { order_id: 'o' } }),
  ]
  expect(results.every(({ ok }) => !ok)).toBe(true)
})

it('a refused call says why, an accepted one its id', () => {
  const result = untyped.track({ userId: 'u', event: 'e' })
  if (result.ok) expect(result.messageId.length).toBeGreaterThan(0)
  else expect([result.reason, result.message]).toEqual(['disabled', 'the client is disabled'])
  // @ts-expect-error nobody knows yet whether there is an id
  expect(result.messageId).toBeUndefined()
})
