import { describe, expect, it } from 'vitest'
import { faultOf, type HttpAnswer, takeAnswer } from './answers.ts'
import { fuzzedRequest } from './mutate-request.ts'
import { Choices } from './random.ts'
import { runFuzz } from './run-fuzz.ts'

const seed = Number(process.env['MILLRACE_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

describe('the fuzzer', () => {
  it('makes the same request of the same seed and number', () => {
    const keys = { writeKey: 'w', secretKey: 's', otherSecretKey: 'o' }
    const bytes = (from: number, index: number): string => fuzzedRequest(new Choices(from, index), index, keys).bytes.toString('latin1')
    const plain = Array.from({ length: 200 }, (_, index) => index)
    expect(plain.map((index) => bytes(1, index).length)).toEqual(plain.map((index) => bytes(1, index).length))
    expect(new Set(plain.map((index) => bytes(1, index))).size).toBeGreaterThan(190)
    expect(bytes(2, 5)).not.toBe(bytes(1, 5))
  })

  it('tells good answers from bad ones', () => {
    const take = (text: string, closed = false): HttpAnswer | undefined => takeAnswer(Buffer.from(text), 'POST', closed)?.answer
    const json = (status: number, body: string): HttpAnswer | undefined => take(`HTTP/1.1 ${status} X\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    const fault = (answer: HttpAnswer | undefined): string | null => (answer === undefined ? 'none' : faultOf(answer, 'POST'))
    expect(fault(json(200, '{"success":true}'))).toBeNull()
    expect(fault(json(400, '{"success":false,"error":{"code":"bad_body"}}'))).toBeNull()
    expect(fault(json(503, '{"success":false,"error":{"code":"internal"}}'))).toContain('status 503')
    expect(fault(json(400, '{"error":"no"}'))).toContain('shape')
    expect(fault(json(200, '{'))).toContain('no JSON')
    expect(fault(take('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}'))).toContain('nosniff')
    expect(take('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}')).toBeUndefined()
    for (const bad of ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}', 'hello\r\n\r\n', 'HTTP/1.1 200 OK\r\nX-A b\r\n\r\n', 'HTTP/1.1 200 OK\r\n\r\n']) expect(() => take(bad, true)).toThrow()
    expect(takeAnswer(Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\nmore'), 'GET', false)).toMatchObject({ answer: { body: Buffer.from('{}') }, rest: Buffer.from('more') })
  })

  it(`finds no defect in 600 requests (MILLRACE_SEED=${seed})`, async () => {
    const report = await runFuzz({ seed, from: 0, to: 600, connections: 8 })
    expect(report.defects).toEqual([])
    expect(report.results.get('ok')).toBeGreaterThan(0)
    expect([...report.statuses.keys()]).toEqual(expect.arrayContaining([200, 400, 401, 404]))
  }, 120_000)
})
