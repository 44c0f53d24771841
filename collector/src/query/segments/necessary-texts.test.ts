import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { propertySettings } from '../../../test/property-settings.ts'
import { Zone } from './zone.ts'
import { filterHolds } from './filter-holds.ts'
import { necessaryTexts } from './necessary-texts.ts'

const asked = { at: 0, zone: new Zone('UTC') }

describe('texts that an event must hold', () => {
  it('are in every event that passes', () => {
    const scalar = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer(), fc.boolean(), fc.constantFrom('22423', '007', '1e3', '-0', '5.0', 'true', '"', 'ς\n'))
    const value = fc.oneof(scalar, fc.array(scalar, { maxLength: 2 }))
    fc.assert(fc.property(value, fc.array(scalar, { minLength: 1, maxLength: 3 }), fc.nat(3), (found, wanted, respelt) => {
      const list = [...wanted, ...(typeof found === 'object' ? [] : [found, String(found), Number(found)]).slice(0, respelt)].filter((one) => !Number.isNaN(one))
      const properties = { p: found }
      for (const filter of [{ property: 'p', operator: 'in', value: list } as const, ...list.map((one) => ({ property: 'p', operator: 'equals', value: one } as const))]) {
        const texts = necessaryTexts(filter)
        if (texts === null || !filterHolds(filter, properties, asked)) continue
        expect(texts.some((text) => JSON.stringify(properties).includes(text))).toBe(true)
      }
    }), propertySettings(1_000))
  })

  it('are known where texts alone are wanted, in their spelling', () => {
    expect(necessaryTexts({ property: 'product_id', operator: 'equals', value: '22423' })).toEqual(['22423'])
    expect(necessaryTexts({ property: 'p', operator: 'in', value: ['a"b', '007'] })).toEqual(['a\\"b', '007', '7'])
    expect(necessaryTexts({ property: 'p', operator: 'equals', value: 'a', ignoreCase: true })).toBeNull()
    expect(necessaryTexts({ property: 'p', operator: 'in', value: ['a', 5] })).toBeNull()
    expect(necessaryTexts({ property: 'p', operator: 'not-equals', value: 'a' })).toBeNull()
    expect(necessaryTexts({ property: 'p', operator: 'equals', value: '' })).toBeNull()
  })
})
