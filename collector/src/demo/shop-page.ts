export interface ShopPage {
  readonly writeKey: string
  /** Package name to the path of its first module. */
  readonly entries: Readonly<Record<string, string>>
}

/** A shop with three products, a cart and a checkout; it shows each call as it is made. */
export function shopPage({ writeKey, entries }: ShopPage): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>A shop with Millrace</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
  section { display: grid; grid-template-columns: repeat(3, 1fr); gap: 1rem }
  article, form, pre { border: 1px solid #ccc; border-radius: .5rem; padding: 1rem }
  button, input { font: inherit; padding: .3rem .7rem; margin: .2rem 0 }
  pre { background: #f6f6f6; overflow: auto; min-height: 6rem; font-size: .85rem }
</style>
<script type="importmap">${scriptJson({ imports: entries })}</script>
<h1>Gifts and more</h1>
<section id="products"></section>
<h2>Cart: <span id="cart">empty</span></h2>
<form id="checkout">
  <label>E-mail <input name="email" type="email" required></label>
  <label>Phone <input name="phone" type="tel"></label>
  <button>Order</button>
</form>
<h2>What was sent</h2>
<pre id="sent"></pre>
<script type="module">
  import { createMillrace } from '@millrace/browser'
  const millrace = createMillrace({ writeKey: ${scriptJson(writeKey)}, host: location.origin, flushInterval: 200, respectPrivacySignals: false })
  const products = [
    { product_id: '22423', name: 'Regency cakestand 3 tier', price: 12.75 },
    { product_id: '85123A', name: 'White hanging heart T-light holder', price: 2.55 },
    { product_id: '22720', name: 'Set of 3 cake tins pantry design', price: 4.95 },
  ]
  const cart = []
  const find = (id) => document.getElementById(id)
  const show = (name, details, result) => { find('sent').textContent = name + ' ' + JSON.stringify(details) + '  ' + JSON.stringify(result) + '\\n' + find('sent').textContent }
  const track = (name, details) => show(name, details, millrace.track(name, details))
  millrace.page('Shop')
  for (const product of products) {
    const article = document.createElement('article')
    article.append(Object.assign(document.createElement('strong'), { textContent: product.name }), document.createElement('br'), '£' + product.price.toFixed(2), document.createElement('br'))
    const look = Object.assign(document.createElement('button'), { textContent: 'Look', onclick: () => track('Product Viewed', product) })
    const add = Object.assign(document.createElement('button'), {
      textContent: 'Add', onclick: () => { cart.push(product); find('cart').textContent = cart.map(({ name }) => name).join(', '); track('Product Added', { ...product, quantity: 1 }) },
    })
    article.append(look, ' ', add)
    find('products').append(article)
  }
  find('checkout').onsubmit = (event) => {
    event.preventDefault()
    if (cart.length === 0) return
    const { email, phone } = Object.fromEntries(new FormData(event.target))
    const traits = phone === '' ? { email } : { email, phone }
    show('identify', traits, millrace.identify(undefined, traits))
    track('Order Completed', { order_id: 'S-' + Date.now(), value: cart.reduce((sum, { price }) => sum + price, 0), currency: 'GBP', products: cart.splice(0) })
    find('cart').textContent = 'empty'
  }
</script>
</html>
`
}

/** JSON that cannot end the script element it stands in. */
function scriptJson(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c')
}
