import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { uuidV7 } from '@millrace/schemas'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ManualLog } from '../../test/manual-log.ts'
import { defaultIdentitySettings } from '../identity/identity-settings.ts'
import { systemClock } from '../platform/clock.ts'
import { noLimits } from '../ports/key.ts'
import { createEdgeApp, edgeDefaults } from './edge-app.ts'
import { EdgeMetrics } from './edge-metrics.ts'
import { hashKey, KeyRing } from './key-ring.ts'
import { listen, type Listening } from './listen.ts'
import { RecordGatherer } from './record-gatherer.ts'

/** What clients do to a collector that mean it ill, over real sockets; meanwhile others are served. */
const writeKey = 'wk_0123456789abcdef'
const connectionsMax = 40
let listening: Listening
let log: ManualLog
let reported: unknown[]
let sockets: Socket[]

beforeEach(async () => {
  log = new ManualLog()
  reported = []
  sockets = []
  const metrics = new EdgeMetrics()
  const app = createEdgeApp({
    log: new RecordGatherer({ log, clock: systemClock, metrics }), readiness: () => log.readiness(),
    keys: new KeyRing([{ hash: hashKey(writeKey), workspace: 7, kind: 'write', id: 'w', revoked: false, limits: noLimits }]),
    clock: systemClock, metrics, settings: { ...edgeDefaults, bodyTimeoutMs: 300 }, identityOf: () => defaultIdentitySettings, draining: () => false,
    newMessageId: () => uuidV7(Date.now()), random: () => 0.5, report: (error) => reported.push(error),
  })
  listening = await listen(app, { host: '127.0.0.1', port: 0, headersTimeoutMs: 300, requestTimeoutMs: 1_500, connectionsMax, closeTimeoutMs: 100 })
})

afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  await listening.close()
  expect(reported).toEqual([])
})

async function open(): Promise<Socket> {
  const socket = connect(Number(new URL(listening.url).port), '127.0.0.1')
  sockets.push(socket)
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** Everything until the server closes the connection. */
async function untilClosed(socket: Socket): Promise<string> {
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
  })
  if (!socket.closed) await once(socket, 'close')
  return text
}

function head(length: number | 'chunked', more = ''): string {
  const framing = length === 'chunked' ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`
  return `POST /v1/batch HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Write-Key: ${writeKey}\r\n${framing}\r\n${more}\r\n`
}

async function send(bytes: string | Uint8Array): Promise<string> {
  const socket = await open()
  const closed = untilClosed(socket)
  socket.write(bytes)
  return closed
}

async function post(body: Uint8Array | string, encoding?: string): Promise<number> {
  const response = await fetch(`${listening.url}/v1/batch`, {
    method: 'POST', body: Buffer.from(body), headers: { 'x-write-key': writeKey, ...(encoding === undefined ? {} : { 'content-encoding': encoding }) },
  })
  await response.arrayBuffer()
  return response.status
}

async function othersAreServed(): Promise<void> {
  expect(await post(JSON.stringify({ batch: [{ type: 'track', event: 'x', userId: 'u' }] }))).toBe(200)
}

describe('slow clients', () => {
  it('are cut off within their headers, within a body, and where they never begin', async () => {
    const [silent, slowHead, slowBody, slowChunks] = [await open(), await open(), await open(), await open()]
    slowHead.write('POST /v1/batch HTTP/1.1\r\nHost: x\r\nX-A:')
    slowBody.write(`${head(500)}{"batch":`)
    slowChunks.write(`${head('chunked')}1\r\n{\r\n`)
    const drip = setInterval(() => {
      slowHead.write('a')
      slowChunks.write('1\r\n \r\n')
    }, 20)
    try {
      await othersAreServed()
      for (const socket of [silent, slowHead, slowBody, slowChunks]) expect(await untilClosed(socket)).not.toContain(' 200 ')
    } finally {
      clearInterval(drip)
    }
    await othersAreServed()
  })

  it('hold no memory for what they only announce', async () => {
    for (let index = 0; index < connectionsMax - 5; index += 1) (await open()).write(`${head(500_000)}{`)
    await othersAreServed()
    const metrics = await (await fetch(`${listening.url}/metrics`)).text()
    expect(Number(/^millrace_edge_in_flight_bytes (\d+)/m.exec(metrics)?.[1])).toBeLessThan(1_000)
  })
})

describe('too many', () => {
  it('connections are refused at the bound, and idle ones make room', async () => {
    for (let index = 0; index < connectionsMax; index += 1) {
      const socket = await open()
      socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
      await once(socket, 'data')
    }
    expect(await Promise.race([untilClosed(await open()), new Promise((resolve) => setTimeout(() => resolve('open'), 5_000))])).toBe('')
    await othersAreServed()
  })

  it.each([
    ['bytes of headers', `GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`],
    ['headers', `GET /healthz HTTP/1.1\r\nHost: x\r\n${'A: b\r\n'.repeat(4_000)}\r\n`],
    ['bytes of a path', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`],
  ])('%s are a 413 at most', async (_, text) => {
    expect(await send(text)).toMatch(/^HTTP\/1\.1 413 [^]*"code":"body_too_large"/)
    await othersAreServed()
  })

  it('bytes in chunks are a 413, however small the chunks', async () => {
    const socket = await open()
    const closed = untilClosed(socket)
    socket.write(head('chunked'))
    for (let sent = 0; sent < 600 && !socket.destroyed; sent += 1) socket.write(`400\r\n${'x'.repeat(1_024)}\r\n`)
    expect(await closed).toMatch(/^(?:HTTP\/1\.1 413 |$)/)
    await othersAreServed()
  })

  it.each(['fffffffffffffffffff\r\n', '-5\r\n', 'zz\r\n'])('a chunk of %j ends the connection', async (size) => {
    expect(await send(`${head('chunked')}${size}x`)).toMatch(/^(?:HTTP\/1\.1 400 |$)/)
    await othersAreServed()
  })

  it('requests at once on one connection are answered one after the other', async () => {
    const one = `POST /v1/track HTTP/1.1\r\nHost: x\r\nX-Write-Key: ${writeKey}\r\nContent-Length: 26\r\n\r\n{"userId":"u","event":"x"}`
    const text = await send(`${one.repeat(200)}GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    expect(text.match(/HTTP\/1\.1 200 /g)).toHaveLength(201)
  })

  it('lengths of one request open no second one', async () => {
    const smuggled = 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'
    for (const more of ['Content-Length: 5\r\nContent-Length: 6\r\n', 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n', 'Transfer-Encoding: chunked, identity\r\n']) {
      const text = await send(`POST /v1/batch HTTP/1.1\r\nHost: x\r\n${more}\r\n0\r\n\r\n${smuggled}`)
      expect([more, text.includes('millrace_')]).toEqual([more, false])
      expect(text).toMatch(/^(?:HTTP\/1\.1 400 |$)/)
    }
  })
})

describe('bombs', () => {
  const zeros = Buffer.alloc(100_000_000)
  it.each([['gzip', gzipSync], ['br', brotliCompressSync], ['zstd', zstdCompressSync]] as const)('of %s are a 413 after the limit', async (encoding, compress) => {
    const bomb = compress(zeros)
    const before = process.memoryUsage().rss
    expect(await post(bomb.subarray(0, 512 * 1024), encoding)).toBeGreaterThanOrEqual(400)
    expect(process.memoryUsage().rss - before).toBeLessThan(80_000_000)
    await othersAreServed()
  })

  it('inside of bombs are opened once', async () => {
    expect(await post(gzipSync(gzipSync(zeros)), 'gzip')).toBe(400)
    await othersAreServed()
  })

  it.each([
    ['deep lists', '['.repeat(500_000)],
    ['deep objects', `{"batch":[${'{"a":'.repeat(80_000)}1${'}'.repeat(80_000)}]}`],
    ['many keys', `{"batch":[{"type":"track","event":"x","userId":"u","properties":{${Array.from({ length: 40_000 }, (_, index) => `"k${index}":1`).join()}}}]}`],
    ['a long string', `{"batch":[{"type":"track","event":"x","userId":"${'x'.repeat(500_000)}"}]}`],
    ['quotes', '"'.repeat(500_000)], ['backslashes', `{"batch":["${'\\'.repeat(500_000)}`], ['many items', `{"batch":[${'1,'.repeat(200_000)}1]}`], ['a number', `{"batch":[${'9'.repeat(500_000)}]}`],
    ['broken items', `{"batch":[${'{,'.repeat(200_000)}`],
  ])('of JSON, %s, are answered and no more', async (_, text) => {
    expect([200, 400, 413]).toContain(await post(gzipSync(text)))
    await othersAreServed()
  })
})

describe('text of clients', () => {
  it('comes back in JSON alone, marked as such, and breaks no line or header', async () => {
    const evil = '<script>alert(1)</script>\r\nSet-Cookie: a=b\u001b[31m'
    const response = await fetch(`${listening.url}/v1/${encodeURIComponent(evil)}?writeKey=${encodeURIComponent(evil)}`, { method: 'POST', body: JSON.stringify({ messageId: evil }), headers: { origin: 'https://evil.example' } })
    expect([response.status, response.headers.get('content-type'), response.headers.get('x-content-type-options'), response.headers.get('set-cookie')]).toEqual([404, 'application/json', 'nosniff', null])
    const named = await fetch(`${listening.url}/v1/track`, { method: 'POST', body: JSON.stringify({ userId: 'u', event: 'x', messageId: evil }), headers: { 'x-write-key': writeKey } })
    const text = await named.text()
    expect([named.headers.get('x-content-type-options'), ['\r', '\n', '\u001b'].some((code) => text.includes(code))]).toEqual(['nosniff', false])
    const preflight = await send('OPTIONS /v1/batch HTTP/1.1\r\nHost: x\r\nConnection: close\r\nOrigin: https://a.example\r\nAccess-Control-Request-Headers: a, b\tc<x>\r\n\r\n')
    expect(preflight).not.toContain('<x>')
    expect(await (await fetch(`${listening.url}/metrics`)).text()).not.toContain('alert')
  })
})
