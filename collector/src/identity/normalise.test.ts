import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { propertySettings } from '../../test/property-settings.ts'
import { type IdentifierKind, identifierKinds } from '../ports/identity.ts'
import { normaliseIdentifier } from './normalise.ts'

function normalised(kind: IdentifierKind, text: string, region: string | null = null): string | null {
  return normaliseIdentifier(kind, text, { region })?.value ?? null
}

describe('normaliseIdentifier', () => {
  it.each([
    [' Jane.Doe@Example.COM ', 'jane.doe@example.com'], ['<jane.doe@example.com>', 'jane.doe@example.com'],
    ['jane@BÜCHER.de', 'jane@xn--bcher-kva.de'], ['jose\u0301@x.es', 'jos\u00e9@x.es'], ['jane+news@gmail.com', 'jane+news@gmail.com'],
    ['jane@x', null], ['a@b@c', null], ['jane@1.2.3.4', null], ['ja ne@x.de', null], ['a@a..b', null], ['jane@127.1', null], ['@x.de', null],
    [`${'a'.repeat(320)}@x.de`, null], ['test@test.com', null], ['noreply@shop.example', null],
  ])('e-mail %s is %s', (text, expected) => {
    expect(normalised('email', text)).toBe(expected)
  })

  it.each([
    ['DE', '0171 1234567', '+491711234567'], ['DE', '+49 (0)171 1234567', '+491711234567'], ['DE', 'tel:+49-171-1234567', '+491711234567'],
    ['DE', '0044 20 7183 8750', '+442071838750'], ['DE', '+44 20 7183 8750 ext. 12', '+442071838750'], ['US', '(415) 555-2671', '+14155552671'],
    ['US', '14155552671', '+14155552671'], ['RU', '8 (912) 345-67-89', '+79123456789'], [null, '0171 1234567', null],
    ['DE', '12345', null], ['DE', 'call me 0171 1234567', null], ['DE', '491711234567', null], ['US', '+10000000000', null], ['US', '7777777777', null],
    ['US', '+1 777 777 7777', null], ['US', '(123) 456-7890', null],
    ['DE', '0123 456789', null], ['XX', '+49 171 1234567', '+491711234567'],
  ])('phone in %s %s is %s', (region, text, expected) => {
    expect(normalised('phone', text, region)).toBe(expected)
  })

  it.each([
    ['external_id', ' 42 ', '42'], ['external_id', 'User42', 'User42'], ['external_id', '"null"', null], ['external_id', '[object Object]', null],
    ['external_id', '{{ user.id }}', null], ['external_id', '%USER%', null], ['external_id', '-1', null], ['external_id', '  ', null], ['external_id', '0', null],
    ['anonymous_id', 'ABCDEF00-0000-4000-8000-000000000001', 'abcdef00-0000-4000-8000-000000000001'],
    ['anonymous_id', '00000000-0000-0000-0000-000000000000', null], ['anonymous_id', 'Abc', 'Abc'],
  ] as const)('%s %s is %s', (kind, text, expected) => {
    expect(normalised(kind, text)).toBe(expected)
  })

  it('is idempotent and well-formed for any text', () => {
    const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.emailAddress(), fc.string({ unit: fc.constantFrom(...'0 1 2 3 4 5 6 7 8 9 + - ( )'.split(' ')), maxLength: 16 }))
    fc.assert(fc.property(fc.constantFrom(...identifierKinds), text, fc.constantFrom('DE', 'US', 'GB', null), (kind, value, region) => {
      const once = normalised(kind, value, region)
      if (once === null) return
      expect(normalised(kind, once, region)).toBe(once)
      expect(once.isWellFormed()).toBe(true)
    }), propertySettings(2_000))
  })
})
