import type { CanonicalEvent, JsonObject } from '@millrace/schemas'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { propertySettings } from '../../test/property-settings.ts'
import { eventRow } from './event-row.ts'

const receivedAt = Date.UTC(2026, 2, 4, 5, 6, 7, 89)

function row(properties: JsonObject, part: Partial<CanonicalEvent> = {}): { readonly columns: Record<string, unknown>; readonly flags: readonly string[]; readonly month: number } {
  const event: CanonicalEvent = {
    messageId: 'm1', type: 'track', event: 'Order Completed', userId: 'u1', timestamp: '2011-12-09T12:50:00.000Z',
    receivedAt: '2026-03-04T05:06:07.089Z', properties, ...part,
  }
  const built = eventRow({ workspace: 3, profileId: 'p', identifierKey: 'i', receivedAt, event, partition: 2, batch: 9 })
  expect(built.row.endsWith('}\n')).toBe(true)
  const columns: Record<string, unknown> = JSON.parse(built.row)
  return { columns, flags: built.flags, month: built.month }
}

describe('eventRow', () => {
  it('writes every column of a plain order', () => {
    const { columns, flags, month } = row({ order_id: '536365', revenue: 139.12, currency: 'gbp', products: [{ sku: 'a' }], country: 'France' })
    expect(columns).toEqual({
      workspace: 3, metric: 'Order Completed', type: 'track', identifier_key: 'i', profile_id: 'p',
      time: '2011-12-09 12:50:00.000', received_at: '2026-03-04 05:06:07.089', message_id: 'm1',
      value: 139.12, currency: 'GBP', order_id: '536365',
      properties: '{"order_id":"536365","revenue":139.12,"currency":"gbp","products":[{"sku":"a"}],"country":"France"}',
      properties_string: { order_id: '536365', currency: 'gbp', country: 'France' }, properties_number: { revenue: 139.12 },
      partition: 2, batch: 9, schema: 2,
    })
    expect(flags).toEqual([])
    expect(month).toBe(201112)
  })

  it('takes value before revenue before total', () => {
    expect(row({ total: 3, revenue: 2, value: 1 }).columns['value']).toBe(1)
    expect(row({ total: 3, revenue: 2 }).columns['value']).toBe(2)
    expect(row({ total: 3 }).columns['value']).toBe(3)
  })

  it('keeps amounts exact or leaves them out, never in another value', () => {
    expect(row({ value: '19.90' }).columns['value']).toBe(19.9)
    expect(row({ value: '007.5' }).columns['value']).toBe(7.5)
    expect(row({ value: 0.1 + 0.2 }).columns['value']).toBe(0.3)
    expect(row({ value: -12 }).columns['value']).toBe(-12)
    for (const value of ['1,234.50', '12 EUR', '1e3', 1e13, '', true, [1], { a: 1 }]) {
      const { columns, flags } = row({ value })
      expect(columns).not.toHaveProperty('value')
      expect(flags).toEqual(['bad_typed_value'])
    }
    expect(row({ value: null }).flags).toEqual([])
  })

  it('flags what no column holds and still stores the event', () => {
    const { columns, flags } = row({ currency: 'pounds', quantity: 1.5, order_id: { a: 1 }, product_id: 12 })
    expect(flags).toEqual(['bad_typed_value'])
    expect(columns['product_id']).toBe('12')
    expect(columns).not.toHaveProperty('currency')
    expect(columns).not.toHaveProperty('quantity')
  })

  it('maps properties that hold no others as it maps those that do', () => {
    const key = fc.oneof(fc.constantFrom('a', 'b', '1', '10', 'a.b', '__proto__', '\\udead', 'ä', '"'), fc.string({ unit: 'binary' }))
    const value = fc.oneof(fc.string({ unit: 'binary' }), fc.double({ noNaN: false }), fc.integer(), fc.boolean(), fc.constantFrom(null, -0, 1e21, '\ud800', 'x'.repeat(2_000), '\\ud8'),
      fc.array(fc.integer(), { maxLength: 2 }))
    const columnsOf = (properties: JsonObject): unknown => {
      const { row: text } = eventRow({
        workspace: 1, profileId: 'p', identifierKey: 'i', receivedAt, partition: 0, batch: 1, propertiesText: '',
        event: { messageId: 'm', type: 'track', event: 'e', timestamp: '2011-12-09T12:50:00.000Z', receivedAt: '2026-03-04T05:06:07.089Z', properties },
      })
      return text.slice(text.indexOf('"properties":'))
    }
    fc.assert(fc.property(fc.oneof(fc.dictionary(key, value), fc.dictionary(key, value, { minKeys: 60, maxKeys: 70 })), (properties) => {
      expect(columnsOf(properties)).toBe(columnsOf({ ...properties, holds: { nothing: null } }))
    }), propertySettings(500))
  })

  it('maps scalar leaves by dotted path, at most 64, nested before dotted keys', () => {
    expect(row({ a: { b: 1, c: { d: 'x' } }, 'a.b': 2, e: true, f: null, g: [1] }).columns).toMatchObject({
      properties_string: { 'a.c.d': 'x', e: 'true' }, properties_number: { 'a.b': 1 },
    })
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`k${index}`, index]))
    expect(Object.keys(Object(row(many).columns['properties_number']))).toHaveLength(64)
    expect(row({ long: 'x'.repeat(1_025) }).columns).not.toHaveProperty('properties_string')
  })

  it('writes a whole number of more than 64 bits in a form that every JSON parser reads', () => {
    const { columns } = row({ big: 1e20, list: [-(2 ** 63), 12345678901234567000], text: '12345678901234567890' })
    expect(columns['properties']).toBe('{"big":1e+20,"list":[-9.223372036854776e+18,1.2345678901234567e+19],"text":"12345678901234567890"}')
    expect(JSON.parse(String(columns['properties']))).toEqual({ big: 1e20, list: [-(2 ** 63), 12345678901234567000], text: '12345678901234567890' })
  })

  it('never writes a lone surrogate or a time the store would misread', () => {
    const { columns, flags } = row({ a: '\ud800' }, { timestamp: 'yesterday' })
    expect(JSON.stringify(columns).isWellFormed()).toBe(true)
    expect(columns['time']).toBe('2026-03-04 05:06:07.089')
    expect(flags).toEqual(['bad_timestamp'])
  })

  it('stores the traits of an identify', () => {
    const { columns } = row({}, { type: 'identify', traits: { email: 'a@b.example' } })
    expect(columns).toMatchObject({ metric: 'identify', properties: '{"email":"a@b.example"}' })
  })
})
