import type { Choices } from './random.ts'

/** Values that a store, a parser or a page has stumbled over somewhere. */
const poison: readonly unknown[] = [
  null, true, 0, -0, -1, 1.5, 2 ** 53 + 2, 1e308, -1e308, 1e20, '', ' ', '\u0000', 'a\u0000b', '\ud800', '\udc00x', '\u202e\u2066', '\ufeff', '\r\nSet-Cookie: a=b', '\u001b[31mred', '%00', '../../etc/passwd',
  "'; drop table events; --", '" or 1=1 --', '{{7*7}}', '${7*7}', '<script>alert(1)</script>', '{x:String}', 'NaN', 'null', 'undefined', '[object Object]', '__proto__', 'constructor', 'x'.repeat(321), 'y'.repeat(40_000),
  '😀'.repeat(200), '2026-02-30T00:00:00.000Z', '0000-00-00', '99999999999999', '275760-09-13T00:00:00.001Z', '1970-01-01', 'test@test.com', 'ü@exämple.com', '+49 (0) 30 1', [], {}, [[[[]]]], [null], { '': 1 }, { 'a.b': 1, a: { b: 2 } },
  { toString: 1 }, { constructor: { prototype: { polluted: true } } }, { consent: { email: 'unsubscribed' } }, { email: 'a@example.com', phone: '+442079460123' },
]

const texts = ['type', 'event', 'userId', 'anonymousId', 'messageId', 'timestamp', 'sentAt', 'properties', 'traits', 'context', 'batch', '__proto__', 'hasOwnProperty', 'a.b', 'writeKey', '']

/** JSON text of the value after a few changes of its structure; the text may hold what no value can (equal keys, `__proto__`). */
export function mutatedJson(value: unknown, choices: Choices): string {
  let changed = value
  for (let round = choices.below(4); round > 0; round -= 1) changed = changedSomewhere(changed, choices)
  return textually(JSON.stringify(changed) ?? 'null', choices)
}

function changedSomewhere(value: unknown, choices: Choices): unknown {
  if (choices.chance(0.25) || typeof value !== 'object' || value === null) return replaced(value, choices)
  if (Array.isArray(value)) return value.length === 0 ? [choices.of(poison)] : changedList(value, choices)
  const entries = Object.entries(value)
  if (entries.length === 0) return { [choices.of(texts)]: choices.of(poison) }
  const at = choices.below(entries.length)
  const [name = '', inner] = entries[at] ?? []
  if (choices.chance(0.15)) return Object.fromEntries(entries.filter((_, index) => index !== at))
  if (choices.chance(0.15)) return Object.fromEntries([...entries, [choices.of(texts), choices.of(poison)]])
  return Object.fromEntries(entries.map((entry, index) => (index === at ? [name, changedSomewhere(inner, choices)] : entry)))
}

function changedList(list: readonly unknown[], choices: Choices): unknown {
  const at = choices.below(list.length)
  if (choices.chance(0.1)) return list.toSpliced(at, 1)
  if (choices.chance(0.1)) return [...list, ...list]
  if (choices.chance(0.02)) return Array.from({ length: 3_000 }, () => small(list[at]))
  return list.with(at, changedSomewhere(list[at], choices))
}

function replaced(value: unknown, choices: Choices): unknown {
  if (choices.chance(0.05)) {
    let deep: unknown = value
    for (let level = choices.of([10, 31, 32, 33, 500]); level > 0; level -= 1) deep = choices.chance(0.5) ? [deep] : { deep }
    return deep
  }
  if (choices.chance(0.04)) return Object.fromEntries(Array.from({ length: choices.of([511, 513, 5_000]) }, (_, index) => [`k${index}`, index]))
  return choices.of(poison)
}

/** What is put in place a thousand times may not be large. */
function small(value: unknown): unknown {
  return (JSON.stringify(value) ?? '').length > 1_000 ? 1 : value
}

function textually(text: string, choices: Choices): string {
  if (choices.chance(0.9)) return text
  const at = choices.below(text.length + 1)
  return choices.of<() => string>([
    () => text.replaceAll('true', 'NaN').replaceAll('null', 'Infinity'), () => text.replace('{', '{"__proto__":{"admin":true},'), () => text.replace('{', '{"type":1,"type":"track","userId":"again",'),
    () => `${'['.repeat(20_000)}${text}`, () => `\ufeff${text}`, () => `${text.slice(0, at)}\\ud800${text.slice(at)}`, () => `${text}${text}`, () => text.slice(0, at), () => `${text.slice(0, at)}1e999${text.slice(at)}`,
    () => '"'.repeat(5_000), () => `${text.slice(0, at)}\\u0000${text.slice(at)}`, () => `)]}',\n${text}`, () => text.replaceAll('"', "'"),
  ])()
}
