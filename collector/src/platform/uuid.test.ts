import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { propertySettings } from '../../test/property-settings.ts'
import { messageKey, uuidBytes, uuidText, uuidV8 } from './uuid.ts'

const bytes = fc.uint8Array({ minLength: 16, maxLength: 32 }).map((drawn) => Buffer.from(drawn))

describe('UUIDs', () => {
  it('are the same as text and as bytes, in either case of letters', () => {
    fc.assert(fc.property(bytes, (drawn) => {
      const text = uuidText(drawn)
      expect(text).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
      expect(uuidBytes(text)).toEqual(drawn.subarray(0, 16))
      expect(uuidBytes(text.toUpperCase())).toEqual(drawn.subarray(0, 16))
    }), propertySettings())
    expect(uuidBytes('')).toHaveLength(0)
  })

  it('of a hash differ from it in six bits', () => {
    fc.assert(fc.property(bytes, (drawn) => {
      const marked = Buffer.from(drawn)
      marked[6] = 0x80 | ((marked[6] ?? 0) & 0x0f)
      marked[8] = 0x80 | ((marked[8] ?? 0) & 0x3f)
      expect(uuidV8(drawn.toString('hex'))).toBe(uuidText(marked))
    }), propertySettings())
  })
})

describe('the key of a message id', () => {
  it('is a UUID itself, and else a hash', () => {
    fc.assert(fc.property(bytes, fc.string({ unit: 'binary' }), (drawn, text) => {
      const id = uuidText(drawn)
      expect(messageKey(id)).toEqual(Buffer.concat([Buffer.of(1), drawn.subarray(0, 16)]))
      for (const other of [text, id.toUpperCase(), `${id} `]) {
        if (other === id) continue
        expect(messageKey(other)).toEqual(Buffer.concat([Buffer.of(2), createHash('sha256').update(other).digest().subarray(0, 16)]))
      }
    }), propertySettings())
  })
})
