import { describe, expect, it } from 'vitest'
import { Api, ApiError, withQuery } from './api.ts'

interface Sent {
  readonly path: string
  readonly init: RequestInit
}

function api(answer: () => Promise<Response>): { readonly api: Api; readonly sent: Sent[]; readonly refused: () => number } {
  const sent: Sent[] = []
  let refused = 0
  return {
    sent, refused: () => refused,
    api: new Api('sk_hidden', {
      fetch: (path, init) => {
        sent.push({ path, init })
        return answer()
      },
      unauthorized: () => {
        refused += 1
      },
    }),
  }
}

const json = (status: number, body: unknown) => async (): Promise<Response> => Response.json(body, { status })

describe('Api', () => {
  it('sends the key as Bearer, never in the address, and no cookie', async () => {
    const { api: asked, sent } = api(json(200, { fine: true }))
    expect(await asked.get('/v1/events', { after: 'latest', waitMs: 5, cursor: undefined })).toEqual({ fine: true })
    await asked.post('/v1/segments', { name: 'a' })
    expect(sent.map(({ path }) => path)).toEqual(['/v1/events?after=latest&waitMs=5', '/v1/segments'])
    for (const { init } of sent) {
      expect(new Headers(init.headers).get('authorization')).toBe('Bearer sk_hidden')
      expect(init).toMatchObject({ credentials: 'omit', redirect: 'error' })
    }
    expect(new Headers(sent[1]?.init.headers).get('content-type')).toBe('application/json')
    expect(sent[1]?.init).toMatchObject({ method: 'POST', body: '{"name":"a"}' })
  })

  it("fails with the collector's own words, and tells of a refused key", async () => {
    const missing = api(json(404, { success: false, error: { code: 'not_found', message: 'no such profile', retryable: false } }))
    await expect(missing.api.get('/v1/profiles/x')).rejects.toMatchObject({ status: 404, code: 'not_found', message: 'no such profile' })
    expect(missing.refused()).toBe(0)
    const refused = api(json(401, { error: { code: 'unauthorized', message: 'no' } }))
    await expect(refused.api.get('/v1/status')).rejects.toBeInstanceOf(ApiError)
    expect(refused.refused()).toBe(1)
  })

  it('says so where nothing answers, or no JSON', async () => {
    await expect(api(() => Promise.reject(new TypeError('failed to fetch'))).api.get('/v1/status')).rejects.toMatchObject({ status: 0, message: 'The collector cannot be reached.' })
    await expect(api(async () => new Response('<h1>Bad gateway</h1>', { status: 502 })).api.get('/v1/status')).rejects.toMatchObject({ status: 502, message: 'The collector answered 502.' })
  })
})

it('queries hold what is given, escaped', () => {
  expect(withQuery('/v1/profiles', { email: 'a+b&c@example.com' })).toBe('/v1/profiles?email=a%2Bb%26c%40example.com')
  expect(withQuery('/v1/profiles', {})).toBe('/v1/profiles')
})
