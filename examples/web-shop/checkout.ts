import { find, pounds, whenSubmitted } from './dom.ts'
import { cartLines, emptyCart, totalOf } from './cart-lines.ts'
import { showFrame } from './frame.ts'
import { millrace, track } from './millrace.ts'

const lines = cartLines()
track.checkoutStarted({ products: lines, value: totalOf(lines), currency: 'GBP' })

whenSubmitted(find('checkout'), ({ name = '', email = '', phone = '' }) => {
  const bought = cartLines()
  if (bought.length === 0) {
    find('done').textContent = 'Your cart is empty.'
    return
  }
  const total = totalOf(bought)
  // A guest gives an e-mail address, no customer number: that is how this browser's visits become somebody's.
  millrace.identify({ name, email, ...phone !== '' && { phone } })
  track.orderCompleted({ order_id: `S-${Date.now()}`, products: bought, total, value: total, currency: 'GBP' })
  emptyCart()
  showFrame()
  find('done').textContent = `Thank you ${name}: ${pounds(total)}.`
})
