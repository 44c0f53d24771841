import { describe, expect, it } from 'vitest'
import { cartContents } from './cart-lines.ts'

function step(metric: string, properties: unknown): { metric: string; properties: string } {
  return { metric, properties: JSON.stringify(properties) }
}

describe('the contents of a cart', () => {
  it('are what was added less what was taken out, in any spelling', () => {
    const contents = cartContents([
      step('Product Added', { product_id: 'a', name: 'Cup', price: '2.50', quantity: 2, currency: 'gbp' }),
      step('product_added', { productId: 'a', quantity: 1 }),
      step('Added to Cart', { ProductID: 'b', ProductName: 'Plate', ItemPrice: 0.1, Quantity: 3 }),
      step('Product Removed', { product_id: 'a', quantity: 2 }),
    ])
    expect(contents).toMatchObject({
      lines: [{ productId: 'a', quantity: 1, price: 2.5 }, { productId: 'b', name: 'Plate', quantity: 3, price: 0.1 }],
      amount: 2.8, currency: 'GBP', emptied: false, truncated: false,
    })
  })

  it('are replaced by a list of all products', () => {
    const contents = cartContents([step('Product Added', { product_id: 'a' }), step('Cart Viewed', { products: [{ product_id: 'b', price: 1 }, { id: 7 }, 'nonsense', null] })])
    expect(contents.lines.map(({ productId }) => productId)).toEqual(['b', '7'])
  })

  it('are emptied only by taking something out', () => {
    expect(cartContents([step('Product Added', {})])).toMatchObject({ lines: [], emptied: false, amount: null, currency: null })
    expect(cartContents([step('Product Added', { sku: 's' }), step('remove_from_cart', { sku: 's' })])).toMatchObject({ lines: [], emptied: true })
    expect(cartContents([step('remove_from_cart', { sku: 's' })]).emptied).toBe(false)
  })

  it('have a bound, and say so', () => {
    const products = Array.from({ length: 101 }, (_, index) => ({ product_id: String(index), price: 1 }))
    expect(cartContents([step('Cart Viewed', { products })])).toMatchObject({ lines: { length: 100 }, truncated: true, amount: 101 })
  })

  it('take no number for one that is none', () => {
    expect(cartContents([step('Product Added', { product_id: 'a', price: '1e9', quantity: -3 })]).lines).toMatchObject([{ price: null, quantity: 1 }])
  })
})
