import { button, element, find, pounds } from './dom.ts'
import { cartLines, setQuantity } from './cart-lines.ts'
import { showFrame } from './frame.ts'
import { track } from './millrace.ts'
import { products } from './products.ts'

const wanted = new URLSearchParams(location.search).get('id')
const product = products.find(({ product_id: id }) => id === wanted)
if (product === undefined) find('product').append(element('h1', {}, `There is no product ${wanted ?? ''}`))
else {
  document.title = product.name
  track.productViewed(product)
  find('product').append(
    element('h1', {}, product.name),
    element('p', {}, `${product.category ?? ''} · ${pounds(product.price)}`),
    button('Add to cart', () => {
      const quantity = cartLines().find(({ product_id: id }) => id === product.product_id)?.quantity ?? 0
      setQuantity(product.product_id, quantity + 1)
      track.productAdded({ ...product, quantity: 1 })
      showFrame()
    }),
  )
}
