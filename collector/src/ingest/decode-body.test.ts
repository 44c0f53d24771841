import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { limits } from '@millrace/schemas'
import { describe, expect, it } from 'vitest'
import { decodeBody } from './decode-body.ts'

const plain = Buffer.from(JSON.stringify({ batch: [{ type: 'track', event: 'A', userId: 'u' }] }))
const junk = Buffer.from('and more')

const encodings: readonly (readonly [string, string | undefined, (bytes: Buffer) => Buffer])[] = [
  ['gzip by its header', 'gzip', gzipSync],
  ['gzip by its old name', 'X-GZIP', gzipSync],
  ['gzip by its first bytes', undefined, gzipSync],
  ['deflate in zlib framing', 'deflate', deflateSync],
  ['deflate bare', 'deflate', deflateRawSync],
  ['brotli', 'br', brotliCompressSync],
  ['zstd', 'zstd', zstdCompressSync],
]

describe('decodeBody', () => {
  it('passes on what is not compressed', () => {
    expect(decodeBody(plain, undefined)).toEqual(plain)
    expect(decodeBody(plain, ' Identity ')).toEqual(plain)
    expect(decodeBody(new Uint8Array(0), undefined)).toHaveLength(0)
  })

  it.each(encodings)('%s', (_, header, compress) => {
    const packed = compress(plain)
    expect(decodeBody(packed, header)).toEqual(plain)
    for (let length = 2; length < packed.length; length += 1) {
      expect(() => decodeBody(packed.subarray(0, length), header ?? 'gzip')).toThrow(
        expect.objectContaining({ code: 'bad_body' }),
      )
    }
    expect(() => decodeBody(Buffer.concat([packed, junk]), header)).toThrow(
      expect.objectContaining({ code: 'bad_body' }),
    )
    expect(() => decodeBody(Buffer.concat([packed, Buffer.alloc(9)]), header)).toThrow(
      expect.objectContaining({ code: 'bad_body' }),
    )
  })

  it.each(encodings)('%s, no bigger than the limit', (_, header, compress) => {
    const fits = Buffer.alloc(limits.decodedBodyBytesMax, 0x20)
    expect(decodeBody(compress(fits), header)).toHaveLength(fits.length)
    const bomb = compress(Buffer.alloc(limits.decodedBodyBytesMax + 1, 0x20))
    expect(() => decodeBody(bomb, header)).toThrow(expect.objectContaining({ code: 'body_too_large' }))
  })

  it('refuses an encoding it does not know', () => {
    expect(() => decodeBody(plain, 'compress')).toThrow(expect.objectContaining({ code: 'bad_body' }))
    expect(() => decodeBody(plain, 'gzip, br')).toThrow(expect.objectContaining({ code: 'bad_body' }))
  })
})
