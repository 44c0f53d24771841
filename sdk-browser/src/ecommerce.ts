import type { CallResult } from './millrace.ts'

/** As Segment's e-commerce events, version 2, name the fields. Prices and sums are in the currency's own unit, such as 49.9 euros. */
export interface Product {
  readonly product_id: string
  readonly sku?: string
  readonly name?: string
  readonly category?: string
  readonly brand?: string
  readonly variant?: string
  readonly price?: number
  readonly quantity?: number
  readonly coupon?: string
  readonly position?: number
  readonly url?: string
  readonly image_url?: string
  readonly currency?: string
  readonly value?: number
}

export interface ProductList {
  readonly list_id?: string
  readonly category?: string
  readonly products: readonly Product[]
}

export interface Cart {
  readonly cart_id?: string
  readonly value?: number
  readonly currency?: string
  readonly products: readonly Product[]
}

export interface Order {
  readonly order_id: string
  readonly affiliation?: string
  /** With shipping and tax. */
  readonly total?: number
  readonly value?: number
  readonly revenue?: number
  readonly shipping?: number
  readonly tax?: number
  readonly discount?: number
  readonly coupon?: string
  readonly currency: string
  readonly products: readonly Product[]
}

export interface CheckoutStep {
  readonly checkout_id?: string
  readonly order_id?: string
  readonly step?: number
  readonly shipping_method?: string
  readonly payment_method?: string
}

/** What a shop does, each with its fields. */
interface EventFields {
  productsSearched: { readonly query: string }
  productListViewed: ProductList
  productListFiltered: ProductList & { readonly filters?: readonly { readonly type: string; readonly value: string }[] }
  productClicked: Product
  productViewed: Product
  productAdded: Product & { readonly cart_id?: string }
  productRemoved: Product & { readonly cart_id?: string }
  cartViewed: Cart
  checkoutStarted: Omit<Order, 'order_id'> & { readonly order_id?: string }
  checkoutStepViewed: CheckoutStep
  checkoutStepCompleted: CheckoutStep
  paymentInfoEntered: CheckoutStep
  orderCompleted: Order
  orderUpdated: Order
  orderRefunded: Partial<Order> & Pick<Order, 'order_id'>
  orderCancelled: Partial<Order> & Pick<Order, 'order_id'>
  couponApplied: { readonly coupon_id?: string; readonly coupon_name?: string; readonly order_id?: string; readonly cart_id?: string; readonly discount?: number }
  productAddedToWishlist: Product & { readonly wishlist_id?: string }
  productReviewed: { readonly product_id: string; readonly review_id?: string; readonly review_body?: string; readonly rating?: number }
}

export type Ecommerce = { readonly [Call in keyof EventFields]: (fields: EventFields[Call]) => CallResult }

/** Calls by the names of e-commerce events: `ecommerce(millrace).productViewed({ … })` tracks `Product Viewed`. */
export function ecommerce(millrace: { track(event: string, properties: object): CallResult }): Ecommerce {
  const call = <Fields extends object>(event: string) => (fields: Fields): CallResult => millrace.track(event, fields)
  return {
    productsSearched: call('Products Searched'),
    productListViewed: call('Product List Viewed'),
    productListFiltered: call('Product List Filtered'),
    productClicked: call('Product Clicked'),
    productViewed: call('Product Viewed'),
    productAdded: call('Product Added'),
    productRemoved: call('Product Removed'),
    cartViewed: call('Cart Viewed'),
    checkoutStarted: call('Checkout Started'),
    checkoutStepViewed: call('Checkout Step Viewed'),
    checkoutStepCompleted: call('Checkout Step Completed'),
    paymentInfoEntered: call('Payment Info Entered'),
    orderCompleted: call('Order Completed'),
    orderUpdated: call('Order Updated'),
    orderRefunded: call('Order Refunded'),
    orderCancelled: call('Order Cancelled'),
    couponApplied: call('Coupon Applied'),
    productAddedToWishlist: call('Product Added to Wishlist'),
    productReviewed: call('Product Reviewed'),
  }
}
