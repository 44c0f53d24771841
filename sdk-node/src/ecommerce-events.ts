/**
 * The events of Segment's ecommerce specification (version 2) with their properties. More properties may always be given
 * beside the named ones. Money is in units of `currency` (ISO 4217), such as 49.9.
 */
export interface EcommerceEvents {
  readonly 'Products Searched': { readonly query: string } & More
  readonly 'Product List Viewed': ProductList
  readonly 'Product List Filtered': ProductList & { readonly filters?: readonly ListChoice[]; readonly sorts?: readonly ListChoice[] }
  readonly 'Promotion Viewed': Promotion
  readonly 'Promotion Clicked': Promotion
  readonly 'Product Clicked': Product
  readonly 'Product Viewed': Product
  readonly 'Product Added': Product & { readonly cart_id?: string }
  readonly 'Product Removed': Product & { readonly cart_id?: string }
  readonly 'Cart Viewed': Cart
  readonly 'Checkout Started': Partial<Order>
  readonly 'Checkout Step Viewed': CheckoutStep
  readonly 'Checkout Step Completed': CheckoutStep
  readonly 'Payment Info Entered': Partial<CheckoutStep> & { readonly order_id?: string }
  readonly 'Order Updated': Order
  readonly 'Order Completed': Order
  readonly 'Order Refunded': Order
  readonly 'Order Cancelled': Order
  readonly 'Coupon Entered': Coupon
  readonly 'Coupon Applied': Coupon & { readonly discount?: number }
  readonly 'Coupon Denied': Coupon & { readonly reason?: string }
  readonly 'Coupon Removed': Coupon & { readonly discount?: number }
  readonly 'Product Added to Wishlist': Product & Wishlist
  readonly 'Product Removed from Wishlist': Product & Wishlist
  readonly 'Wishlist Product Added to Cart': Product & Wishlist & { readonly cart_id?: string }
  readonly 'Product Shared': Product & Share
  readonly 'Cart Shared': Cart & Share
  readonly 'Product Reviewed': { readonly product_id: string; readonly review_id?: string; readonly review_body?: string; readonly rating?: string | number } & More
}

interface More {
  readonly [name: string]: unknown
}

/** One product, or one line of a cart or an order. */
export interface Product extends More {
  readonly product_id: string
  readonly sku?: string
  readonly name?: string
  readonly category?: string
  readonly brand?: string
  readonly variant?: string
  /** Of one piece. */
  readonly price?: number
  readonly quantity?: number
  readonly coupon?: string
  readonly currency?: string
  readonly position?: number
  readonly value?: number
  readonly url?: string
  readonly image_url?: string
}

export interface Order extends More {
  readonly order_id: string
  readonly checkout_id?: string
  readonly affiliation?: string
  /** Of the products alone. */
  readonly subtotal?: number
  /** With shipping and tax. */
  readonly total?: number
  /** Without shipping and tax. */
  readonly revenue?: number
  readonly value?: number
  readonly shipping?: number
  readonly tax?: number
  readonly discount?: number
  readonly coupon?: string
  readonly currency?: string
  readonly products?: readonly Product[]
}

interface Cart extends More {
  readonly cart_id?: string
  readonly products?: readonly Product[]
}

interface ProductList extends More {
  readonly list_id?: string
  readonly category?: string
  readonly products?: readonly Product[]
}

interface ListChoice {
  readonly type: string
  readonly value: string
}

interface Promotion extends More {
  readonly promotion_id?: string
  readonly creative?: string
  readonly name?: string
  readonly position?: string | number
}

interface CheckoutStep extends More {
  readonly checkout_id?: string
  readonly step: number
  readonly shipping_method?: string
  readonly payment_method?: string
}

interface Coupon extends More {
  readonly order_id?: string
  readonly cart_id?: string
  readonly coupon_id?: string
  readonly coupon_name?: string
}

interface Wishlist extends More {
  readonly wishlist_id?: string
  readonly wishlist_name?: string
}

interface Share extends More {
  readonly share_via?: string
  readonly share_message?: string
  readonly recipient?: string
}
