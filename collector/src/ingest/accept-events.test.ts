import { limits, quarantineReasons } from '@millrace/schemas'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { propertySettings } from '../../test/property-settings.ts'
import { uuidV7 } from '../platform/uuid.ts'
import { type AcceptContext, type AcceptedEvent, acceptEvents } from './accept-events.ts'
import { isObject } from './is-object.ts'
import { readEnvelope } from './read-envelope.ts'

const receivedAt = Date.UTC(2026, 0, 15, 10)
const at = (ms: number): string => new Date(receivedAt + ms).toISOString()

function contextWith(change: Partial<AcceptContext> = {}): AcceptContext {
  let made = 0
  return { workspace: 1, trust: 'public', receivedAt, route: 'batch', newMessageId: () => `made-${made += 1}`, ...change }
}

function accept(body: string | Uint8Array, change: Partial<AcceptContext> = {}): readonly AcceptedEvent[] {
  const context = contextWith(change)
  return acceptEvents(readEnvelope(typeof body === 'string' ? Buffer.from(body) : body, context.route), context)
}

/** A batch of one; the item's text stands in the body as it is. */
function acceptItem(item: string, change: Partial<AcceptContext> = {}): AcceptedEvent {
  const [first] = accept(`{"batch":[${item}]}`, change)
  if (first === undefined) throw new Error('nothing was accepted')
  return first
}

function acceptObject(item: object, change: Partial<AcceptContext> = {}): AcceptedEvent {
  return acceptItem(JSON.stringify(item), change)
}

function storedOf(accepted: AcceptedEvent): Record<string, unknown> {
  const parsed: unknown = JSON.parse(accepted.line.slice(accepted.line.indexOf('\t') + 1))
  if (!isObject(parsed)) throw new Error('a line holds an object')
  return parsed
}

const track = (rest: string): string => `{"type":"track","event":"A","userId":"u","messageId":"m",${rest}}`

describe('poison', () => {
  it.each([
    ['lone surrogate', track('"properties":{"a":"x\\ud800"}'), { a: 'x\uFFFD' }, ['replaced_surrogate']],
    ['NUL', track('"properties":{"a":"x\\u0000"}'), { a: 'x\uFFFD' }, ['replaced_nul']],
    ['NaN', track('"properties":{"a":NaN,"b":1}'), { b: 1 }, ['dropped_non_finite']],
    ['-Infinity', track('"properties":{"a":-Infinity,"b":1}'), { b: 1 }, ['dropped_non_finite']],
    ['1e999', track('"properties":{"a":1e999,"b":1}'), { b: 1 }, ['dropped_non_finite']],
    ['unsafe integer', track('"properties":{"a":9007199254740993}'), { a: 9007199254740992 }, ['unsafe_integer']],
    ['duplicate keys', track('"properties":{"a":1,"a":2}'), { a: 2 }, []],
    ['dotted keys', track('"properties":{"a.b":1,"a":{"b":2}}'), { 'a.b': 1, a: { b: 2 } }, ['ambiguous_path']],
    ['__proto__', track('"properties":{"__proto__":{"x":1},"a":1}'), { a: 1 }, ['dropped_proto']],
    ['typed fields of the wrong type', track('"properties":{"value":"abc","quantity":1.5}'), { value: 'abc', quantity: 1.5 }, ['bad_typed_value']],
  ])('%s is stored altered or flagged', (_, item, properties, flags) => {
    const accepted = acceptItem(item)
    expect(accepted).toMatchObject({ result: 'ok', flags, messageId: 'm' })
    expect(storedOf(accepted)['properties']).toEqual(properties)
    expect(accepted.line.startsWith(`1,${receivedAt},p,,${flags.join('+')}\t{`)).toBe(true)
  })

  it('bytes that are no UTF-8 flag the events of their body', () => {
    const body = Buffer.concat([Buffer.from('{"batch":[{"type":"page","userId":"u","name":"'), Buffer.from([0xff]), Buffer.from('"}]}')])
    const [accepted] = accept(body)
    expect(accepted).toMatchObject({ result: 'ok', flags: ['replaced_utf8'] })
  })

  it.each([
    ['not_an_object', '5', '5'],
    ['not_an_object', 'null', 'null'],
    ['not_an_object', '[{"type":"track"}]', '[{"type":"track"}]'],
    ['bad_json', '{"messageId":"m","type":}', '{"messageId":"m","type":}'],
    ['too_deep', `{"messageId":"m","type":"page","userId":"u","a":${'['.repeat(40)}${']'.repeat(40)}}`, null],
    ['too_many_keys', `{"messageId":"m","type":"page","userId":"u",${Array.from({ length: 510 }, (_, index) => `"k${index}":1`).join()}}`, null],
  ])('%s is quarantined with its bytes', (reason, item, raw) => {
    const accepted = acceptItem(`${item},{"type":"page","userId":"u"}`)
    expect(accepted).toMatchObject({ result: 'quarantined', reason, messageId: item.includes('messageId') ? 'm' : 'made-1' })
    expect(accepted.line.startsWith(`1,${receivedAt},p,${reason},\t`)).toBe(true)
    expect(storedOf(accepted)).toEqual({ messageId: accepted.messageId, encoding: 'utf8', raw: raw ?? item, truncated: false })
  })

  it.each([
    ['unknown_type', { type: 'purchase', userId: 'u' }],
    ['unknown_type', { type: 'Track', event: 'A', userId: 'u' }],
    ['unknown_type', { event: 'A', userId: 'u' }],
    ['unknown_type', { type: 'constructor', userId: 'u' }],
    ['missing_event_name', { type: 'track', userId: 'u' }],
    ['missing_event_name', { type: 'track', event: '  ', userId: 'u' }],
    ['missing_event_name', { type: 'track', event: 5, userId: 'u' }],
    ['event_too_large', { type: 'track', event: 'x'.repeat(201), userId: 'u' }],
    ['missing_identifier', { type: 'track', event: 'A' }],
    ['missing_identifier', { type: 'track', event: 'A', userId: ' ' }],
    ['missing_identifier', { type: 'track', event: 'A', userId: true }],
    ['missing_identifier', { type: 'track', event: 'A', userId: { id: 1 } }],
    ['missing_identifier', { type: 'track', event: 'A', userId: 'x\ud800' }],
    ['missing_identifier', { type: 'track', event: 'A', userId: 'x\0' }],
    ['missing_identifier', { type: 'track', event: 'A', userId: 'é'.repeat(161) }],
    ['missing_identifier', { type: 'track', event: 'A', properties: { email: 'a@b.example' } }],
    ['timestamp_out_of_range', { type: 'page', userId: 'u', timestamp: '1989-12-31T23:59:59.999Z' }],
    ['event_too_large', { type: 'page', userId: 'u', properties: { a: 'é'.repeat(16_500) } }],
  ])('%s keeps the canonical event: %o', (reason, item) => {
    const accepted = acceptObject(item)
    expect(accepted).toMatchObject({ result: 'quarantined', reason, messageId: 'made-1' })
    const kept = storedOf(accepted)
    expect(kept).toMatchObject({ messageId: 'made-1', encoding: 'utf8', truncated: false })
    expect(JSON.parse(String(kept['raw']))).toMatchObject({ messageId: 'made-1', receivedAt: at(0) })
  })

  it('cuts what it keeps, never within a character', () => {
    const kept = storedOf(acceptObject({ type: 'page', userId: 'u', properties: { a: 'é'.repeat(200_000) } }))
    expect(kept['truncated']).toBe(true)
    const bytes = Buffer.byteLength(String(kept['raw']))
    expect(bytes).toBeLessThanOrEqual(limits.quarantinedRawBytesMax)
    expect(bytes).toBeGreaterThan(limits.quarantinedRawBytesMax - 4)
    expect(String(kept['raw'])).not.toContain('\uFFFD')
  })

  it('keeps bytes that are no text as base64', () => {
    const item = Buffer.concat([Buffer.from('{"a":'), Buffer.from([0xff, 0xfe]), Buffer.from('}')])
    const body = Buffer.concat([Buffer.from('{"batch":['), item, Buffer.from(']}')])
    const [accepted] = accept(body)
    expect(accepted).toMatchObject({ result: 'quarantined', reason: 'bad_json', flags: ['replaced_utf8'] })
    expect(storedOf(accepted ?? acceptItem('1'))).toEqual({ messageId: 'made-1', encoding: 'base64', raw: item.toString('base64'), truncated: false })
  })

  it('a million levels harm no neighbour', () => {
    const deep = `{"a":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`
    const accepted = accept(`{"batch":[${deep},{"type":"page","userId":"u"}]}`)
    expect(accepted.map(({ result, reason }) => reason ?? result)).toEqual(['too_deep', 'ok'])
    expect(storedOf(accepted[0] ?? acceptItem('1'))['truncated']).toBe(true)
  })

  it('takes the largest event there may be', () => {
    const size = (filler: number): AcceptedEvent => acceptObject({ type: 'page', userId: 'u', messageId: 'm', properties: { a: 'x'.repeat(filler) } })
    const overhead = Buffer.byteLength(size(0).line.slice(size(0).line.indexOf('\t') + 1).trimEnd())
    expect(size(limits.eventBytesMax - overhead)).toMatchObject({ result: 'ok' })
    expect(size(limits.eventBytesMax - overhead + 1)).toMatchObject({ reason: 'event_too_large' })
  })
})

describe('identifiers', () => {
  it.each([
    ['userId:42', { userId: ' 42 ', anonymousId: 'x', traits: { email: 'a@b.example' } }],
    ['userId:42', { userId: 42 }],
    ['email:jane@shop.example', { traits: { email: ' Jane@Shop.Example ' }, anonymousId: 'x' }],
    ['email:jane@shop.example', { context: { traits: { email: 'jane@shop.example' } }, anonymousId: 'x' }],
    ['phone:+49 171 1234567', { traits: { phone: '+49 171 1234567' }, anonymousId: 'x' }],
    ['anonymousId:5C1A3B07-1A52-4B8E-9A39-0D6F9B3A2C11', { anonymousId: '5C1A3B07-1A52-4B8E-9A39-0D6F9B3A2C11' }],
  ])('the partition follows the strongest: %s', (expected, fields) => {
    const accepted = acceptObject({ type: 'identify', messageId: 'm', ...fields })
    expect(accepted.result).toBe('ok')
    expect(accepted.partitionKey).toBe(`1:${expected}`)
    expect(acceptObject({ type: 'identify', messageId: 'm', ...fields }).partitionKey).toBe(accepted.partitionKey)
  })

  it('keeps workspaces apart', () => {
    expect(acceptObject({ type: 'page', userId: 'u' }, { workspace: 2 }).partitionKey)
      .not.toBe(acceptObject({ type: 'page', userId: 'u' }, { workspace: 1 }).partitionKey)
  })

  it('what names nobody stays in the event, out of the way', () => {
    const item = '{"type":"track","event":"A","anonymousId":"x","userId":9007199254740993,"previousId":{"a":[1]},"groupId":true,"properties":[1],"name":5}'
    const accepted = acceptItem(item)
    expect(accepted).toMatchObject({ result: 'ok', flags: ['unsafe_integer', 'bad_typed_value'] })
    const stored = storedOf(accepted)
    expect(stored['malformed']).toEqual({ name: 5, userId: 9007199254740992, previousId: '{"a":[1]}', groupId: true, properties: '[1]' })
    for (const field of ['userId', 'previousId', 'groupId', 'properties', 'name']) expect(stored).not.toHaveProperty(field)
  })

  it('nulls are absent', () => {
    const stored = storedOf(acceptObject({ type: 'page', userId: 'u', anonymousId: null, properties: null, context: null, timestamp: null }))
    expect(Object.keys(stored)).toEqual(['messageId', 'type', 'userId', 'timestamp', 'receivedAt'])
  })
})

describe('message ids', () => {
  it.each([
    ['kept', 'abc', 'abc'], ['100 characters', 'x'.repeat(100), 'x'.repeat(100)], ['number', 42, '42'],
    ['blank', '  ', 'made-1'], ['boolean', true, 'made-1'], ['object', {}, 'made-1'], ['unsafe number', 2 ** 53, 'made-1'],
  ])('%s', (_, messageId, expected) => {
    const accepted = acceptObject({ type: 'page', userId: 'u', messageId })
    expect(accepted.messageId).toBe(expected)
    expect(storedOf(accepted)['messageId']).toBe(expected)
  })

  it('hashes what cannot be kept, the same each time, different ids differently', () => {
    const ids = ['x'.repeat(101), 'x'.repeat(102), 'x\ud800', 'x\ud801', 'x\0']
      .map((messageId) => acceptObject({ type: 'page', userId: 'u', messageId }).messageId)
    expect(new Set(ids).size).toBe(5)
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{64}$/)
    expect(acceptObject({ type: 'page', userId: 'u', messageId: 'x'.repeat(101) }).messageId).toBe(ids[0])
  })

  it('makes missing ones from the Idempotency-Key and the place', () => {
    const body = '{"batch":[{"type":"page","userId":"u"},{"type":"page","userId":"u"},{"type":"page","userId":"u","messageId":"own"},7]}'
    const ids = (key: string): readonly string[] => accept(body, { idempotencyKey: key }).map(({ messageId }) => messageId)
    expect(ids('k')).toEqual(ids('k'))
    expect(new Set([...ids('k'), ...ids('other')]).size).toBe(7)
    expect(ids('k')[2]).toBe('own')
  })

  it('marks the second of equal ids; both have a line', () => {
    const body = JSON.stringify({ batch: [
      { type: 'page', userId: 'u', messageId: 'm' }, { type: 'page', userId: 'u', messageId: 'm' }, { type: '?', userId: 'u', messageId: 'm' },
      { type: 'page', userId: 'u', messageId: 'n' },
    ] })
    const accepted = accept(body)
    expect(accepted.map(({ result }) => result)).toEqual(['ok', 'duplicate', 'duplicate', 'ok'])
    expect(accepted.map(({ reason }) => reason)).toEqual([undefined, undefined, 'unknown_type', undefined])
    expect(accepted[1]?.line).toBe(accepted[0]?.line)
  })

  it('equal events without ids are two events', () => {
    const accepted = accept('{"batch":[{"type":"page","userId":"u"},{"type":"page","userId":"u"}]}', { newMessageId: () => uuidV7(receivedAt) })
    expect(accepted.map(({ result }) => result)).toEqual(['ok', 'ok'])
  })
})

describe('time', () => {
  const timesOf = (body: object, change: Partial<AcceptContext> = {}): readonly unknown[] =>
    accept(JSON.stringify(body), change).map((event) => {
      const { timestamp, originalTimestamp, sentAt } = storedOf(event)
      return [timestamp, originalTimestamp, sentAt]
    })
  const page = (fields: object): object => ({ type: 'page', userId: 'u', ...fields })

  it('corrects by the envelope, else the header, else the item', () => {
    const item = page({ timestamp: at(3_600_000 - 5_000), sentAt: at(3_600_000 + 60_000) })
    expect(timesOf({ batch: [item], sentAt: at(3_600_000) }, { sentAtHeader: at(9) })).toEqual([[at(-5_000), at(3_595_000), at(3_600_000)]])
    expect(timesOf({ batch: [item], sentAt: 'x' }, { sentAtHeader: at(3_600_000) })).toEqual([[at(-5_000), at(3_595_000), at(3_600_000)]])
    expect(timesOf({ batch: [item] })).toEqual([[at(-65_000), at(3_595_000), at(3_660_000)]])
  })

  it('corrects nothing where sentAt equals every timestamp', () => {
    const early = page({ timestamp: at(-5_000) })
    expect(timesOf({ batch: [early, early], sentAt: at(-5_000) })).toEqual([[at(-5_000), at(-5_000), at(-5_000)], [at(-5_000), at(-5_000), at(-5_000)]])
    expect(timesOf({ batch: [early, page({ timestamp: at(-6_000) })], sentAt: at(-5_000) }).at(1)).toEqual([at(-1_000), at(-6_000), at(-5_000)])
    expect(timesOf({ batch: [page({ timestamp: at(-5_000), sentAt: at(-5_000) })] })).toEqual([[at(-5_000), at(-5_000), at(-5_000)]])
  })

  it('takes the time of receipt where there is none, or none to be had', () => {
    expect(timesOf({ batch: [page({})] })).toEqual([[at(0), undefined, undefined]])
    expect(timesOf({ batch: [page({ timestamp: '2026-02-30' })] })).toEqual([[at(0), '2026-02-30', undefined]])
    expect(acceptObject(page({ timestamp: '2026-02-30' })).flags).toEqual(['bad_timestamp'])
    expect(acceptObject(page({ timestamp: 1_768_471_200_000 })).flags).toEqual(['bad_timestamp', 'bad_typed_value'])
  })

  it('clamps the future', () => {
    expect(timesOf({ batch: [page({ timestamp: at(600_001) })] })).toEqual([[at(0), at(600_001), undefined]])
    expect(acceptObject(page({ timestamp: at(600_001) })).flags).toEqual(['clamped_future'])
  })

  it('writes other forms of a time in the usual one', () => {
    expect(timesOf({ batch: [page({ timestamp: '2026-01-15T11:00:00+02:00' })] })).toEqual([['2026-01-15T09:00:00.000Z', '2026-01-15T11:00:00+02:00', undefined]])
  })

  it('an event accepted again as of the same receipt stays the same line', () => {
    const [first] = accept(JSON.stringify({ batch: [page({ timestamp: at(3_595_000), messageId: 'm', traits: 5, properties: { a: 1 } })], sentAt: at(3_600_000), context: { c: 1 } }))
    const line = first?.line ?? ''
    expect(acceptItem(line.slice(line.indexOf('\t') + 1)).line).toBe(line.replace(',bad_typed_value', ','))
  })
})

describe('envelope and request', () => {
  it('merges the envelope, the item winning key by key', () => {
    const body = { batch: [{ type: 'page', userId: 'u', context: { a: 1, b: { x: 1 } } }, { type: 'page', userId: 'u', integrations: { All: true } }],
      context: { b: { y: 2 }, c: 3 }, integrations: { All: false, Mail: true } }
    const stored = accept(JSON.stringify(body)).map(storedOf)
    expect(stored.map(({ context }) => context)).toEqual([{ a: 1, b: { x: 1 }, c: 3 }, { b: { y: 2 }, c: 3 }])
    expect(stored.map(({ integrations }) => integrations)).toEqual([{ All: false, Mail: true }, { All: true, Mail: true }])
  })

  it('cleans what the envelope brings', () => {
    const [accepted] = accept('{"batch":[{"type":"page","userId":"u"}],"context":{"__proto__":{"x":1},"a":"\\ud800"}}')
    expect(accepted?.flags).toEqual(['replaced_surrogate', 'dropped_proto'])
  })

  it('adds address and agent of a browser that has told none', () => {
    const change = { ip: '203.0.113.9', userAgent: 'Browser/1' }
    expect(storedOf(acceptObject({ type: 'page', userId: 'u' }, change))['context']).toEqual(change)
    expect(storedOf(acceptObject({ type: 'page', userId: 'u', context: { ip: '0.0.0.0' } }, change))['context'])
      .toEqual({ ip: '0.0.0.0', userAgent: 'Browser/1' })
    const server = { ...change, trust: 'secret' as const }
    expect(storedOf(acceptObject({ type: 'page', userId: 'u' }, server))).not.toHaveProperty('context')
    expect(storedOf(acceptObject({ type: 'page', userId: 'u', context: { direct: true } }, server))['context'])
      .toEqual({ direct: true, ...change })
  })

  it('lets a single route name the type, and the items of a list their own', () => {
    expect(storedOf(accept('{"userId":"u","type":"track"}', { route: 'page' })[0] ?? acceptItem('1'))['type']).toBe('page')
    const list = accept('[{"userId":"u"},{"userId":"u","type":"identify"}]', { route: 'page' })
    expect(list.map((event) => storedOf(event)['type'])).toEqual(['page', 'identify'])
  })

  it('leaves keys and questions out of the event, and other fields in', () => {
    const [accepted] = accept('{"userId":"u","writeKey":"k","wantResults":true,"rudderId":"r","receivedAt":"1999"}', { route: 'page' })
    expect(Object.keys(storedOf(accepted ?? acceptItem('1')))).toEqual(['messageId', 'type', 'userId', 'timestamp', 'receivedAt', 'rudderId'])
  })

  it('says nothing about an empty batch', () => {
    expect(accept('{"batch":[]}')).toEqual([])
  })

  it('marks lines of a secret key', () => {
    expect(acceptObject({ type: 'page', userId: 'u' }, { trust: 'secret' }).line.startsWith(`1,${receivedAt},s,,\t`)).toBe(true)
  })
})

describe('whatever is sent', () => {
  const field = fc.constantFrom('type', 'event', 'userId', 'anonymousId', 'messageId', 'timestamp', 'sentAt', 'properties', 'traits', 'context', 'malformed', 'x', '__proto__')
  const value = fc.oneof(fc.constantFrom('track', 'identify', 'A', 'u', '\ud800', 'x\0', '\n\t', at(0), at(9e5), '1980-01-01', null, true, 5, 2 ** 60, {}, []), fc.jsonValue({ maxDepth: 3 }))
  const item = fc.oneof({ weight: 9, arbitrary: fc.dictionary(field, value) }, { weight: 1, arbitrary: value })

  it('has one result and one readable line for each item', () => {
    fc.assert(fc.property(fc.array(item, { maxLength: 5 }), fc.dictionary(field, value), (batch, others) => {
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
    }), propertySettings(2_000))
  })
})
