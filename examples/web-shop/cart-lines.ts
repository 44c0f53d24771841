import { products, type ShopProduct } from './products.ts'

export interface CartLine extends ShopProduct {
  readonly quantity: number
}

const name = 'shop-cart'

/** The cart lives in this browser; what is no product of ours any more is left out. */
export function cartLines(): readonly CartLine[] {
  const counts: unknown = JSON.parse(localStorage.getItem(name) ?? '{}')
  return products.flatMap((product) => {
    const quantity: unknown = Reflect.get(Object(counts), product.product_id)
    return typeof quantity === 'number' && quantity > 0 ? [{ ...product, quantity }] : []
  })
}

export function setQuantity(productId: string, quantity: number): void {
  const counts = Object.fromEntries(cartLines().map((line) => [line.product_id, line.quantity]))
  localStorage.setItem(name, JSON.stringify({ ...counts, [productId]: quantity }))
}

export function emptyCart(): void {
  localStorage.removeItem(name)
}

/** Pounds. */
export function totalOf(lines: readonly CartLine[]): number {
  return Math.round(lines.reduce((sum, { price, quantity }) => sum + price * quantity, 0) * 100) / 100
}
