import type { JSX } from 'preact'
import { counted, formatInstant, formatMoney } from './format.ts'
import type { Order } from './order.ts'

/** The newest orders stand open. */
const openAtFirst = 2

export function OrderList({ orders }: { readonly orders: readonly Order[] }): JSX.Element {
  if (orders.length === 0) return <p class="muted">No order yet.</p>
  return <ul class="plain orders">{orders.map((order, index) => <li key={order.key}><OrderDetails order={order} open={index < openAtFirst} /></li>)}</ul>
}

function OrderDetails({ order: { time, orderId, value, currency, lines }, open }: { readonly order: Order; readonly open: boolean }): JSX.Element {
  return (
    <details open={open}>
      <summary>
        <strong>{orderId === '' ? 'Order' : orderId}</strong> <time dateTime={time} class="muted">{formatInstant(time)}</time>
        <span class="muted">{counted(lines.length, 'line')}</span>
        <span class="amount total">{value === '' ? '' : formatMoney(value, currency)}</span>
      </summary>
      {lines.length === 0 ? <p class="muted">This order came without its lines.</p> : (
        <table>
          <thead><tr><th scope="col">Product</th><th scope="col">Id</th><th scope="col" class="amount">Quantity</th><th scope="col" class="amount">Price</th></tr></thead>
          <tbody>{lines.map(({ name, productId, quantity, price }, index) => (
            <tr key={index}><td>{name === '' ? productId : name}</td><td class="mono">{productId}</td><td class="amount">{quantity === '' ? '1' : quantity}</td><td class="amount">{price === '' ? '' : formatMoney(price, currency)}</td></tr>
          ))}</tbody>
        </table>
      )}
    </details>
  )
}
