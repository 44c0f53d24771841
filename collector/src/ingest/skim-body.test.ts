import { limits } from '@millrace/schemas'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { at, contextWith } from '../../test/accept-body.ts'
import { propertySettings } from '../../test/property-settings.ts'
import { messageOf } from '../platform/errors.ts'
import { textOfOneByte } from '../platform/one-byte-text.ts'
import { type AcceptContext, acceptEvents } from './accept-events.ts'
import { parsedEnvelope, readEnvelope } from './read-envelope.ts'
import { SkimmedEvent } from './skimmed-event.ts'

type Change = Partial<AcceptContext>

const browser: Change = { ip: '203.0.113.9', userAgent: 'Mozilla/5.0 (Bücher)' }

/** Everything that comes of a body, the lines as text. */
function outcome(body: Buffer, change: Change, read: typeof readEnvelope): unknown {
  const context = contextWith(change)
  try {
    const { writeKey, wantResults, sentAt, context: shared, integrations, single, items, ...envelope } = read(body, context.route)
    const accepted = acceptEvents(read(body, context.route), context)
    void envelope
    return { writeKey, wantResults, sentAt: sentAt ?? null, shared, integrations, single, count: items.length,
      accepted: accepted.map((event) => ({ ...event, line: textOfOneByte(event.line) })) }
  } catch (error) {
    return messageOf(error)
  }
}

function expectSame(body: string | Buffer, change: Change = browser): void {
  const bytes = Buffer.from(body)
  expect(outcome(bytes, change, readEnvelope)).toEqual(outcome(bytes, change, (read, route) => parsedEnvelope(Buffer.from(read), route)))
}

function skimmedOf(body: string, route: AcceptContext['route'] = 'batch'): number {
  return readEnvelope(Buffer.from(body), route).items.filter((item) => item instanceof SkimmedEvent).length
}

const word = fc.constantFrom('track', 'page', 'Order Completed', 'Email Subscribed', 'u-1', 'null', 'ü', 'a"b', '\ud800', 'x\0', '', '7', at(0), at(9e5), '2026-01-15')
const anything = fc.oneof(word, fc.jsonValue({ maxDepth: 2 }), fc.constantFrom(null, 5, true, undefined))
const email = 'ada@shop.example'

/** What a client sends, with a few of its fields otherwise, or without them. */
function altered(usual: Readonly<Record<string, unknown>>, fields: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<Record<string, unknown>> {
  const change = fc.constantFrom(...Object.entries(fields)).chain(([name, value]) => value.map((one) => [name, one] as const))
  return fc.array(change, { maxLength: 3 }).map((changes) => ({ ...usual, ...Object.fromEntries(changes) }))
}

const contexts = altered({ page: { title: 'Ähren' } }, {
  ip: fc.constantFrom('198.51.100.4', null, 5), userAgent: fc.constantFrom('own', null), direct: fc.constantFrom(true, false, 'true'), traits: fc.constant({ email }),
  externalIds: fc.constant([{ id: 'e-1', type: 'crm' }]), library: fc.constant({ name: 'l' }), page: fc.constant(undefined), other: anything,
})
const properties = altered({ order_id: 'o-1', value: 129.9 }, {
  value: fc.constantFrom(1, '12.50', 'abc', 1e12, null, -0.5, []), quantity: fc.constantFrom(1, 1.5, '3', {}), currency: fc.constantFrom('EUR', 7, true),
  order_id: fc.constantFrom(12, 1.5, 123456789012345680), big: fc.constantFrom(1e21, 5e-7, 0.1 + 0.2, 2 ** 60), nested: fc.jsonValue({ maxDepth: 3 }), 'a.b': anything, 7: anything,
})
const names = ['track', 'page', 'screen', 'group', 'alias', 'identify', 'nonsense']
const event = altered({ type: 'track', event: 'Order Completed', userId: 'u-1', anonymousId: '8D1B2C3D-4e5f-4a6b-8c7d-9e0f1a2b3c4d', timestamp: at(0) }, {
  type: fc.oneof(fc.constantFrom(...names), anything), event: fc.oneof(fc.constant('Email Subscribed'), anything), name: anything, category: anything, messageId: fc.oneof(fc.uuid(), anything),
  userId: fc.oneof(fc.constantFrom(undefined, 'null'), anything), anonymousId: fc.oneof(fc.constant(undefined), anything), previousId: anything, groupId: anything, timestamp: anything,
  originalTimestamp: anything, sentAt: anything, properties: fc.oneof(properties, anything), traits: fc.oneof(fc.constant({ email, consent: { email: 'subscribed' } }), anything),
  context: fc.oneof({ weight: 3, arbitrary: contexts }, { weight: 1, arbitrary: anything }), integrations: fc.oneof(fc.constantFrom({ All: true }, {}), anything), malformed: anything, writeKey: anything, wantResults: anything,
  x: anything, ä: anything, 7: anything, ['__proto__']: anything, 'a.b': anything, toString: anything,
})
const item = fc.oneof({ weight: 9, arbitrary: event }, { weight: 1, arbitrary: fc.jsonValue() })
const around = altered({ sentAt: at(-5_000) }, {
  sentAt: anything, writeKey: anything, wantResults: anything, other: anything, context: fc.oneof({ weight: 4, arbitrary: contexts }, { weight: 1, arbitrary: anything }),
  integrations: fc.oneof(fc.constantFrom({ All: false }, {}), anything),
})
const settings = fc.constantFrom<Change>(browser, {}, { ...browser, trust: 'secret' }, { ip: '::1' }, { ...browser, idempotencyKey: 'again' }, { sentAtHeader: at(-5_000) })

describe('a skimmed body', () => {
  it('comes to the same as a parsed one', () => {
    const bodies = fc.record({ batch: fc.array(item, { maxLength: 3 }), others: around, first: fc.boolean(), change: settings })
    fc.assert(
      fc.property(bodies, ({ batch, others, first, change }) => {
        expectSame(JSON.stringify(first ? { batch, ...others } : { ...others, batch }), change)
      }),
      propertySettings(5_000),
    )
  })

  it('comes to the same on a single route', () => {
    const bodies = fc.record({ body: fc.oneof(event, fc.tuple(event, around).map(([one, others]) => ({ ...one, ...others }))), route: fc.constantFrom('track', 'page', 'identify'), change: settings })
    fc.assert(
      fc.property(bodies, ({ body, route, change }) => {
        expectSame(JSON.stringify(body), { ...change, route })
      }),
      propertySettings(2_500),
    )
  })

  it('comes to the same with any bytes of it changed', () => {
    const changes = fc.array(fc.record({ at: fc.nat(), byte: fc.oneof(fc.constantFrom(...Buffer.from('"\\{}[],:0.eu /\n')), fc.integer({ min: 0, max: 255 })) }), { minLength: 1, maxLength: 3 })
    const bodies = fc.record({ batch: fc.array(item, { maxLength: 2 }), others: around, changes, cut: fc.nat() })
    fc.assert(
      fc.property(bodies, ({ batch, others, changes: made, cut }) => {
        const body = Buffer.from(JSON.stringify({ ...others, batch }))
        for (const { at: place, byte } of made) body[place % body.length] = byte
        expectSame(cut % 5 === 0 ? body.subarray(0, 1 + cut % body.length) : body)
      }),
      propertySettings(5_000),
    )
  })

  it('comes to the same at every limit', () => {
    const page = (fields: string): string => `{"type":"page","userId":"u","messageId":"m","properties":${fields}}`
    const keys = (count: number): string => JSON.stringify(Array.from({ length: count }, (_, index) => index).reduce<Record<string, Record<string, number>>>((all, index) => {
      (all[`k${Math.floor(index / 50)}`] ??= {})[`n${index}`] = 1
      return all
    }, {}))
    for (const depth of [28, 29, 30, 31, 32, 33]) expectSame(`{"batch":[${page(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`)}]}`)
    for (const depth of [29, 30, 31, 32]) expectSame(`{"context":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)},"batch":[${page('{}')}]}`)
    for (const count of [100, 490, 495, 496, 497, 498, 499, 505, 520]) expectSame(`{"batch":[${page(keys(count))}]}`)
    for (const bytes of [limits.eventBytesMax - 5_000, limits.eventBytesMax - 200, limits.eventBytesMax]) {
      expectSame(`{"batch":[${page(`{"a":"${'x'.repeat(bytes)}"}`)}]}`)
      expectSame(`{"context":{"a":"${'x'.repeat(bytes)}"},"batch":[${page('{}')}]}`)
    }
    for (const count of [limits.bodyEventsMax, limits.bodyEventsMax + 1]) expectSame(`{"batch":[${Array.from({ length: count }, () => page('{}')).join()}]}`)
  })

  it('is what the SDKs and a shop send', () => {
    const order = JSON.stringify({
      type: 'track', event: 'Order Completed', messageId: 'm-1', userId: 'customer-1', anonymousId: '8d1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d', timestamp: at(0),
      properties: { order_id: 'o-1', value: 129.9, currency: 'EUR', products: [{ product_id: 'p-1', name: 'Wollsocken "grün"', quantity: 4 }] }, context: { page: { title: 'Kasse' } },
    })
    const library = '"context":{"library":{"name":"@millrace/node","version":"1.0.0"}}'
    expect(skimmedOf(`{"batch":[${order},${order.replace('m-1', 'm-2')}],"sentAt":"${at(0)}","wantResults":true,${library}}`)).toBe(2)
    expect(skimmedOf(`{"writeKey":"k","sentAt":"${at(0)}",${library},"batch":[${order}]}`)).toBe(1)
    expect(skimmedOf(order, 'track')).toBe(1)
    // One that needs care does not take its neighbours with it.
    expect(skimmedOf(`{"batch":[${order},${order.replace('129.9', '1.0')},${order}]}`)).toBe(2)
    expect(skimmedOf(`{"batch":[${order},${order.replace('129.9', '1.0')}]}`)).toBe(1)
  })
})
