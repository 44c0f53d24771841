import { limits } from '@millrace/schemas'
import { describe, expect, it } from 'vitest'
import { accept, acceptItem, acceptObject, at, receivedAt, storedOf } from '../../test/accept-body.ts'
import type { AcceptedEvent } from './accept-events.ts'

const track = (rest: string): string => `{"type":"track","event":"A","userId":"u","messageId":"m",${rest}}`

function keys(count: number): string {
  return Array.from({ length: count }, (_, index) => `"k${index}":1`).join()
}

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
    [
      'typed fields of the wrong type',
      track('"properties":{"value":"abc","quantity":1.5}'),
      { value: 'abc', quantity: 1.5 },
      ['bad_typed_value'],
    ],
  ])('%s is stored altered or flagged', (...[, item, properties, flags]) => {
    const accepted = acceptItem(item)
    expect(accepted).toMatchObject({ result: 'ok', flags, messageId: 'm' })
    expect(storedOf(accepted)['properties']).toEqual(properties)
    expect(accepted.line.startsWith(`1,${receivedAt},p,,${flags.join('+')}\t{`)).toBe(true)
  })

  it('bytes that are no UTF-8 flag the events of their body', () => {
    const body = Buffer.concat([
      Buffer.from('{"batch":[{"type":"page","userId":"u","name":"'),
      Buffer.from([0xff]),
      Buffer.from('"}]}'),
    ])
    const [accepted] = accept(body)
    expect(accepted).toMatchObject({ result: 'ok', flags: ['replaced_utf8'] })
  })

  it.each([
    ['not_an_object', '5', '5'],
    ['not_an_object', 'null', 'null'],
    ['not_an_object', '[{"type":"track"}]', '[{"type":"track"}]'],
    ['bad_json', '{"messageId":"m","type":}', '{"messageId":"m","type":}'],
    ['too_deep', `{"messageId":"m","type":"page","userId":"u","a":${'['.repeat(40)}${']'.repeat(40)}}`, null],
    [
      'too_many_keys',
      `{"messageId":"m","type":"page","userId":"u",${keys(510)}}`,
      null,
    ],
  ])('%s is quarantined with its bytes', (reason, item, raw) => {
    const accepted = acceptItem(`${item},{"type":"page","userId":"u"}`)
    expect(accepted).toMatchObject({
      result: 'quarantined',
      reason,
      messageId: item.includes('messageId') ? 'm' : 'made-1',
    })
    expect(accepted.line.startsWith(`1,${receivedAt},p,${reason},\t`)).toBe(true)
    expect(storedOf(accepted)).toEqual({
      messageId: accepted.messageId,
      encoding: 'utf8',
      raw: raw ?? item,
      truncated: false,
    })
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
    ['missing_identifier', { type: 'track', event: 'A', userId: 'null' }],
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
    expect(storedOf(accepted ?? acceptItem('1'))).toEqual({
      messageId: 'made-1',
      encoding: 'base64',
      raw: item.toString('base64'),
      truncated: false,
    })
  })

  it('a million levels harm no neighbour', () => {
    const deep = `{"a":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`
    const accepted = accept(`{"batch":[${deep},{"type":"page","userId":"u"}]}`)
    expect(accepted.map(({ result, reason }) => reason ?? result)).toEqual(['too_deep', 'ok'])
    expect(storedOf(accepted[0] ?? acceptItem('1'))['truncated']).toBe(true)
  })

  it.each([
    ['too_deep', '['.repeat(1_000_000) + ']'.repeat(1_000_000)],
    ['too_many_keys', `{${keys(600)}}`],
    ['event_too_large', `"${'x'.repeat(3_000_000)}"`],
  ])('%s in what the items share is judged once', (reason, value) => {
    const items = Array.from({ length: limits.bodyEventsMax }, (_, index) => `{"type":"page","userId":"u${index}"}`)
    const start = performance.now()
    const accepted = accept(`{"context":{"a":${value}},"batch":[${items.join()}]}`)
    expect(accepted.map((event) => event.reason)).toEqual(items.map(() => reason))
    expect(storedOf(accepted[7] ?? acceptItem('1'))['raw']).toBe(items[7])
    // Judged for each item it would take most of a minute.
    expect(performance.now() - start).toBeLessThan(5_000)
  })

  it('takes the largest event there may be', () => {
    const size = (filler: number): AcceptedEvent =>
      acceptObject({ type: 'page', userId: 'u', messageId: 'm', properties: { a: 'x'.repeat(filler) } })
    const overhead = Buffer.byteLength(
      size(0)
        .line.slice(size(0).line.indexOf('\t') + 1)
        .trimEnd(),
    )
    expect(size(limits.eventBytesMax - overhead)).toMatchObject({ result: 'ok' })
    expect(size(limits.eventBytesMax - overhead + 1)).toMatchObject({ reason: 'event_too_large' })
  })
})
