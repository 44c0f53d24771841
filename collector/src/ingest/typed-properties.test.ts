import { describe, expect, it } from 'vitest'
import { hasBadTypedProperty } from './typed-properties.ts'

describe('hasBadTypedProperty', () => {
  it.each([
    {},
    { value: 0 },
    { value: -12.5 },
    { value: '12.50' },
    { value: null },
    { quantity: 3 },
    { quantity: '3' },
    { currency: 'EUR' },
    { order_id: 'a' },
    { order_id: 5 },
    { product_id: 7 },
    { other: {} },
  ])('fits: %o', (properties) => {
    expect(hasBadTypedProperty(properties)).toBe(false)
  })

  it.each([
    { value: 'abc' },
    { value: '' },
    { value: true },
    { value: {} },
    { value: 1e20 },
    { value: '1e3' },
    { revenue: [] },
    { total: ' 1' },
    { price: '1,5' },
    { quantity: 1.5 },
    { quantity: '1.5' },
    { quantity: 2 ** 60 },
    { currency: 5 },
    { order_id: 1.5 },
    { product_id: {} },
  ])('does not fit: %o', (properties) => {
    expect(hasBadTypedProperty(properties)).toBe(true)
  })
})
