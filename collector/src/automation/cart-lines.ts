import { canonicalName, NameSet } from './event-name.ts'

/** One product in a cart, as far as the events say. */
export interface CartLine {
  readonly productId: string | null
  readonly variant: string | null
  readonly sku: string | null
  readonly name: string | null
  readonly quantity: number
  /** Of one; null where no event says it. */
  readonly price: number | null
  readonly url: string | null
  readonly imageUrl: string | null
}

export interface CartContents {
  readonly lines: readonly CartLine[]
  /** Sum of price times quantity over the lines that have a price, to four decimals; null if none has one. */
  readonly amount: number | null
  /** The latest that an event names. */
  readonly currency: string | null
  /** Something was taken out and nothing is left. */
  readonly emptied: boolean
  /** More lines than are kept. */
  readonly truncated: boolean
}

/** One event of the cart, a removal included. */
export interface CartStep {
  readonly metric: string
  /** Canonical JSON of the event's properties. */
  readonly properties: string
}

const linesMax = 100
const textCharactersMax = 2_048

/** Events that take something out, in any spelling. */
export const removalNames = Object.freeze(['Product Removed', 'Removed from Cart', 'Remove from Cart', 'Product Removed from Cart'])
const removals = new NameSet(removalNames)

type Fields = ReadonlyMap<string, unknown>

/**
 * What is in the cart after these events, oldest first. An event with a list of products says what the whole cart is;
 * one with a single product adds it, or takes it out. Property names count in any spelling.
 */
export function cartContents(steps: readonly CartStep[]): CartContents {
  let lines = new Map<string, CartLine>()
  let currency: string | null = null
  let removed = false
  for (const { metric, properties } of steps) {
    const fields = fieldsOf(JSON.parse(properties))
    currency = currencyOf(fields) ?? currency
    const list = pick(fields, ['products', 'items', 'lineitems', 'cartitems'])
    const products = Array.isArray(list) ? list.map((item: unknown) => lineOf(fieldsOf(item))) : null
    if (removals.has(metric)) {
      for (const line of products ?? [lineOf(fields)]) removed = takeOut(lines, line) || removed
    } else if (products === null) {
      putIn(lines, lineOf(fields))
    } else {
      lines = new Map()
      for (const line of products) putIn(lines, line)
    }
  }
  const all = [...lines.values()]
  return { lines: all.slice(0, linesMax), amount: amountOf(all), currency, emptied: removed && all.length === 0, truncated: all.length > linesMax }
}

function putIn(lines: Map<string, CartLine>, line: CartLine | null): void {
  if (line === null) return
  const before = lines.get(keyOf(line))
  lines.set(keyOf(line), before === undefined ? line : { ...line, quantity: before.quantity + line.quantity, price: line.price ?? before.price })
}

/** False if there was nothing to take out. */
function takeOut(lines: Map<string, CartLine>, line: CartLine | null): boolean {
  const before = line === null ? undefined : lines.get(keyOf(line))
  if (line === null || before === undefined) return false
  if (before.quantity > line.quantity) lines.set(keyOf(line), { ...before, quantity: before.quantity - line.quantity })
  else lines.delete(keyOf(line))
  return true
}

function keyOf({ productId, variant, sku, name }: CartLine): string {
  return JSON.stringify(productId === null && sku === null ? [name, variant] : [productId, variant, sku])
}

/** Null where the event names no product. */
function lineOf(fields: Fields): CartLine | null {
  const productId = textOf(pick(fields, ['productid', 'itemid', 'id']))
  const sku = textOf(pick(fields, ['sku']))
  const name = textOf(pick(fields, ['name', 'productname', 'itemname', 'title', 'product']))
  if (productId === null && sku === null && name === null) return null
  const quantity = numberOf(pick(fields, ['quantity', 'qty']))
  return {
    productId, sku, name, variant: textOf(pick(fields, ['variant', 'variantid', 'variantname', 'itemvariant'])),
    quantity: quantity !== null && quantity > 0 ? quantity : 1,
    price: numberOf(pick(fields, ['price', 'itemprice', 'unitprice'])),
    url: textOf(pick(fields, ['url', 'producturl'])), imageUrl: textOf(pick(fields, ['imageurl', 'image'])),
  }
}

function amountOf(lines: readonly CartLine[]): number | null {
  const priced = lines.flatMap(({ price, quantity }) => (price === null ? [] : [Math.round(price * quantity * 10_000)]))
  return priced.length === 0 ? null : priced.reduce((sum, part) => sum + part, 0) / 10_000
}

function currencyOf(fields: Fields): string | null {
  const value = pick(fields, ['currency', 'currencycode'])
  return typeof value === 'string' && /^[A-Za-z]{3}$/.test(value.trim()) ? value.trim().toUpperCase() : null
}

/** Own properties by their canonical names; of two spellings the first. */
function fieldsOf(value: unknown): Fields {
  const fields = new Map<string, unknown>()
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return fields
  for (const [name, entry] of Object.entries(value)) {
    const key = canonicalName(name)
    if (!fields.has(key)) fields.set(key, entry)
  }
  return fields
}

function pick(fields: Fields, names: readonly string[]): unknown {
  for (const name of names) {
    const value = fields.get(name)
    if (value !== undefined && value !== null) return value
  }
  return undefined
}

function textOf(value: unknown): string | null {
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' && value !== '' ? value.slice(0, textCharactersMax) : null
}

function numberOf(value: unknown): number | null {
  const number = typeof value === 'string' && /^\s*-?\d{1,12}(?:\.\d{1,18})?\s*$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Math.abs(number) < 1e12 ? number : null
}
