import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { propertySettings } from '../../../test/property-settings.ts'
import { kafkaPosition, parseKafkaPosition } from './kafka-position.ts'

const place = fc.record({ incarnation: fc.integer({ min: 0, max: 2 ** 39 }), offset: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }) })

describe('kafkaPosition', () => {
  it('comes back, and sorts as text by life and then by offset', () => {
    fc.assert(fc.property(place, place, (one, other) => {
      expect(parseKafkaPosition(kafkaPosition(one))).toEqual(one)
      const earlier = one.incarnation < other.incarnation || (one.incarnation === other.incarnation && one.offset < other.offset)
      expect(kafkaPosition(one) < kafkaPosition(other)).toBe(earlier)
    }), propertySettings())
  })

  it.each(['', '0', '00000000000001:00000000000001', '0000000001:000000000000000g'])('refuses %j, a position of another log', (text) => {
    expect(() => parseKafkaPosition(text)).toThrow(expect.objectContaining({ code: 'log_gap', retryable: false }))
  })
})
