import { limits } from '@millrace/schemas'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { propertySettings } from '../../test/property-settings.ts'
import { MillraceError } from '../platform/errors.ts'
import { BrokenItem, readEnvelope } from './read-envelope.ts'

const utf8 = (text: string): Uint8Array => Buffer.from(text)

/** Items as JSON, broken ones as `broken:` and their text. */
function itemsOf(body: string | Uint8Array, route: 'batch' | 'track' = 'batch'): readonly string[] {
  const { items } = readEnvelope(typeof body === 'string' ? utf8(body) : body, route)
  return items.map((item) =>
    item instanceof BrokenItem ? `broken:${Buffer.from(item.bytes).toString()}` : JSON.stringify(item),
  )
}

const badBody: unknown = expect.objectContaining({ code: 'bad_body' })

describe('readEnvelope', () => {
  it('takes a batch apart', () => {
    const body =
      '{"batch":[{"a":1},2],"writeKey":"k","sentAt":"2026-01-01","context":{"c":1},' +
      '"integrations":{"i":1},"wantResults":true}'
    expect(readEnvelope(utf8(body), 'batch')).toMatchObject({
      items: [{ a: 1 }, 2],
      writeKey: 'k',
      sentAt: '2026-01-01',
      context: { c: 1 },
      integrations: { i: 1 },
      wantResults: true,
      single: false,
      replacedUtf8: false,
    })
  })

  it('takes one event on a single route, whatever its keys', () => {
    const body = '{"event":"A","batch":[1],"writeKey":"k","sentAt":"s","context":{"c":1}}'
    const envelope = readEnvelope(utf8(body), 'track')
    expect(envelope).toMatchObject({
      items: [{ event: 'A', sentAt: 's', others: ['"batch":[1]'], context: { json: '{"c":1}' } }],
      writeKey: 'k',
      sentAt: 's',
      single: true,
      wantResults: false,
    })
    expect(envelope.context).toBeUndefined()
    expect(Buffer.from(envelope.rawOf(0)).toString()).toBe(body)
  })

  it.each([
    ['top-level list', ' [{"a":1},[2],null] ', ['{"a":1}', '[2]', 'null']],
    ['empty batch', '{"batch":[]}', []],
    ['empty list', '[]', []],
    ['one event where a batch should be', '{"type":"track","event":"A"}', ['{"type":"track","event":"A"}']],
    ['byte order mark', '\uFEFF{"batch":[1]}', ['1']],
  ])('%s', (_, body, items) => {
    expect(itemsOf(body)).toEqual(items)
  })

  it.each([
    ['empty', ''],
    ['only a byte order mark', '\uFEFF'],
    ['blank', '  \n'],
    ['words', 'hello'],
    ['a string', '"hello"'],
    ['a number', '1'],
    ['null', 'null'],
    ['no batch', '{}'],
    ['batch is no list', '{"batch":{"a":1}}'],
    ['series of metrics', '{"series":[]}'],
    ['cut off in the first item', '{"batch":[{"type":"tra'],
    ['cut off before it', '{"batch":'],
    ['broken, no batch', '{"type":"track","event":}'],
    ['only brackets', '[[[[[['],
    ['only closing ones', ']]]]}}}}'],
    ['form', 'a=1&b=2'],
    ['unclosed string', '"'],
  ])('no event can be cut out: %s', (_, body) => {
    expect(() => itemsOf(body)).toThrow(badBody)
  })

  it('says the limit and the first index above it', () => {
    const body = (count: number): string => `{"batch":[${Array.from({ length: count }, () => '{}').join()}]}`
    expect(itemsOf(body(limits.bodyEventsMax))).toHaveLength(limits.bodyEventsMax)
    const tooMany: unknown = expect.objectContaining({
      code: 'body_too_large',
      message: expect.stringMatching(/2500 events.*index 2500/),
    })
    expect(() => itemsOf(body(limits.bodyEventsMax + 1))).toThrow(tooMany)
    expect(() => itemsOf(body(limits.bodyEventsMax + 1).slice(0, -1))).toThrow(tooMany)
  })

  it('replaces bytes that are no UTF-8', () => {
    const envelope = readEnvelope(
      Buffer.concat([utf8('{"batch":["'), Buffer.from([0xff, 0xed, 0xa0, 0x80]), utf8('"]}')]),
      'batch',
    )
    expect(envelope.replacedUtf8).toBe(true)
    expect(envelope.items).toEqual(['\uFFFD\uFFFD\uFFFD\uFFFD'])
  })

  it.each([
    ['{"a":"\\u0000"}', false],
    ['{"a":"\\uD800"}', false],
    ['{"a":"\\udc00"}', false],
    ['{"a":"\\u00e9"}', true],
    ['{"a":"é"}', true],
  ])('knows from the text whether strings can hide something: %s', (item, plainText) => {
    expect(readEnvelope(utf8(`[${item}]`), 'batch').plainText).toBe(plainText)
  })
})

describe('salvage', () => {
  it.each([
    ['one broken item', '{"batch":[{"a":1},{"b":tru},{"c":3}]}', ['{"a":1}', 'broken:{"b":tru}', '{"c":3}']],
    ['missing comma', '{"batch":[{"a":1}{"b":2}]}', ['{"a":1}', '{"b":2}']],
    ['comma too many', '{"batch":[{"a":1},,{"b":2},]}', ['{"a":1}', '{"b":2}']],
    ['brackets in strings', '{"batch":[{"a":"}]\\"{"},{"b":x}]}', ['{"a":"}]\\"{"}', 'broken:{"b":x}']],
    ['list bracket left open', '{"batch":[{"a":[1},{"b":2}]}', ['broken:{"a":[1}', '{"b":2}']],
    ['list bracket closed twice', '{"batch":[{"a":1]},{"b":2}]}', ['broken:{"a":1]}', '{"b":2}']],
    ['scalars and lists', '{"batch":[1,nope,"x",[1,2],{"b":2}]}', ['1', 'broken:nope', '"x"', '[1,2]', '{"b":2}']],
    ['cut off within an item', '{"batch":[{"a":1},{"b":"x', ['{"a":1}', 'broken:{"b":"x']],
    ['cut off behind an item', '{"batch":[{"a":1},', ['{"a":1}']],
    ['cut off behind the batch', '{"batch":[{"a":1}],"sentAt":"20', ['{"a":1}']],
    ['something behind the end', '{"batch":[{"a":1}]} x', ['{"a":1}']],
    ['top-level list', '[{"a":1},{"b":]', ['{"a":1}', 'broken:{"b":]']],
    ['raw line break in a string', '{"batch":[{"a":"x\ny"},{"b":2}]}', ['broken:{"a":"x\ny"}', '{"b":2}']],
    ['another batch inside', '{"context":{"batch":[9]},"batch":[{"a":1},{"b":}]}', ['{"a":1}', 'broken:{"b":}']],
    ['keys without quotes before it', '{x:1,"batch":[{"a":1}]}', ['{"a":1}']],
  ])('%s', (_, body, items) => {
    expect(itemsOf(body)).toEqual(items)
  })

  it('keeps the fields of the envelope', () => {
    const body =
      '{"writeKey":"k","wantResults":true,"context":{"c":1},"batch":[{"a":1},{"b":}],' +
      '"sentAt":"2026-01-01","integrations":{}}'
    expect(readEnvelope(utf8(body), 'batch')).toMatchObject({
      writeKey: 'k',
      wantResults: true,
      context: { c: 1 },
      sentAt: '2026-01-01',
      integrations: {},
      single: false,
    })
  })

  it('takes the literals of other languages for numbers too great', () => {
    const body = '{"batch":[{"a":NaN,"b":-Infinity,"c":[Infinity],"d":"NaN \\" Infinity"}]}'
    expect(readEnvelope(utf8(body), 'batch').items).toEqual([
      { a: Infinity, b: -Infinity, c: [Infinity], d: 'NaN " Infinity' },
    ])
    expect(readEnvelope(utf8('{"event":"A","value":NaN}'), 'track').items).toEqual([{ event: 'A', value: Infinity }])
    expect(itemsOf('{"batch":[{"a":NaN},{"b":NaNa},{"c":}]}')).toEqual([
      '{"a":null}',
      'broken:{"b":NaNa}',
      'broken:{"c":}',
    ])
  })

  it('knows the bytes of every item, of a whole body too', () => {
    const envelope = readEnvelope(utf8('{"batch":[ {"a": 1}, [2 ] , 3 ]}'), 'batch')
    expect([0, 1, 2].map((index) => Buffer.from(envelope.rawOf(index)).toString().trim())).toEqual([
      '{"a": 1}',
      '[2 ]',
      '3',
    ])
  })

  it('takes time in proportion to the body', () => {
    for (const part of ['[', '{', '"', '{"', '{"a":', '[{"batch":[', '\\', '{"batch":[{"a":x},']) {
      const body = part.repeat(Math.floor(1_000_000 / part.length))
      const start = performance.now()
      try {
        readEnvelope(utf8(body), 'batch')
      } catch (error) {
        expect(error).toBeInstanceOf(MillraceError)
      }
      // Linear work takes some 20 ms; quadratic work would take minutes.
      expect(performance.now() - start).toBeLessThan(5_000)
    }
  })

  it('answers any damage with items or bad_body', () => {
    const whole = JSON.stringify({
      batch: [{ a: 'x"\\é😀', b: [1, { c: null }] }, { a: 1 }, 'text'],
      writeKey: 'k',
      sentAt: 's',
    })
    const damage = fc.record({
      at: fc.nat(whole.length),
      remove: fc.nat(8),
      put: fc.string({ unit: fc.constantFrom(...Array.from('{}[]",:\\x1 \n')), maxLength: 4 }),
    })
    fc.assert(
      fc.property(damage, fc.constantFrom('batch', 'track'), ({ at, remove, put }, route) => {
        const body = whole.slice(0, at) + put + whole.slice(at + remove)
        try {
          for (const index of readEnvelope(utf8(body), route).items.keys()) expect(index).toBeLessThan(50)
        } catch (error) {
          expect(error).toMatchObject({ code: 'bad_body' })
        }
      }),
      propertySettings(2_000),
    )
  })

  it('finds every whole item before the damage', () => {
    const items = Array.from({ length: 20 }, (_, index) => JSON.stringify({ index, text: '},{"]' }))
    const whole = `{"batch":[${items.join()}]}`
    for (let length = whole.indexOf(items[1] ?? ''); length < whole.length; length += 1) {
      const found = itemsOf(whole.slice(0, length))
      const expected = items.filter((item) => whole.indexOf(item) + item.length <= length)
      expect(found.slice(0, expected.length)).toEqual(expected)
    }
  })
})
