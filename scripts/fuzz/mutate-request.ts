import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import type { Draft } from './corpus.ts'
import { mutatedJson } from './mutate-json.ts'
import type { Choices } from './random.ts'

/** A request as it goes over the wire. */
export interface FuzzedRequest {
  readonly bytes: Buffer
  readonly method: string
  /** What is sent may be less than a request, or more: the connection is then for it alone, and half-closed after it. */
  readonly framed: boolean
  /** Its answers tell of events. */
  readonly ingest: boolean
  readonly slow: boolean
}

type Header = readonly [string, string]

const encodings: readonly (readonly [name: string, encode: (body: Buffer) => Buffer])[] = [
  ['gzip', gzipSync], ['deflate', deflateSync], ['deflate', deflateRawSync], ['br', brotliCompressSync], ['zstd', zstdCompressSync],
  ['gzip', (body) => gzipSync(gzipSync(body))], ['gzip', (body) => gzipSync(body).subarray(0, -9)], ['gzip', (body) => Buffer.concat([gzipSync(body), Buffer.from('junk')])],
  ['gzip', (body) => body], ['br', gzipSync], ['gzip', () => gzipSync(Buffer.alloc(20_000_000, 32))], ['snappy', (body) => body], ['gzip, deflate', gzipSync], ['', gzipSync], ['identity', gzipSync],
]

const oddHeaders: readonly Header[] = [
  ['x-junk', 'a'.repeat(15_000)], ['x-junk', 'a'.repeat(70_000)], ['cookie', 'a=b; millrace="'], ['origin', 'https://evil.example'], ['origin', 'null'], ['x-forwarded-for', '::1, 999.1.1.1, "x"'],
  ['content-type', 'multipart/form-data; boundary=x'], ['idempotency-key', '\u00e9'], ['sentat', 'yesterday'], ['anonymousid', '%%%'], ['expect', '100-continue'], ['expect', 'the-unexpected'], ['connection', 'close'],
  ['connection', 'Upgrade'], ['upgrade', 'websocket'], ['upgrade', 'h2c'], ['authorization', 'Basic ====='], ['authorization', 'Digest x'], ['authorization', 'Bearer '], ['host', ''], ['host', 'a b'], ['range', 'bytes=0-1'], ['if-none-match', '*'],
  ['accept-encoding', 'gzip;q=0, *'], ['access-control-request-headers', 'x'.repeat(3_000)], ['access-control-request-headers', 'a\tb'], ['content-length', '-1'], ['content-length', '1e3'], ['te', 'trailers'], ['transfer-encoding', 'gzip, chunked'],
]

/** What becomes of a draft by the same choices that made it. */
export function fuzzedRequest(choices: Choices, draft: Draft): FuzzedRequest {
  const headers: Header[] = [['host', '127.0.0.1'], ...draft.headers]
  let body: Buffer = draft.body === undefined ? Buffer.alloc(0) : Buffer.from(mutatedJson(draft.body, choices))
  if (choices.chance(0.25)) body = damaged(body, choices)
  if (choices.chance(0.25)) {
    const [name, encode] = choices.of(encodings)
    body = encode(body)
    if (name !== '') headers.push(['content-encoding', name])
  }
  const target = choices.chance(0.2) ? oddTarget(draft.target, choices) : draft.target
  const method = choices.chance(0.03) ? choices.of(['GET', 'PUT', 'get', 'CONNECT', 'PROPFIND', 'X', 'M-SEARCH', 'HEAD', 'OPTIONS']) : draft.method
  if (choices.chance(0.2)) headers.push(choices.of(oddHeaders))
  if (choices.chance(0.05)) headers.splice(choices.below(headers.length), 1)
  const about = { method, ingest: draft.ingest, slow: draft.slow === true }
  if (choices.chance(0.85) && !headers.some(([name]) => ['content-length', 'transfer-encoding', 'expect', 'upgrade', 'connection'].includes(name)) && method !== 'CONNECT') {
    return { ...about, bytes: framedBytes(`${method} ${target}`, headers, body), framed: !headers.some(([name]) => name === 'host' || name === 'x-junk') || isPlain(target) }
  }
  return { ...about, bytes: badlyFramed(`${method} ${target}`, { headers, body }, choices), framed: false }
}

function isPlain(target: string): boolean {
  return /^\/[\w/?&=%.:@+-]*$/.test(target)
}

function headOf(line: string, headers: readonly Header[]): string {
  return `${line} HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
}

function framedBytes(line: string, headers: readonly Header[], body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(headOf(line, [...headers, ['content-length', String(body.length)]]), 'latin1'), body])
}

function badlyFramed(line: string, { headers, body }: { headers: readonly Header[]; body: Buffer }, choices: Choices): Buffer {
  const head = (more: readonly Header[]): Buffer => Buffer.from(headOf(line, [...headers, ...more]), 'latin1')
  const chunk = (piece: Buffer): Buffer => Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')])
  const half = body.length >> 1
  const chunked: Header = ['transfer-encoding', 'chunked']
  const end = Buffer.from('0\r\n\r\n')
  const whole = framedBytes(line, headers, body)
  return choices.of<() => Buffer>([
    () => Buffer.concat([head([['content-length', String(body.length + 10)]]), body]), () => Buffer.concat([head([['content-length', String(half)]]), body]),
    () => Buffer.concat([head([chunked]), chunk(body.subarray(0, half)), chunk(body.subarray(half)), end]), () => Buffer.concat([head([chunked]), chunk(body)]),
    () => Buffer.concat([head([chunked]), ...[...body.subarray(0, 300)].map((byte) => chunk(Buffer.from([byte]))), end]), () => Buffer.concat([head([chunked]), Buffer.from('fffffffffffffff\r\n'), body]),
    () => Buffer.concat([head([chunked]), Buffer.from(`5;${'x'.repeat(20_000)}\r\nhello\r\n`), end]), () => Buffer.concat([head([chunked, ['content-length', '5']]), chunk(body), end]),
    () => Buffer.concat([head([chunked]), chunk(body), Buffer.from('0\r\nx-trailer: 1\r\n\r\n')]), () => Buffer.concat([head([['content-length', '5'], ['content-length', '6']]), body]),
    () => whole.subarray(0, choices.below(whole.length)), () => damaged(whole, choices), () => Buffer.concat([whole, whole]), () => Buffer.from(whole.toString('latin1').replaceAll('\r\n', '\n'), 'latin1'),
    () => Buffer.from(whole.toString('latin1').replace('HTTP/1.1', 'HTTP/1.0'), 'latin1'), () => Buffer.from(whole.toString('latin1').replace('HTTP/1.1', 'HTTP/9.9'), 'latin1'),
    () => Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), whole]), () => Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]), () => Buffer.concat([Buffer.from('\r\n\r\n'), whole]),
  ])()
}

function damaged(bytes: Buffer, choices: Choices): Buffer {
  const copy: Buffer = Buffer.from(bytes)
  for (let round = 1 + choices.below(8); round > 0 && copy.length > 0; round -= 1) {
    const at = choices.below(copy.length)
    copy[at] = choices.chance(0.5) ? (copy[at] ?? 0) ^ (1 << choices.below(8)) : choices.of([0, 0xff, 0x22, 0x7b, 0x7d, 0x5b, 0x5d, 0x2c, 0x5c, 0xc0, 0xed, 0x0a])
  }
  const at = choices.below(copy.length + 1)
  const length = choices.below(64)
  return choices.of<() => Buffer>([() => copy, () => copy, () => Buffer.concat([copy.subarray(0, at), copy.subarray(at + length)]), () => Buffer.concat([copy.subarray(0, at), copy.subarray(Math.max(0, at - length))]), () => copy.subarray(0, at)])()
}

function oddTarget(target: string, choices: Choices): string {
  return choices.of<() => string>([
    () => `${target}?${'a=1&'.repeat(choices.of([10, 3_000]))}`, () => target.replace('/v1', '/v1/../v1'), () => target.replace('/v1', '//v1'), () => `http://127.0.0.1${target}`, () => `${target}/`, () => target.toUpperCase(),
    () => target.replaceAll('a', '%61'), () => `${target}%`, () => `${target}%ff%fe`, () => `${target}%00`, () => target.replace('=', '=%ed%a0%80'), () => `${target}&limit=-1&limit=99999999999999999999`, () => target.replace(/\w+$/, "'%20or%201=1"),
    () => target.replace(/=[^&]*/g, '='), () => target.replace(/=[^&]*/, `=${'9'.repeat(400)}`), () => '*', () => `${target}#x`, () => `/${'a/'.repeat(2_000)}`, () => target.replace(/x(?=\/|$|\?)/, '%F0%9F%98%80'), () => `${target} x`,
  ])()
}
