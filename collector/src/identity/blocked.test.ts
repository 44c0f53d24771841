import { describe, expect, it } from 'vitest'
import { identifierKinds } from '../ports/identity.ts'
import { isBlocked } from './blocked.ts'

describe('isBlocked', () => {
  it.each([
    '', 'null', 'None', 'NIL', 'NaN', 'undefined', 'unknown', 'true', 'False', 'anonymous', 'guest',
    'id', 'distinct_id', 'distinctId', 'not_authenticated', 'email', 'void', 'n/a', 'N/A', '-1', '[object Object]',
    '0', '0000', '00000000-0000-0000-0000-000000000000', '-',
    '"null"', "'undefined'", '` guest `', '{{ customer.id }}', 'id-{{id}}', '${userId}', '%CUSTOMER_ID%',
  ])('%s identifies nobody, of any kind', (value) => {
    for (const kind of identifierKinds) expect(isBlocked(kind, value)).toBe(true)
  })

  it.each([
    '1', '10', '42', 'nullify', 'guest-7', 'undefined1', 'User42', '100%', '{a}', '-10', 'a0000',
  ])('%s may be an id', (value) => {
    expect(isBlocked('external_id', value)).toBe(false)
  })

  it.each([
    'test@test.com', 'Test@Test.com', 'none@none.com', 'na@na.com', 'noreply@shop.example', 'No-Reply@shop.example',
    'guest@shop.example',
  ])('%s is nobody\'s address', (value) => {
    expect(isBlocked('email', value)).toBe(true)
    expect(isBlocked('external_id', value)).toBe(false)
  })

  it.each(['1111111', '+99999999', '1234567890', '0123456789', '+10000000000'])('%s is nobody\'s phone', (value) => {
    expect(isBlocked('phone', value)).toBe(true)
    expect(isBlocked('external_id', value)).toBe(false)
  })
})
