/** The members of a JSON object as they are written: `names` holds the quoted keys, `values` what stands behind their colons. */
export interface ObjectPieces {
  readonly names: readonly string[]
  readonly values: readonly string[]
}

/** Takes a canonical JSON object (no white space) apart, its first level only; null for any other text. */
export function piecesOf(text: string): ObjectPieces | null {
  if (!text.startsWith('{"') || !text.endsWith('}')) return null
  const names: string[] = []
  const values: string[] = []
  for (let at = 1; at < text.length;) {
    if (text[at] !== '"') return null
    const colon = endOfString(text, at)
    if (text[colon] !== ':') return null
    const end = endOfValue(text, colon + 1)
    names.push(text.slice(at, colon))
    values.push(text.slice(colon + 1, end))
    if (text[end] !== ',') return end === text.length - 1 ? { names, values } : null
    at = end + 1
  }
  return null
}

/** The object again, from its names and its values with commas between them. */
export function objectOf(names: readonly string[], values: string): string {
  let text = ''
  let at = 0
  for (const name of names) {
    const end = endOfValue(values, at)
    text += `${text === '' ? '{' : ','}${name}:${values.slice(at, end)}`
    at = end + 1
  }
  return `${text}}`
}

/** Where the string that begins here ends: behind its closing quote. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0
    while (text[quote - 1 - backslashes] === '\\') backslashes += 1
    if (backslashes % 2 === 0) return quote + 1
  }
  return text.length
}

/** Where the value that begins here ends: at the comma or bracket behind it, or at the end of the text. */
function endOfValue(text: string, start: number): number {
  let depth = 0
  for (let at = start; at < text.length; at += 1) {
    const sign = text[at]
    if (sign === '"') at = endOfString(text, at) - 1
    else if (sign === '{' || sign === '[') depth += 1
    else if (depth === 0 && (sign === ',' || sign === '}' || sign === ']')) return at
    else if (sign === '}' || sign === ']') depth -= 1
  }
  return text.length
}
