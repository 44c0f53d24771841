import { limits } from '@millrace/schemas'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { propertySettings } from '../../test/property-settings.ts'
import { canonicalise } from './canonicalise.ts'
import { flagCodesOf } from './flag-set.ts'
import { isObject } from './is-object.ts'

function parse(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text)
  if (!isObject(value)) throw new Error('not an object')
  return value
}

function canonical(text: string): { json: string; flags: readonly string[] } | string {
  const result = canonicalise(parse(text), { plainText: false })
  return result.reason ?? { json: JSON.stringify(result.event), flags: flagCodesOf(result.flags) }
}

/** Objects around one number, so many levels in all. */
function nested(levels: number): string {
  return `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`
}

function keys(count: number): string {
  return Array.from({ length: count }, (_, index) => `"k${index}":1`).join()
}

describe('canonicalise', () => {
  it.each([
    ['clean', '{"a":[1,"b",{"c":null}],"d":true}', '{"a":[1,"b",{"c":null}],"d":true}', []],
    ['lone high surrogate', '{"a":"x\\ud800y"}', '{"a":"x\uFFFDy"}', ['replaced_surrogate']],
    ['lone low surrogate in a list', '{"a":["\\udc00"]}', '{"a":["\uFFFD"]}', ['replaced_surrogate']],
    ['lone surrogate in a key', '{"\\udfff":{"a":1}}', '{"\uFFFD":{"a":1}}', ['replaced_surrogate']],
    ['a pair is no lone surrogate', '{"a":"\\ud83d\\ude00"}', '{"a":"😀"}', []],
    ['NUL in a value', '{"a":"x\\u0000"}', '{"a":"x\uFFFD"}', ['replaced_nul']],
    ['NUL in a key', '{"a":{"x\\u0000":1}}', '{"a":{"x\uFFFD":1}}', ['replaced_nul']],
    [
      '__proto__',
      '{"__proto__":{"x":1},"a":{"__proto__":null,"b":[{"__proto__":1}]}}',
      '{"a":{"b":[{}]}}',
      ['dropped_proto'],
    ],
    ['__proto__ in escapes', '{"\\u005f_proto__":{"x":1},"a":1}', '{"a":1}', ['dropped_proto']],
    [
      'other names of prototypes',
      '{"constructor":{"prototype":1},"hasOwnProperty":1}',
      '{"constructor":{"prototype":1},"hasOwnProperty":1}',
      [],
    ],
    ['too great a number', '{"a":1e999,"b":-1e999,"c":1}', '{"c":1}', ['dropped_non_finite']],
    ['too great a number in a list keeps the places', '{"a":[1,1e999,2]}', '{"a":[1,null,2]}', ['dropped_non_finite']],
    ['integer above 2^53', '{"a":9007199254740993}', '{"a":9007199254740992}', ['unsafe_integer']],
    [
      'greatest exact integer',
      '{"a":9007199254740991,"b":-9007199254740991}',
      '{"a":9007199254740991,"b":-9007199254740991}',
      [],
    ],
    ['duplicate keys', '{"a":1,"a":2}', '{"a":2}', []],
    ['a.b beside a: {b}', '{"p":{"a.b":1,"a":{"b":2}}}', '{"p":{"a.b":1,"a":{"b":2}}}', ['ambiguous_path']],
    ['a.b beside a: [{b}]', '{"a.b":1,"a":[{"c":1},{"b":2}]}', '{"a.b":1,"a":[{"c":1},{"b":2}]}', ['ambiguous_path']],
    ['a.b alone', '{"p":{"a.b":1,"a":{"c":2}}}', '{"p":{"a.b":1,"a":{"c":2}}}', []],
    [
      'everything at once',
      '{"a":"\\u0000\\ud800","b":1e999,"__proto__":9007199254740993}',
      '{"a":"\uFFFD\uFFFD"}',
      ['replaced_surrogate', 'replaced_nul', 'dropped_proto', 'dropped_non_finite', 'unsafe_integer'],
    ],
  ])('%s', (...[, input, json, flags]) => {
    expect(canonical(input)).toEqual({ json, flags })
  })

  it('sets no prototype', () => {
    const result = canonicalise(parse('{"__proto__":{"polluted":1},"a":"\\u0000"}'), { plainText: false })
    expect(result.reason === null && 'polluted' in result.event).toBe(false)
    expect('polluted' in {}).toBe(false)
  })

  it('gives back a clean event itself', () => {
    const event = parse('{"a":{"b":[1]}}')
    const result = canonicalise(event, { plainText: true })
    expect(result.reason === null && result.event).toBe(event)
  })

  it('counts depth, at any depth, without recursion of its own', () => {
    expect(canonical(nested(limits.eventDepthMax))).toMatchObject({ flags: [] })
    expect(canonical(nested(limits.eventDepthMax + 1))).toBe('too_deep')
    expect(canonical(`{"a":${'['.repeat(31)}${']'.repeat(31)}}`)).toMatchObject({ flags: [] })
    expect(canonical(`{"a":${'['.repeat(32)}${']'.repeat(32)}}`)).toBe('too_deep')
    expect(canonical(`{"a":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`)).toBe('too_deep')
  })

  it('counts distinct paths, items of a list sharing one', () => {
    expect(canonical(`{${keys(512)}}`)).toMatchObject({ flags: [] })
    expect(canonical(`{${keys(513)}}`)).toBe('too_many_keys')
    expect(canonical(`{"a":{${keys(256)}},"b":{${keys(254)}}}`)).toMatchObject({ flags: [] })
    expect(canonical(`{"a":{${keys(256)}},"b":{${keys(255)}}}`)).toBe('too_many_keys')
    const items = Array.from({ length: 1_000 }, () => `{${keys(100)}}`).join()
    expect(canonical(`{"items":[${items}]}`)).toMatchObject({ flags: [] })
    expect(canonical(`{"items":[${items},{${keys(512)}}]}`)).toBe('too_many_keys')
  })

  it('is bounded by the event where long keys are nested', () => {
    const long = 'x'.repeat(1_000_000)
    expect(canonical(`{"${long}.":{${keys(400)}}}`)).toMatchObject({ flags: [] })
  })

  it('is idempotent, and what it writes parses to the same', () => {
    fc.assert(
      fc.property(poisonous, (value) => {
        const first = canonicalise(value, { plainText: false })
        if (first.reason !== null) return
        const json = JSON.stringify(first.event)
        expect(
          json.isWellFormed() && !json.includes('\\u0000') && !/\\ud[89a-f]/.test(json) && !/(?<!\\)"__proto__":/.test(json),
        ).toBe(true)
        const second = canonicalise(parse(json), { plainText: true })
        expect(second.reason).toBeNull()
        expect(second.reason === null && JSON.stringify(second.event)).toBe(json)
        expect(second.reason === null && flagCodesOf(second.flags).filter((code) => !keptFlags.includes(code))).toEqual(
          [],
        )
      }),
      propertySettings(2_000),
    )
  })
})

/** These tell of something that stays as it is, so they are found again. */
const keptFlags: readonly string[] = ['unsafe_integer', 'ambiguous_path']

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(fc.constantFrom('a', '.', '\0', '\ud800', '\udc00', '😀', 'é', '\u2028'), { maxLength: 4 })
    .map((parts) => parts.join('')),
)
const key = fc.oneof(text, fc.constantFrom('__proto__', 'constructor', 'a.b', 'a', 'b', '1'))
const scalar = fc.oneof(
  text,
  fc.double(),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom(2 ** 53, Infinity, -Infinity, -0),
)

const poison = fc.letrec<{ value: unknown; object: Record<string, unknown> }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    scalar,
    fc.array(tie('value'), { maxLength: 4 }),
    tie('object'),
  ),
  object: fc.array(fc.tuple(key, tie('value')), { maxLength: 5 }).map((entries) => {
    const object: Record<string, unknown> = {}
    for (const [name, value] of entries)
      Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true })
    return object
  }),
}))
const poisonous = poison.object
