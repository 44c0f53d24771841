import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { propertySettings } from '../../../test/property-settings.ts'
import { decodeMessageId, encodeMessageId } from './message-id.ts'
import { parsePosition, type Place, positionText } from './position.ts'

const places: fc.Arbitrary<Place> = fc.record({
  incarnation: fc.nat({ max: 2 ** 48 - 1 }), ledger: fc.nat({ max: 2 ** 48 - 1 }), entry: fc.nat({ max: 2 ** 40 - 1 }), index: fc.integer({ min: -1, max: 2 ** 20 - 2 }),
})

describe('positions of Pulsar', () => {
  it('come back from their text, all of one length', () => {
    fc.assert(fc.property(places, (place) => {
      expect(parsePosition(positionText(place))).toEqual(place)
      expect(positionText(place)).toHaveLength(42)
    }), propertySettings())
  })

  it('sort as text like incarnation, ledger, entry, index', () => {
    const numbers = ({ incarnation, ledger, entry, index }: Place): readonly number[] => [incarnation, ledger, entry, index]
    const near = fc.record({ incarnation: fc.nat({ max: 2 }), ledger: fc.nat({ max: 20 }), entry: fc.nat({ max: 300 }), index: fc.integer({ min: -1, max: 20 }) })
    fc.assert(fc.property(near, near, (one, other) => {
      const different = numbers(one).map((number, at) => number - (numbers(other)[at] ?? 0)).find((difference) => difference !== 0) ?? 0
      const texts = [positionText(one), positionText(other)] as const
      expect(texts[0] < texts[1] ? -1 : texts[0] > texts[1] ? 1 : 0).toBe(Math.sign(different))
    }), propertySettings())
  })

  it('refuses what is no position, and what does not fit into one', () => {
    for (const text of ['', '0:0:0:0', `${positionText({ incarnation: 1, ledger: 2, entry: 3, index: -1 })} `, '00000000000001:00000000000002']) {
      expect(() => parsePosition(text)).toThrow(expect.objectContaining({ code: 'corrupt' }))
    }
    expect(() => positionText({ incarnation: 1, ledger: 2 ** 48, entry: 0, index: -1 })).toThrow(expect.objectContaining({ code: 'internal' }))
  })
})

describe('message ids of Pulsar', () => {
  it('come back from their bytes', () => {
    fc.assert(fc.property(places, fc.nat({ max: 1023 }), ({ ledger, entry, index }, partition) => {
      expect(decodeMessageId(encodeMessageId({ ledger, entry, index }, partition))).toEqual({ ledger, entry, index })
    }), propertySettings())
  })

  it('are read as a broker writes them', () => {
    expect(decodeMessageId(Buffer.from('CAUQBDAA', 'base64'))).toEqual({ ledger: 5, entry: 4, index: -1 })
    expect(decodeMessageId(Buffer.from('CP///////////wEQ////////////ATAA', 'base64'))).toBeNull()
  })

  it('fails on bytes of something else, never without end', () => {
    for (const bytes of ['', '08', 'ff', '0805', 'ffffffffffffffffffffffff', '0d00000000']) {
      expect(() => decodeMessageId(Buffer.from(bytes, 'hex'))).toThrow(expect.objectContaining({ code: 'corrupt' }))
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      try {
        decodeMessageId(bytes)
      } catch (error) {
        expect(error).toMatchObject({ code: 'corrupt' })
      }
    }), propertySettings())
  })
})
