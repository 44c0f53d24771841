import fc from 'fast-check'
import { expect, it } from 'vitest'
import { propertySettings } from '../../../../test/property-settings.ts'
import { objectOf, piecesOf } from './json-pieces.ts'

const awkward = fc.constantFrom('"', '\\', '\\"', '",', '":', '{"', '}', ']', '\\\\"', '\n', '\u2028', '', '1', '__proto__')
const text = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), awkward)
const value = fc.jsonValue({ depthSize: 'small' })

it('gives every object back as it was written', () => {
  fc.assert(fc.property(fc.dictionary(text, fc.oneof(value, text), { minKeys: 1, noNullPrototype: true }), (object) => {
    const written = JSON.stringify(object)
    const pieces = piecesOf(written)
    expect(pieces?.names).toEqual(Object.keys(object).map((name) => JSON.stringify(name)))
    expect(pieces?.values.map((one): unknown => JSON.parse(one))).toEqual(Object.values(JSON.parse(written)))
    expect(objectOf(pieces?.names ?? [], pieces?.values.join(',') ?? '')).toBe(written)
  }), propertySettings(500))
})

it('takes nothing else apart', () => {
  for (const other of ['{}', '[]', '1', '"a"', 'null', '', '{', '{"a"}', '{"a":1', '{"a":1}}', '{"a":1,}', '{ "a":1}', '{"a":[1}']) expect(piecesOf(other), other).toBeNull()
})
