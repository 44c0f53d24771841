import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { propertySettings } from '../../../test/property-settings.ts'
import { MemcachedReplies, type MemcachedReply } from './memcached-replies.ts'

const value = fc.record({ key: fc.stringMatching(/^[a-z]{1,9}$/), text: fc.string({ unit: 'binary' }), unique: fc.nat().map(String) })
const reply = fc.oneof(
  fc.record({ values: fc.array(value, { maxLength: 4 }) }),
  fc.record({ line: fc.constantFrom('STORED', 'NOT_STORED', 'EXISTS', 'SERVER_ERROR out of memory') }),
)

function written(each: MemcachedReply): string {
  if ('line' in each) return `${each.line}\r\n`
  const values = each.values.map(({ key, text, unique }) => `VALUE ${key} 0 ${Buffer.byteLength(text)} ${unique}\r\n${text}\r\n`)
  return `${values.join('')}END\r\n`
}

describe('replies of memcached', () => {
  it('are the same however the bytes arrive', () => {
    fc.assert(fc.property(fc.array(reply), fc.array(fc.nat(200)), (wanted, cuts) => {
      const bytes = Buffer.from(wanted.map(written).join(''))
      const replies = new MemcachedReplies()
      const got: MemcachedReply[] = []
      let at = 0
      for (const cut of [...cuts, bytes.length]) {
        got.push(...replies.push(bytes.subarray(at, at + cut)))
        at += cut
      }
      expect(got).toEqual(wanted)
    }), propertySettings())
  })

  it.each(['VALUE k 0 x 1\r\n', 'VALUE k 0 3 1\r\nlonger', 'VALUE k 0 99999999999 1\r\n', 'x'.repeat(3_000)])('are no such bytes as %j', (text) => {
    expect(() => new MemcachedReplies().push(Buffer.from(text))).toThrow()
  })
})
