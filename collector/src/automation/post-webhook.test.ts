import { createServer, type RequestListener } from 'node:http'
import { createServer as createSocketServer, type LookupFunction, type Server } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../platform/clock.ts'
import { type PosterOptions, webhookPoster } from './post-webhook.ts'
import { isPublicAddress } from './public-address.ts'
import { maskedSecret, secretKeyOf, webhookSignature } from './webhook-signature.ts'

const closing: (() => void)[] = []

afterEach(() => {
  for (const close of closing.splice(0)) close()
})

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer)
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${await listening(server)}`
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })
}

function post(url: string, part: Partial<PosterOptions> = {}): ReturnType<ReturnType<typeof webhookPoster>['post']> {
  const poster = webhookPoster({ allowPrivate: true, timeoutMs: 10_000, clock: systemClock, ...part })
  closing.push(() => poster.close())
  return poster.post({ url, headers: { 'webhook-id': 'm' }, body: '{}' })
}

function lookup(...addresses: readonly string[]): LookupFunction {
  return (_, __, callback) => callback(null, addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })))
}

describe('one try of a webhook', () => {
  it('answers status and duration', async () => {
    const url = await serve((request, response) => {
      request.resume()
      response.writeHead(request.headers['webhook-id'] === 'm' ? 202 : 400, { 'retry-after': '7' }).end('taken')
    })
    expect(await post(url)).toMatchObject({ status: 202, error: null, retryAfterMs: 7_000, durationMs: expect.any(Number) })
  })

  it('follows no redirect', async () => {
    const followed: string[] = []
    const url = await serve((request, response) => {
      followed.push(request.url ?? '')
      response.writeHead(302, { location: '/elsewhere' }).end()
    })
    expect(await post(`${url}/hook`)).toMatchObject({ status: 302 })
    expect(followed).toEqual(['/hook'])
  })

  it('ends at a receiver that never answers, in its headers or in its body', async () => {
    const silent = await serve(() => {})
    expect(await post(silent, { timeoutMs: 50 })).toMatchObject({ status: null, error: 'timeout' })
    const dripping = await serve((_, response) => {
      response.writeHead(200)
      response.write('...')
    })
    expect(await post(dripping, { timeoutMs: 50 })).toMatchObject({ status: null, error: 'timeout' })
  })

  it('reads no endless answer', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200)
      const write = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(16_384))) {
          // Until the connection is full.
        }
      }
      response.on('drain', write)
      write()
    })
    expect(await post(url)).toMatchObject({ status: 200 })
  })

  it('says what kept it from an answer', async () => {
    const hangingUp = createSocketServer((socket) => socket.destroy())
    closing.push(() => hangingUp.close())
    expect(await post(`http://127.0.0.1:${await listening(hangingUp)}`)).toMatchObject({ status: null, error: 'network' })
    expect(await post('http://name.invalid/', { lookup: (_, __, callback) => callback(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), '') })).toMatchObject({ error: 'dns' })
    const plain = await serve((_, response) => response.end())
    expect(await post(plain.replace('http:', 'https:'))).toMatchObject({ status: null, error: 'tls' })
  })

  it.each(['https://127.0.0.1/', 'https://[::1]/', 'https://10.1.2.3/', 'https://[::ffff:10.0.0.1]/', 'https://169.254.169.254/', 'https://[fe80::1]/', 'http://93.184.216.34/'])('refuses %s', async (url) => {
    expect(await post(url, { allowPrivate: false })).toMatchObject({ status: null, error: 'address_refused' })
  })

  it('refuses a name that points at a private address, also beside a public one', async () => {
    for (const addresses of [['127.0.0.1'], ['93.184.216.34', '192.168.0.1'], ['::1'], ['fd00::1']]) {
      expect(await post('https://rebinding.example/', { allowPrivate: false, lookup: lookup(...addresses) })).toMatchObject({ error: 'address_refused' })
    }
  })

  it('looks a name up once and goes to what was checked', async () => {
    let asked = 0
    const url = await serve((_, response) => response.end())
    const counting: LookupFunction = (_, __, callback) => {
      asked += 1
      callback(null, [{ address: asked === 1 ? '127.0.0.1' : '127.0.0.2', family: 4 }])
    }
    expect(await post(url.replace('127.0.0.1', 'shop.example'), { lookup: counting })).toMatchObject({ status: 200 })
    expect(asked).toBe(1)
  })
})

describe('addresses', () => {
  it.each(['93.184.216.34', '1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111'])('%s is public', (address) => {
    expect(isPublicAddress(address)).toBe(true)
  })

  it.each([
    '0.0.0.0', '10.0.0.1', '100.64.0.1', '127.255.255.255', '169.254.1.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '198.18.0.1', '224.0.0.1', '255.255.255.255',
    '::', '::1', '::ffff:8.8.8.8', '64:ff9b::a00:1', 'fc00::1', 'fe80::1', 'ff02::1', '2001:db8::1', '2002:a00:1::', '2001::1', 'nonsense', '',
  ])('%s is not', (address) => {
    expect(isPublicAddress(address)).toBe(false)
  })
})

describe('signatures', () => {
  it('are those of the specification', () => {
    expect(webhookSignature({ id: 'msg_1', timestamp: 1_700_000_000, body: '{"id":1}' }, [Buffer.from('hush')])).toBe('v1,jfTwYsijRoRkw+lYrZWYfTO6tsWy04rngX6iWLz55Sc=')
  })

  it('are one for each key', () => {
    const signatures = webhookSignature({ id: 'm', timestamp: 1, body: '' }, [Buffer.from('a'), Buffer.from('b')]).split(' ')
    expect(signatures).toHaveLength(2)
    expect(signatures[1]).toBe(webhookSignature({ id: 'm', timestamp: 1, body: '' }, [Buffer.from('b')]))
  })

  it('come from secrets that are shown only masked', () => {
    const secret = `whsec_${Buffer.alloc(32, 3).toString('base64')}`
    expect(secretKeyOf(secret)).toEqual(Buffer.alloc(32, 3))
    expect(secret).not.toContain(maskedSecret(secret).slice(6))
    expect([secretKeyOf('whsec_'), secretKeyOf('abc'), secretKeyOf('whsec_!!!')]).toEqual([null, null, null])
  })
})
