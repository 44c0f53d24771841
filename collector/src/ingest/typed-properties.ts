/**
 * Properties that analytics keeps in columns of their own. A value that fits no such column leaves the column null,
 * and the event is flagged; the value itself stays in the properties as it came.
 */
export function hasBadTypedProperty(properties: Readonly<Record<string, unknown>>): boolean {
  return isBadAmount(properties['value']) || isBadAmount(properties['revenue']) || isBadAmount(properties['total'])
    || isBadAmount(properties['price']) || isBadCount(properties['quantity']) || isBadText(properties['currency'])
    || isBadKey(properties['order_id']) || isBadKey(properties['product_id'])
}

/** Beyond it a decimal column of 18 digits, six of them behind the point, would overflow. */
const amountMax = 1e12

/** Money comes as a number or, from shops that care, as decimal text. */
function isBadAmount(value: unknown): boolean {
  if (value === undefined || value === null) return false
  if (typeof value === 'number') return Math.abs(value) >= amountMax
  return typeof value !== 'string' || !/^-?\d{1,12}(?:\.\d{1,18})?$/.test(value)
}

function isBadCount(value: unknown): boolean {
  if (value === undefined || value === null) return false
  if (typeof value === 'number') return !Number.isSafeInteger(value)
  return typeof value !== 'string' || !/^-?\d{1,15}$/.test(value)
}

function isBadText(value: unknown): boolean {
  return value !== undefined && value !== null && typeof value !== 'string'
}

function isBadKey(value: unknown): boolean {
  return isBadText(value) && !Number.isSafeInteger(value)
}
