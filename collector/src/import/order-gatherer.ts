import type { JsonValue } from '@millrace/schemas'
import type { CsvRow } from './csv-parser.ts'
import type { Draft, DraftMaker } from './draft.ts'
import { HashCounts } from './hash-counts.ts'
import type { ImportPlan } from './import-plan.ts'
import { digestOf, madeId } from './made-id.ts'
import { type Reject, reject } from './reject.ts'
import { BadCell, cellOf, namedValues, numberOf, personOf, timeOf } from './row-values.ts'

/** Rows of other orders that may stand between two rows of one order. */
export const orderGapRowsMax = 1_000
const orderRowsMax = 10_000
/** A larger order sends its lines one by one, so that no event comes near the limit of 32 KiB. */
const orderBytesMax = 28 * 1024

interface OpenOrder {
  readonly id: string
  readonly line: number
  readonly head: CsvRow
  readonly time: number
  readonly value: number | null
  readonly products: Record<string, JsonValue>[]
  /** Sum of price times quantity, in ten-thousandths. */
  sum: number
  /** Number of its last row among the rows of the file. */
  lastRow: number
  rows: number
}

const cancelled = new Set(['cancelled', 'canceled', 'voided', 'failed', 'trash'])

/**
 * Makes one event of the rows of one order, wherever they stand within 1,000 rows of each other. An order is complete when so
 * many rows have passed; a row that comes later still is rejected, since its order is already on its way.
 */
export class OrderGatherer implements DraftMaker<CsvRow> {
  readonly #plan: ImportPlan
  /** In the order of their last rows. */
  readonly #open = new Map<string, OpenOrder>()
  /** Every order that was begun. */
  readonly #begun = new HashCounts()
  #latest: OpenOrder | null = null
  #rows = 0

  constructor(plan: ImportPlan) {
    this.#plan = plan
  }

  add(row: CsvRow): readonly (Draft | Reject)[] {
    this.#rows += 1
    const found: (Draft | Reject)[] = []
    try {
      const refused = this.#take(row)
      if (refused !== null) found.push(refused)
    } catch (error) {
      if (!(error instanceof BadCell)) throw error
      found.push(error.at(row.line))
    }
    for (const order of this.#open.values()) {
      if (order.lastRow >= this.#rows - orderGapRowsMax) break
      this.#open.delete(order.id)
      found.push(...this.#events(order))
    }
    return found
  }

  end(): readonly (Draft | Reject)[] {
    const rest = [...this.#open.values()].flatMap((order) => this.#events(order))
    this.#open.clear()
    return rest
  }

  #take(row: CsvRow): Reject | null {
    const id = cellOf(this.#plan, row, 'orderId')
    if (id === '') return reject(row.line, 'missing_order_id', { field: 'orderId' })
    const known = this.#latest?.id === id ? this.#latest : this.#open.get(id)
    // Read before anything is changed: a row with a bad number adds nothing to its order.
    const product = namedValues(this.#plan.items, row)
    const quantity = this.#itemNumber(row, product, 'quantity')
    const price = this.#itemNumber(row, product, 'price')
    const order = known ?? this.#opened(row, id)
    if (order === null) return reject(row.line, 'order_rows_apart', { field: 'orderId', value: id })
    if (order.rows >= orderRowsMax) return reject(row.line, 'order_too_long', { field: 'orderId', value: id })
    order.rows += 1
    order.lastRow = this.#rows
    if (known !== undefined && this.#latest !== order) {
      this.#open.delete(id)
      this.#open.set(id, order)
    }
    this.#latest = order
    if (Object.keys(product).length === 0) return null
    order.products.push(product)
    if (price !== null) order.sum += Math.round(price * 10_000) * (quantity ?? 1)
    return null
  }

  #itemNumber(row: CsvRow, product: Record<string, JsonValue>, name: 'quantity' | 'price'): number | null {
    const column = this.#plan.items.find((item) => item.name === name)
    if (column === undefined) return null
    const value = numberOf((row.cells[column.index] ?? '').trim(), this.#plan.columns[column.index]?.column ?? name)
    if (value !== null) product[name] = value
    return value
  }

  #opened(row: CsvRow, id: string): OpenOrder | null {
    if (this.#begun.has(digestOf(id))) return null
    const time = timeOf(this.#plan, row)
    if (time === null) throw new BadCell('missing_time', this.#plan.columns[this.#plan.fields.time ?? 0]?.column ?? 'time', '')
    const value = numberOf(cellOf(this.#plan, row, 'value'), 'value')
    this.#begun.add(digestOf(id))
    const order: OpenOrder = { id, line: row.line, head: row, time, value, products: [], sum: 0, lastRow: this.#rows, rows: 0 }
    this.#open.set(id, order)
    return order
  }

  #events(order: OpenOrder): readonly Draft[] {
    const { id, line, head, products } = order
    const plan = this.#plan
    const sum = order.value ?? order.sum / 10_000
    const status = cellOf(plan, head, 'status')
    const metric = cancelled.has(status.toLowerCase()) ? 'Order Cancelled' : sum < 0 ? 'Order Refunded' : 'Order Completed'
    const currency = cellOf(plan, head, 'currency')
    const person = personOf(plan, head)
    const about = {
      type: 'track', timestamp: new Date(order.time).toISOString(),
      // A guest is nobody else's guest: the order itself is all that is known of him.
      ...(Object.keys(person).length === 0 ? { anonymousId: `guest-${plan.source}-${id}` } : person),
    }
    const shared = { order_id: id, ...(currency === '' ? {} : { currency }), ...(status === '' ? {} : { status }), ...namedValues(plan.properties, head) }
    const item = {
      ...about, event: metric, messageId: madeId({ source: plan.source, kind: metric, key: id }), properties: { ...shared, value: Math.abs(sum), products },
    }
    if (JSON.stringify(item).length * 3 <= orderBytesMax || Buffer.byteLength(JSON.stringify(item)) <= orderBytesMax) return [{ line, item }]
    const lines = products.map((product, index): Draft => ({
      line, item: { ...about, event: 'Ordered Product', messageId: madeId({ source: plan.source, kind: 'Ordered Product', key: `${id}\0${index}` }), properties: { ...shared, ...product } },
    }))
    return [{ line, item: { ...item, properties: { ...item.properties, products: [], product_count: products.length } } }, ...lines]
  }
}
