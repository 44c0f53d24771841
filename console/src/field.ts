/** Reading answers of the API: nothing is believed to have a form, and what is missing reads as empty. */

export function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined
}

export function textField(value: unknown, name: string): string {
  const found = field(value, name)
  return typeof found === 'string' ? found : typeof found === 'number' || typeof found === 'boolean' ? String(found) : ''
}

export function numberField(value: unknown, name: string): number {
  const found = field(value, name)
  return typeof found === 'number' ? found : 0
}

export function listField(value: unknown, name: string): readonly unknown[] {
  const found: unknown = field(value, name)
  return Array.isArray(found) ? found : []
}

export function entriesField(value: unknown, name: string): readonly (readonly [string, unknown])[] {
  const found = field(value, name)
  return typeof found === 'object' && found !== null && !Array.isArray(found) ? Object.entries(found) : []
}

export function textsField(value: unknown, name: string): readonly string[] {
  return listField(value, name).filter((item) => typeof item === 'string')
}
