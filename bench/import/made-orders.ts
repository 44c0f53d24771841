export interface MadeOrders {
  readonly lines: number
  readonly customers: number
  readonly seed: number
  /** Each line an event of its own, rather than a row of an order. */
  readonly perLine: boolean
}

const productsMax = 5_000

/** A shop's export in pieces: three years of orders of one to seven lines. Counts the events it will make. */
export function* madeOrders({ lines, customers, seed, perLine }: MadeOrders, made: { events: number }): Generator<string> {
  const random = randomFrom(seed)
  yield perLine
    ? 'event,time,customer_id,email,product_id,product_name,quantity,price,currency\n'
    : 'order_id,created_at,customer_id,email,currency,country,product_id,product_name,quantity,price\n'
  const begin = Date.UTC(2023, 0, 1)
  let text = ''
  let written = 0
  for (let order = 1; written < lines; order += 1) {
    const customer = Math.floor(random() ** 2 * customers)
    const time = new Date(begin + Math.floor((written / lines) * 3 * 365 * 86_400_000)).toISOString()
    const rows = Math.min(1 + Math.floor(random() * 7), lines - written)
    for (let row = 0; row < rows; row += 1) {
      const product = Math.floor(random() ** 2 * productsMax)
      const item = `P${product},"Product no. ${product}, boxed",${1 + Math.floor(random() * 4)},${(1 + product % 90).toFixed(2)}`
      text += perLine
        ? `Product Viewed,${time},c-${customer},customer-${customer}@example.com,${item},EUR\n`
        : `${order},${time},c-${customer},customer-${customer}@example.com,EUR,DE,${item}\n`
    }
    written += rows
    made.events += perLine ? rows : 1
    if (text.length > 262_144) {
      yield text
      text = ''
    }
  }
  yield text
}

/** The linear congruential generator of "Numerical Recipes" (Press et al.). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
