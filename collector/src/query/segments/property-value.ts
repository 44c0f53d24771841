import { instantOfNumber, instantOfText, type JsonObject, type JsonValue } from '@millrace/schemas'

/** What the null and type rules are made of; null stands for missing, too. */

const plainDecimal = /^[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** The value of a key; where there is no such key, or null, that of a path of keys separated by dots. */
export function propertyOf(object: JsonObject, name: string): JsonValue {
  const own = ownValue(object, name)
  if (own !== null || !name.includes('.')) return own
  let value: JsonValue = object
  for (const key of name.split('.')) value = isObject(value) ? ownValue(value, key) : null
  return value
}

function ownValue(object: JsonObject, key: string): JsonValue {
  return Object.hasOwn(object, key) ? (object[key] ?? null) : null
}

export function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value)
}

/** A scalar as text, numbers in their shortest form; null for what has no text. */
export function textOf(value: JsonValue): string | null {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return String(value)
  return typeof value === 'number' ? String(value).replace('e+', 'e') : null
}

/** The number that a text spells; null unless it is a plain decimal. */
export function decimalOf(text: string): number | null {
  return plainDecimal.test(text) ? Number(text) : null
}

export function folded(text: string, ignoreCase: boolean): string {
  // A sigma at the end of a word has a form of its own, which engines do not agree on.
  return ignoreCase ? text.toLowerCase().replaceAll('ς', 'σ') : text
}

export function listOf(value: JsonValue): readonly JsonValue[] {
  if (value === null) return []
  return isList(value) ? value : [value]
}

/** Epoch milliseconds of a date; null for what is none. */
export function dateOf(value: JsonValue): number | null {
  if (typeof value === 'string') return instantOfText(value)
  return typeof value === 'number' ? instantOfNumber(value) : null
}

/** Amounts are added as whole millionths: exact, and the same in any order. */
export const amountScale = 1_000_000

/** In millionths; null for what is no number, or one beyond 1e12. */
export function amountOf(value: JsonValue): bigint | null {
  return typeof value === 'number' && Math.abs(value) <= 1e12 ? BigInt(Math.floor(value * amountScale + 0.5)) : null
}
