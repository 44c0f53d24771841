import { once } from 'node:events'
import { createServer } from 'node:http'
import { describe, expect, it } from 'vitest'
import { openClickHouse } from './clickhouse-olap.ts'

/** Prepares against a server that answers every request so. */
async function prepareAgainst(answer: { readonly status: number; readonly body: string }, part: { readonly protocol?: string } = {}): Promise<unknown> {
  const server = createServer((request, response) => {
    request.resume()
    response.writeHead(answer.status).end(answer.body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = Object(server.address())
  const olap = openClickHouse({
    url: `${part.protocol ?? 'http'}://127.0.0.1:${String(Reflect.get(address, 'port'))}`, username: 'shop', password: 'hidden-word', database: 'millrace', tlsCaFile: null, queryTimeoutMs: 1_000,
  })
  try {
    return await olap.prepare().catch((error: unknown) => error)
  } finally {
    await olap.close()
    server.close()
  }
}

const fault = (code: number, name: string): { status: number; body: string } =>
  ({ status: 403, body: `Code: ${code}. DB::Exception: shop: ${name} happened. (${name}) (version 26.7.1.1 (official build))` })

describe('a ClickHouse server that does not fit', () => {
  it.each([
    ['wrong password', fault(516, 'AUTHENTICATION_FAILED'), 'user name or password'],
    ['no right to create tables', fault(497, 'ACCESS_DENIED'), 'GRANT ALL'],
    ['missing database', fault(81, 'UNKNOWN_DATABASE'), 'CREATE DATABASE'],
  ])('%s', async (_, answer, words) => {
    const error = await prepareAgainst(answer)
    expect(error).toMatchObject({ code: 'bad_config', retryable: false, message: expect.stringContaining(words) })
    expect(String(error)).toContain('MILLRACE_OLAP_URL')
    expect(String(error)).not.toContain('hidden-word')
  })

  it('wrong version', async () => {
    expect(await prepareAgainst({ status: 200, body: '18.16.1\n' })).toMatchObject({ code: 'olap_unfit', message: expect.stringContaining('18.16.1 is too old') })
  })

  it('TLS where there is none', async () => {
    expect(await prepareAgainst({ status: 200, body: '' }, { protocol: 'https' })).toMatchObject({ code: 'bad_config', message: expect.stringContaining('TLS failed') })
  })

  it('an authority that cannot be read', () => {
    expect(() => openClickHouse({ url: 'https://db.example', username: 'u', password: 'p', database: 'd', tlsCaFile: '/no/such/file', queryTimeoutMs: 1 })).toThrow('tlsCaFile')
  })
})
