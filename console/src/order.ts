import { field, listField, textField } from './field.ts'
import type { TimelineEvent } from './profile.ts'

export interface OrderLine {
  readonly name: string
  readonly productId: string
  readonly quantity: string
  readonly price: string
}

export interface Order {
  readonly key: string
  readonly time: string
  readonly orderId: string
  /** A decimal number as text; empty where the order names none. */
  readonly value: string
  readonly currency: string
  readonly lines: readonly OrderLine[]
}

/** The names under which shops send the lines and amounts of an order, first the usual one. */
export function readOrder({ messageId, time, properties }: TimelineEvent): Order {
  const lines = ['products', 'items', 'line_items'].map((name) => listField(properties, name)).find((list) => list.length > 0) ?? []
  return {
    key: messageId, time, orderId: first(properties, ['order_id', 'orderId', 'id']), value: first(properties, ['value', 'revenue', 'total']),
    currency: textField(properties, 'currency'), lines: lines.map(readLine),
  }
}

function readLine(line: unknown): OrderLine {
  return {
    name: first(line, ['name', 'title']), productId: first(line, ['product_id', 'productId', 'sku', 'id']),
    quantity: first(line, ['quantity']), price: first(line, ['price']),
  }
}

function first(value: unknown, names: readonly string[]): string {
  const name = names.find((candidate) => field(value, candidate) !== undefined && field(value, candidate) !== null)
  return name === undefined ? '' : textField(value, name)
}
