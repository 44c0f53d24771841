import type { Product } from '@millrace/browser/ecommerce'

export interface ShopProduct extends Product {
  readonly name: string
  readonly price: number
  readonly currency: string
}

export const products: readonly ShopProduct[] = [
  { product_id: '22423', name: 'Regency cakestand 3 tier', category: 'Kitchen', price: 12.75, currency: 'GBP' },
  { product_id: '85123A', name: 'White hanging heart T-light holder', category: 'Living', price: 2.55, currency: 'GBP' },
  { product_id: '22720', name: 'Set of 3 cake tins pantry design', category: 'Kitchen', price: 4.95, currency: 'GBP' },
  { product_id: '84879', name: 'Assorted colour bird ornament', category: 'Living', price: 1.69, currency: 'GBP' },
  { product_id: '22086', name: "Paper chain kit 50's Christmas", category: 'Season', price: 2.95, currency: 'GBP' },
]
