import { describe, expect, it } from 'vitest'
import { consentsOf } from './consent.ts'
import { applyTraits, emptyRegisters, mergedProperties } from './registers.ts'

const region = { region: 'GB' }
const timestamp = '2026-03-01T10:00:00.000Z'
const time = Date.parse(timestamp)
const email = { kind: 'email', namespace: '', value: 'ada@example.com' }
const phone = { kind: 'phone', namespace: '', value: '+442079460123' }

function identify(traits: unknown, context?: unknown): ReturnType<typeof consentsOf> {
  return consentsOf({ type: 'identify', timestamp, userId: 'ada', traits, context }, region)
}

describe('consent', () => {
  it('is said by identify, of the addresses that the event carries', () => {
    const consent = { email: 'unsubscribed', SMS: { status: ' Subscribed ', method: ' checkout ', at: '2026-02-01T10:00:00Z' }, whatsapp: 'NEVER_SUBSCRIBED' }
    expect(identify({ email: 'Ada@Example.com', phone: '020 7946 0123', consent })).toEqual({ ignored: false, statements: [
      { channel: 'email', address: email, status: 'unsubscribed', time, method: null },
      { channel: 'sms', address: phone, status: 'subscribed', time: Date.parse('2026-02-01T10:00:00Z'), method: 'checkout' },
      { channel: 'whatsapp', address: phone, status: 'never', time, method: null },
    ] })
  })

  it('is of the address in the traits, and only without one of that in the context', () => {
    const context = { traits: { email: 'other@example.com' } }
    expect(identify({ email: 'ada@example.com', consent: { email: 'never' } }, context).statements).toMatchObject([{ address: email }])
    expect(identify({ consent: { email: 'never' } }, context).statements).toMatchObject([{ address: { value: 'other@example.com' } }])
  })

  it('is said by tracks of known names, with the address in their context', () => {
    const said = (event: string, properties?: unknown): ReturnType<typeof consentsOf> =>
      consentsOf({ type: 'track', event, properties, timestamp, context: { traits: { email: 'ada@example.com', phone: '020 7946 0123' } } }, region)
    expect(said('Unsubscribed', { method: 'footer link', status: 'subscribed' }).statements)
      .toEqual([{ channel: 'email', address: email, status: 'unsubscribed', time, method: 'footer link' }])
    expect(said('Marked Email as Spam').statements).toMatchObject([{ channel: 'email', status: 'suppressed' }])
    expect(said('SMS Subscribed').statements).toMatchObject([{ channel: 'sms', status: 'subscribed', address: phone }])
    expect(said('Order Completed')).toEqual({ statements: [], ignored: false })
    expect(said('constructor')).toEqual({ statements: [], ignored: false })
  })

  it('without an address of its own, of an unknown channel or status, changes nothing and says so', () => {
    const nothing = { statements: [], ignored: true }
    expect(identify({ consent: { email: 'subscribed' } })).toEqual(nothing)
    expect(identify({ email: 'noreply@example.com', consent: { email: 'subscribed' } })).toEqual(nothing)
    expect(consentsOf({ type: 'track', event: 'Email Unsubscribed', timestamp, properties: { email: 'ada@example.com' } }, region)).toEqual(nothing)
    for (const bad of [true, null, 'subscribed', [], { fax: 'subscribed' }, { email: 'yes' }, { email: true }, { email: null }, { email: ['subscribed'] }, { email: {} }, { constructor: 'never' }]) {
      expect(identify({ email: 'ada@example.com', consent: bad }), JSON.stringify(bad)).toEqual(nothing)
    }
    expect(identify({ email: 'ada@example.com', consent: { email: 'never', fax: 'never' } })).toMatchObject({ statements: [{ channel: 'email' }], ignored: true })
    expect(identify({ email: 'ada@example.com', consent: {} })).toEqual({ statements: [], ignored: false })
    expect(identify({ email: 'ada@example.com' })).toEqual({ statements: [], ignored: false })
    expect(consentsOf({ type: 'group', timestamp, traits: { email: 'ada@example.com', consent: { email: 'never' } } }, region).statements).toEqual([])
  })

  it('cannot be dated after its event, which would outlast every later word', () => {
    const at = (value: unknown): number | undefined => identify({ email: 'ada@example.com', consent: { email: { status: 'subscribed', at: value } } }).statements[0]?.time
    expect(at('2026-03-02T00:00:00Z')).toBe(time)
    expect(at(time - 5_000)).toBe(time - 5_000)
    for (const bad of ['yesterday', Number.MAX_SAFE_INTEGER, {}, null]) expect(at(bad)).toBe(time)
  })

  it('is no property', () => {
    const registers = applyTraits(emptyRegisters(), { name: 'Ada', consent: { email: 'never' } }, { time, messageId: 'm', receivedAt: time })
    expect(mergedProperties([registers])).toEqual({ name: 'Ada' })
  })
})
