import { button, element, find, pounds } from './dom.ts'
import { cartLines, setQuantity } from './cart-lines.ts'
import { showFrame } from './frame.ts'
import { track } from './millrace.ts'
import { products } from './products.ts'

track.productListViewed({ list_id: 'everything', products })

find('products').append(...products.map((product) => element('article', {},
  element('h3', {}, element('a', { href: `/shop/product?id=${encodeURIComponent(product.product_id)}` }, product.name)),
  element('p', {}, pounds(product.price)),
  button('Add to cart', () => {
    const quantity = cartLines().find(({ product_id: id }) => id === product.product_id)?.quantity ?? 0
    setQuantity(product.product_id, quantity + 1)
    track.productAdded({ ...product, quantity: 1 })
    showFrame()
  }),
)))
