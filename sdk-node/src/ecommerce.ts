import type { CallFields, EventType } from '@millrace/schemas'
import type { EcommerceEvents } from './ecommerce-events.ts'
import type { OutcomeCallback } from './encode-event.ts'
import type { CallResult } from './millrace.ts'

export type { EcommerceEvents, Order, Product } from './ecommerce-events.ts'

/** Who, and when; the properties are the event's own. */
export type EcommerceCall<Name extends keyof EcommerceEvents> = CallFields & { readonly properties: EcommerceEvents[Name] }

interface CallSender {
  send(type: EventType, call: object, callback?: OutcomeCallback): CallResult
}

/**
 * The events of a shop under Segment's names, so that nobody has to spell them: `shop.orderCompleted({ userId, properties })`
 * is `track({ userId, event: 'Order Completed', properties })`.
 */
export class Ecommerce {
  readonly #client: CallSender

  constructor(client: CallSender) {
    this.#client = client
  }

  /** Somebody searched for products. */
  productsSearched(call: EcommerceCall<'Products Searched'>, callback?: OutcomeCallback): CallResult {
    return this.#track('Products Searched', call, callback)
  }

  /** Somebody looked at a list or category of products. */
  productListViewed(call: EcommerceCall<'Product List Viewed'>, callback?: OutcomeCallback): CallResult {
    return this.#track('Product List Viewed', call, callback)
  }

  /** Somebody filtered or sorted such a list. */
  productListFiltered(call: EcommerceCall<'Product List Filtered'>, callback?: OutcomeCallback): CallResult {
    return this.#track('Product List Filtered', call, callback)
  }

  /** Somebody saw a promotion. */
  promotionViewed(call: EcommerceCall<'Promotion Viewed'>, callback?: OutcomeCallback): CallResult {
    return this.#track('Promotion Viewed', call, callback)
  }

  /** Somebody followed a promotion. */
  promotionClicked(call: EcommerceCall<'Promotion Clicked'>, callback?: OutcomeCallback): CallResult {
    return this.#track('Promotion Clicked', call, callback)
  }

  /** Somebody followed a product of a list. */
  productClicked(call: EcommerceCall<'Product Clicked'>, callback?: OutcomeCallback): CallResult {
    return this.#track('Product Clicked', call, callback)
  }

  /** Somebody looked at one product. */
  productViewed(call: EcommerceCall<'Product Viewed'>, callback?: OutcomeCallback): CallResult {
    return this.#track('Product Viewed', call, callback)
  }

  /** A product went into the cart. */
  productAdded(call: EcommerceCall<'Product Added'>, callback?: OutcomeCallback): CallResult {
    return this.#track('Product Added', call, callback)
  }

  /** A product left the cart. */
  productRemoved(call: EcommerceCall<'Product Removed'>, callback?: OutcomeCallback): CallResult {
    return this.#track('Product Removed', call, callback)
  }

  /** Somebody looked at the cart. */
  cartViewed(call: EcommerceCall<'Cart Viewed'>, callback?: OutcomeCallback): CallResult {
    return this.#track('Cart Viewed', call, callback)
  }

  /** The checkout began; the order may have no number yet. */
  checkoutStarted(call: EcommerceCall<'Checkout Started'>, callback?: OutcomeCallback): CallResult {
    return this.#track('Checkout Started', call, callback)
  }

  /** A step of the checkout was seen. */
  checkoutStepViewed(call: EcommerceCall<'Checkout Step Viewed'>, callback?: OutcomeCallback): CallResult {
    return this.#track('Checkout Step Viewed', call, callback)
  }

  /** A step of the checkout was done. */
  checkoutStepCompleted(call: EcommerceCall<'Checkout Step Completed'>, callback?: OutcomeCallback): CallResult {
    return this.#track('Checkout Step Completed', call, callback)
  }

  /** The way of paying is known. */
  paymentInfoEntered(call: EcommerceCall<'Payment Info Entered'>, callback?: OutcomeCallback): CallResult {
    return this.#track('Payment Info Entered', call, callback)
  }

  /** An order changed. */
  orderUpdated(call: EcommerceCall<'Order Updated'>, callback?: OutcomeCallback): CallResult {
    return this.#track('Order Updated', call, callback)
  }

  /** An order was placed. */
  orderCompleted(call: EcommerceCall<'Order Completed'>, callback?: OutcomeCallback): CallResult {
    return this.#track('Order Completed', call, callback)
  }

  /** An order was paid back, as a whole or the products named. */
  orderRefunded(call: EcommerceCall<'Order Refunded'>, callback?: OutcomeCallback): CallResult {
    return this.#track('Order Refunded', call, callback)
  }

  /** An order was cancelled. */
  orderCancelled(call: EcommerceCall<'Order Cancelled'>, callback?: OutcomeCallback): CallResult {
    return this.#track('Order Cancelled', call, callback)
  }

  /** A coupon was typed in. */
  couponEntered(call: EcommerceCall<'Coupon Entered'>, callback?: OutcomeCallback): CallResult {
    return this.#track('Coupon Entered', call, callback)
  }

  /** A coupon counts. */
  couponApplied(call: EcommerceCall<'Coupon Applied'>, callback?: OutcomeCallback): CallResult {
    return this.#track('Coupon Applied', call, callback)
  }

  /** A coupon was refused. */
  couponDenied(call: EcommerceCall<'Coupon Denied'>, callback?: OutcomeCallback): CallResult {
    return this.#track('Coupon Denied', call, callback)
  }

  /** A coupon was taken away. */
  couponRemoved(call: EcommerceCall<'Coupon Removed'>, callback?: OutcomeCallback): CallResult {
    return this.#track('Coupon Removed', call, callback)
  }

  /** A product went onto a wishlist. */
  productAddedToWishlist(call: EcommerceCall<'Product Added to Wishlist'>, callback?: OutcomeCallback): CallResult {
    return this.#track('Product Added to Wishlist', call, callback)
  }

  /** A product left a wishlist. */
  productRemovedFromWishlist(call: EcommerceCall<'Product Removed from Wishlist'>, callback?: OutcomeCallback): CallResult {
    return this.#track('Product Removed from Wishlist', call, callback)
  }

  /** A product went from a wishlist into the cart. */
  wishlistProductAddedToCart(call: EcommerceCall<'Wishlist Product Added to Cart'>, callback?: OutcomeCallback): CallResult {
    return this.#track('Wishlist Product Added to Cart', call, callback)
  }

  /** Somebody shared a product. */
  productShared(call: EcommerceCall<'Product Shared'>, callback?: OutcomeCallback): CallResult {
    return this.#track('Product Shared', call, callback)
  }

  /** Somebody shared a cart. */
  cartShared(call: EcommerceCall<'Cart Shared'>, callback?: OutcomeCallback): CallResult {
    return this.#track('Cart Shared', call, callback)
  }

  /** Somebody reviewed a product. */
  productReviewed(call: EcommerceCall<'Product Reviewed'>, callback?: OutcomeCallback): CallResult {
    return this.#track('Product Reviewed', call, callback)
  }

  #track(event: keyof EcommerceEvents, call: object, callback: OutcomeCallback | undefined): CallResult {
    return this.#client.send('track', typeof call === 'object' && call !== null ? { ...call, event } : call, callback)
  }
}
