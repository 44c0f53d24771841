import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { propertySettings } from '../../test/property-settings.ts'
import { JsonScan, no } from './json-scan.ts'

/** Whether the scan vouches for the text; whole: it came to its end. */
function scanned(text: string): { readonly whole: boolean; readonly odd: boolean } {
  const bytes = Buffer.from(text)
  const scan = new JsonScan(bytes)
  return { whole: scan.value(0, 1) === bytes.length, odd: scan.odd }
}

/** Pieces of numbers, texts, and what stands between values. */
const piece = fc.oneof(
  fc.constantFrom('0', '-', '1', '9', '5', '.', '0.000001', '0.0000001', 'e', 'E+', '123456789012345', '9007199254740993', '1e999', 'NaN'),
  fc.constantFrom('"', '"a"', '"a":', '"":', '"__proto__":', '"a.b":', '"0":', '"ä":', '"é"', '"\u2028"', '"\\n"', '"\\/"', '"\\u0041"', '"\\ud800"', '"\\x"', '\\'),
  fc.constantFrom('{', '}', '[', ']', ',', ':', 'true', 'false', 'null', 'nul', ' ', '\n', '{}', '[]', '\t', '\u0001', '\u007f'),
)

describe('JsonScan', () => {
  it('vouches for nothing but what JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('')
        const { whole, odd } = scanned(text)
        if (whole && !odd) expect(JSON.stringify(JSON.parse(text))).toBe(text)
      }),
      propertySettings(20_000),
    )
  })

  it('vouches for whatever JSON.stringify writes and a store can take', () => {
    const key = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => !/^\d|[.\\"\p{Cc}]|^__proto__$/u.test(text))
    const number = fc.oneof(fc.integer(), fc.integer({ min: -99_999_999, max: 99_999_999 }).map((cents) => cents / 100)).map((value) => value + 0)
    const text = fc.string({ unit: 'grapheme' }).filter((value) => !/\p{Cc}/u.test(value))
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof({ maxDepth: 4 }, number, text, fc.constantFrom(true, false, null), fc.array(tie('tree'), { maxLength: 4 }), fc.dictionary(key, tie('tree'), { maxKeys: 6 })),
    }))
    fc.assert(
      fc.property(tree, (value) => {
        expect(scanned(JSON.stringify(value))).toEqual({ whole: true, odd: false })
      }),
      propertySettings(3_000),
    )
  })

  it.each([
    ['1e5', true], ['1.0', true], ['-0', true], ['0.0000001', true], ['1234567890123456', true], ['0.1234567890123456', true],
    ['{"a":1,"a":1}', true], ['{"__proto__":1}', true], ['{"7":1}', true], ['{"a.b":1}', true], ['"\\/"', true], ['"\\u00e4"', true],
    ['-0.5', false], ['0.000001', false], ['123456789012345', false], ['{"a":{"a":1},"b":[{"a":1},{"a":2}]}', false], ['"\\"\\\\\\n"', false],
  ])('%s: odd is %s', (text, odd) => {
    expect(scanned(text)).toEqual({ whole: true, odd })
  })

  it.each(['01', '-', '1.', '.5', '+1', '"a', '"\n"', '[1,]', '{"a":1,}', '{"a" :1}', '[1, 2]', '{a:1}', 'truf', '', '[', '{"a\\n":1}', `${'['.repeat(40)}${']'.repeat(40)}`])(
    'leaves %s to JSON.parse', (text) => {
      expect(scanned(text).whole).toBe(false)
    },
  )

  it('compares no more than a hundred keys of an object', () => {
    const object = (keys: number): string => JSON.stringify(Object.fromEntries(Array.from({ length: keys }, (_, index) => [`k${index}`, index])))
    expect(scanned(object(100))).toEqual({ whole: true, odd: false })
    expect(new JsonScan(Buffer.from(object(101))).value(0, 1)).toBe(no)
  })
})
