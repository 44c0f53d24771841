import { quarantineReasons, uuidV7 } from '@millrace/schemas'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { accept, acceptItem, acceptObject, at, receivedAt, storedOf } from '../../test/accept-body.ts'
import { propertySettings } from '../../test/property-settings.ts'

describe('identifiers', () => {
  it.each([
    ['external_id::42', { userId: ' 42 ', anonymousId: 'x', traits: { email: 'a@b.example' } }],
    ['external_id::42', { userId: 42 }],
    ['email::jane@shop.example', { traits: { email: ' Jane@Shop.Example ' }, anonymousId: 'x' }],
    ['email::jane@shop.example', { context: { traits: { email: 'jane@shop.example' } }, anonymousId: 'x' }],
    ['phone::+491711234567', { traits: { phone: '+49 171 1234567' }, anonymousId: 'x' }],
    ['anonymous_id::5c1a3b07-1a52-4b8e-9a39-0d6f9b3a2c11', { anonymousId: '5C1A3B07-1A52-4B8E-9A39-0D6F9B3A2C11' }],
    ['anonymous_id::x', { userId: 'undefined', traits: { email: 'guest@shop.example' }, anonymousId: 'x' }],
    [
      'external_id:shopify:example:42',
      { context: { externalIds: [{ id: 42, type: 'shopify:example' }] }, anonymousId: 'x' },
    ],
  ])('the partition follows the strongest: %s', (expected, fields) => {
    const accepted = acceptObject({ type: 'identify', messageId: 'm', ...fields })
    expect(accepted.result).toBe('ok')
    expect(accepted.partitionKey).toBe(`1:${expected}`)
    expect(acceptObject({ type: 'identify', messageId: 'm', ...fields }).partitionKey).toBe(accepted.partitionKey)
  })

  it('keeps workspaces apart', () => {
    expect(acceptObject({ type: 'page', userId: 'u' }, { workspace: 2 }).partitionKey).not.toBe(
      acceptObject({ type: 'page', userId: 'u' }, { workspace: 1 }).partitionKey,
    )
  })

  it('what names nobody stays in the event, out of the way', () => {
    const item =
      '{"type":"track","event":"A","anonymousId":"x","userId":9007199254740993,' +
      '"previousId":{"a":[1]},"groupId":true,"properties":[1],"name":5}'
    const accepted = acceptItem(item)
    expect(accepted).toMatchObject({ result: 'ok', flags: ['unsafe_integer', 'bad_typed_value'] })
    const stored = storedOf(accepted)
    expect(stored['malformed']).toEqual({
      name: 5,
      userId: 9007199254740992,
      previousId: '{"a":[1]}',
      groupId: true,
      properties: '[1]',
    })
    for (const field of ['userId', 'previousId', 'groupId', 'properties', 'name'])
      expect(stored).not.toHaveProperty(field)
  })

  it('nulls are absent', () => {
    const stored = storedOf(
      acceptObject({ type: 'page', userId: 'u', anonymousId: null, properties: null, context: null, timestamp: null }),
    )
    expect(Object.keys(stored)).toEqual(['messageId', 'type', 'userId', 'timestamp', 'receivedAt'])
  })
})

describe('message ids', () => {
  it.each([
    ['kept', 'abc', 'abc'],
    ['100 characters', 'x'.repeat(100), 'x'.repeat(100)],
    ['number', 42, '42'],
    ['blank', '  ', 'made-1'],
    ['boolean', true, 'made-1'],
    ['object', {}, 'made-1'],
    ['unsafe number', 2 ** 53, 'made-1'],
  ])('%s', (_, messageId, expected) => {
    const accepted = acceptObject({ type: 'page', userId: 'u', messageId })
    expect(accepted.messageId).toBe(expected)
    expect(storedOf(accepted)['messageId']).toBe(expected)
  })

  it('hashes what cannot be kept, the same each time, different ids differently', () => {
    const ids = ['x'.repeat(101), 'x'.repeat(102), 'x\ud800', 'x\ud801', 'x\0'].map(
      (messageId) => acceptObject({ type: 'page', userId: 'u', messageId }).messageId,
    )
    expect(new Set(ids).size).toBe(5)
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{64}$/)
    expect(acceptObject({ type: 'page', userId: 'u', messageId: 'x'.repeat(101) }).messageId).toBe(ids[0])
  })

  it('makes missing ones from the Idempotency-Key and the place', () => {
    const body =
      '{"batch":[{"type":"page","userId":"u"},{"type":"page","userId":"u"},' +
      '{"type":"page","userId":"u","messageId":"own"},7]}'
    const ids = (key: string): readonly string[] =>
      accept(body, { idempotencyKey: key }).map(({ messageId }) => messageId)
    expect(ids('k')).toEqual(ids('k'))
    expect(new Set([...ids('k'), ...ids('other')]).size).toBe(7)
    expect(ids('k')[2]).toBe('own')
  })

  it('marks the second of equal ids; both have a line', () => {
    const body = JSON.stringify({
      batch: [
        { type: 'page', userId: 'u', messageId: 'm' },
        { type: 'page', userId: 'u', messageId: 'm' },
        { type: '?', userId: 'u', messageId: 'm' },
        { type: 'page', userId: 'u', messageId: 'n' },
      ],
    })
    const accepted = accept(body)
    expect(accepted.map(({ result }) => result)).toEqual(['ok', 'duplicate', 'duplicate', 'ok'])
    expect(accepted.map(({ reason }) => reason)).toEqual([undefined, undefined, 'unknown_type', undefined])
    expect(accepted[1]?.line).toBe(accepted[0]?.line)
  })

  it('takes what comes mended under the id of one that can never be stored, and then knows its repeats', () => {
    const [good, bad] = [{ type: 'page', userId: 'u', messageId: 'm' }, { type: '?', userId: 'v', messageId: 'm' }]
    const accepted = accept(JSON.stringify({ batch: [bad, bad, good, good, bad] }))
    expect(accepted.map(({ result }) => result)).toEqual(['quarantined', 'duplicate', 'ok', 'duplicate', 'duplicate'])
    const [first, , mended, again, last] = accepted.map(({ partitionKey }) => partitionKey)
    expect([again, last]).toEqual([mended, mended])
    expect(mended).not.toBe(first)
  })

  it('puts a repeated id behind its first, whoever it says it is of: elsewhere it might be decided before', () => {
    const accepted = accept(JSON.stringify({ batch: [
      { type: 'page', userId: 'u', messageId: 'm' }, { type: '?', messageId: 'm' }, { type: 'page', userId: 'v', messageId: 'm' }, 7,
    ] }))
    expect(accepted.slice(0, 3).map(({ partitionKey }) => partitionKey)).toEqual(Array.from({ length: 3 }, () => accepted[0]?.partitionKey))
    expect(accepted[3]?.partitionKey).not.toBe(accepted[0]?.partitionKey)
  })

  it('equal events without ids are two events', () => {
    const accepted = accept('{"batch":[{"type":"page","userId":"u"},{"type":"page","userId":"u"}]}', {
      newMessageId: () => uuidV7(receivedAt),
    })
    expect(accepted.map(({ result }) => result)).toEqual(['ok', 'ok'])
  })
})

describe('envelope and request', () => {
  it('merges the envelope, the item winning key by key', () => {
    const body = {
      batch: [
        { type: 'page', userId: 'u', context: { a: 1, b: { x: 1 } } },
        { type: 'page', userId: 'u', integrations: { All: true } },
      ],
      context: { b: { y: 2 }, c: 3 },
      integrations: { All: false, Mail: true },
    }
    const stored = accept(JSON.stringify(body)).map(storedOf)
    expect(stored.map(({ context }) => context)).toEqual([
      { a: 1, b: { x: 1 }, c: 3 },
      { b: { y: 2 }, c: 3 },
    ])
    expect(stored.map(({ integrations }) => integrations)).toEqual([
      { All: false, Mail: true },
      { All: true, Mail: true },
    ])
  })

  it('cleans what the envelope brings', () => {
    const [accepted] = accept('{"batch":[{"type":"page","userId":"u"}],"context":{"__proto__":{"x":1},"a":"\\ud800"}}')
    expect(accepted?.flags).toEqual(['replaced_surrogate', 'dropped_proto'])
  })

  it('adds address and agent of a browser that has told none', () => {
    const change = { ip: '203.0.113.9', userAgent: 'Browser/1' }
    expect(storedOf(acceptObject({ type: 'page', userId: 'u' }, change))['context']).toEqual(change)
    expect(
      storedOf(acceptObject({ type: 'page', userId: 'u', context: { ip: '0.0.0.0' } }, change))['context'],
    ).toEqual({ ip: '0.0.0.0', userAgent: 'Browser/1' })
    const server = { ...change, trust: 'secret' as const }
    expect(storedOf(acceptObject({ type: 'page', userId: 'u' }, server))).not.toHaveProperty('context')
    expect(storedOf(acceptObject({ type: 'page', userId: 'u', context: { direct: true } }, server))['context']).toEqual(
      { direct: true, ...change },
    )
  })

  it('lets a single route name the type, and the items of a list their own', () => {
    expect(storedOf(accept('{"userId":"u","type":"track"}', { route: 'page' })[0] ?? acceptItem('1'))['type']).toBe(
      'page',
    )
    const list = accept('[{"userId":"u"},{"userId":"u","type":"identify"}]', { route: 'page' })
    expect(list.map((event) => storedOf(event)['type'])).toEqual(['page', 'identify'])
  })

  it('leaves keys and questions out of the event, and other fields in', () => {
    const [accepted] = accept('{"userId":"u","writeKey":"k","wantResults":true,"rudderId":"r","receivedAt":"1999"}', {
      route: 'page',
    })
    expect(Object.keys(storedOf(accepted ?? acceptItem('1')))).toEqual([
      'messageId',
      'type',
      'userId',
      'timestamp',
      'receivedAt',
      'rudderId',
    ])
  })

  it('says nothing about an empty batch', () => {
    expect(accept('{"batch":[]}')).toEqual([])
  })

  it('marks lines of a secret key', () => {
    expect(
      acceptObject({ type: 'page', userId: 'u' }, { trust: 'secret' }).line.startsWith(`1,${receivedAt},s,,\t`),
    ).toBe(true)
  })
})

describe('whatever is sent', () => {
  const field = fc.constantFrom(
    'type',
    'event',
    'userId',
    'anonymousId',
    'messageId',
    'timestamp',
    'sentAt',
    'properties',
    'traits',
    'context',
    'malformed',
    'x',
    '__proto__',
  )
  const value = fc.oneof(
    fc.constantFrom(
      'track',
      'identify',
      'A',
      'u',
      '\ud800',
      'x\0',
      '\n\t',
      at(0),
      at(9e5),
      '1980-01-01',
      null,
      true,
      5,
      2 ** 60,
      {},
      [],
    ),
    fc.jsonValue({ maxDepth: 3 }),
  )
  const item = fc.oneof({ weight: 9, arbitrary: fc.dictionary(field, value) }, { weight: 1, arbitrary: value })

  it('has one result and one readable line for each item', () => {
    fc.assert(
      fc.property(fc.array(item, { maxLength: 5 }), fc.dictionary(field, value), (batch, others) => {
        const accepted = accept(JSON.stringify({ ...others, batch }))
        expect(accepted).toHaveLength(batch.length)
        for (const event of accepted) {
          expect(event.line.indexOf('\n')).toBe(event.line.length - 1)
          expect(event.line.split('\t')).toHaveLength(2)
          expect(event.line.isWellFormed()).toBe(true)
          const reason = event.line.split(',')[3]
          expect(reason).toBe(event.reason ?? '')
          expect(event.result === 'ok').toBe(event.reason === undefined && event.result !== 'duplicate')
          expect(['', ...quarantineReasons.filter((known) => known !== 'internal_error')]).toContain(reason)
          expect(storedOf(event)['messageId']).toBe(event.messageId)
        }
      }),
      propertySettings(2_000),
    )
  })
})

describe('consent', () => {
  it('is flagged where it says nothing of an address of the event, which is taken all the same', () => {
    const said = (traits: object): unknown => acceptObject({ type: 'identify', userId: 'u', traits })
    expect(said({ consent: { email: 'subscribed' } })).toMatchObject({ result: 'ok', flags: ['consent_ignored'] })
    expect(said({ email: 'ada@shop.example', consent: { email: 'perhaps' } })).toMatchObject({ result: 'ok', flags: ['consent_ignored'] })
    expect(said({ email: 'ada@shop.example', consent: { email: 'subscribed' } })).toMatchObject({ result: 'ok', flags: [] })
  })
})
