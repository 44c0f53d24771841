/** An order as a shop's server sends it, about 860 bytes. Sixteen orders a customer. */
export function orderEvent(index: number, messageId: string): object {
  const customer = index >> 4
  return {
    type: 'track', event: 'Order Completed', messageId, userId: `customer-${customer}`, anonymousId: '8d1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d'.replace('8d1b', customer.toString(16).padStart(4, '0').slice(-4)),
    timestamp: new Date().toISOString(),
    properties: {
      order_id: `order-${index}`, value: 129.9, revenue: 129.9, currency: 'EUR', coupon: 'WINTER', shipping: 4.9,
      products: [
        { product_id: 'p-1', sku: 'SKU-1', name: 'Wool socks', price: 12.5, quantity: 4, category: 'Clothing' },
        { product_id: 'p-2', sku: 'SKU-2', name: 'Rain coat', price: 75, quantity: 1, category: 'Clothing' },
      ],
    },
    context: {
      library: { name: 'bench', version: '1.0.0' }, locale: 'de-DE', userAgent: 'Mozilla/5.0 (X11; Linux x86_64)',
      page: { path: '/checkout', title: 'Checkout', url: 'https://shop.example/checkout', referrer: '' },
    },
  }
}
