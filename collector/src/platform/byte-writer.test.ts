import fc from 'fast-check'
import { expect, it } from 'vitest'
import { propertySettings } from '../../test/property-settings.ts'
import { ByteWriter } from './byte-writer.ts'

it('puts text and bytes one behind the other, whatever room it began with', () => {
  const piece = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.uint8Array({ maxLength: 300 }))
  fc.assert(fc.property(fc.array(piece, { maxLength: 40 }), fc.nat(500), (pieces, room) => {
    const writer = new ByteWriter(room)
    for (const one of pieces) {
      if (typeof one === 'string') writer.text(one)
      else writer.bytes(one)
    }
    expect(writer.finish().equals(Buffer.concat(pieces.map((one) => Buffer.from(one))))).toBe(true)
  }), propertySettings())
})
