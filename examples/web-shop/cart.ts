import { button, element, find, pounds } from './dom.ts'
import { cartLines, setQuantity, totalOf } from './cart-lines.ts'
import { showFrame } from './frame.ts'
import { track } from './millrace.ts'

function show(): void {
  const lines = cartLines()
  find('to-checkout').hidden = lines.length === 0
  find('lines').replaceChildren(
    ...lines.map((line) => element('p', {}, `${line.quantity} × ${line.name}, ${pounds(line.price * line.quantity)} `, button('Remove', () => {
      setQuantity(line.product_id, 0)
      track.productRemoved(line)
      show()
      showFrame()
    }))),
    element('p', {}, lines.length === 0 ? 'Nothing in it yet.' : `Together ${pounds(totalOf(lines))}`),
  )
}

const lines = cartLines()
track.cartViewed({ products: lines, value: totalOf(lines), currency: 'GBP' })
show()
