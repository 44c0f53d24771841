import { describe, expect, it } from 'vitest'
import { controlFaultOf, faultOf, type HttpAnswer, takeAnswer } from './answers.ts'
import { draftOf } from './corpus.ts'
import { fuzzedRequest } from './mutate-request.ts'
import { Choices } from './random.ts'
import { runFuzz } from './run-fuzz.ts'

const seed = Number(process.env['MILLRACE_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

describe('the fuzzer', () => {
  it('makes the same request of the same seed and number', () => {
    const keys = { writeKey: 'w', secretKey: 's', otherSecretKey: 'o' }
    const bytes = (from: number, index: number): string => {
      const choices = new Choices(from, index)
      return fuzzedRequest(choices, draftOf(choices, index, keys)).bytes.toString('latin1')
    }
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

  it('tells good answers of the control port from bad ones', () => {
    const fault = (status: number, body: unknown): string | null =>
      controlFaultOf({ status, headers: new Map([['content-type', 'application/json']]), body: Buffer.from(JSON.stringify(body)) }, 'POST')
    expect(fault(200, { value: [] })).toBeNull()
    expect(fault(200, {})).toBeNull()
    expect(fault(400, { code: 'bad_request', message: 'no', retryable: false })).toBeNull()
    expect(fault(400, { code: 'internal', message: 'x is undefined', retryable: false })).toContain('internal')
    expect(fault(400, { message: 'no' })).toContain('shape')
    expect(fault(200, [])).toContain('shape')
    expect(fault(500, { value: 1 })).toContain('status 500')
  })

  it(`finds no defect in 600 requests (MILLRACE_SEED=${seed})`, async () => {
    const report = await runFuzz({ surface: 'public', seed, from: 0, to: 600, connections: 8 })
    expect(report.defects).toEqual([])
    expect(report.results.get('ok')).toBeGreaterThan(0)
    expect([...report.statuses.keys()]).toEqual(expect.arrayContaining([200, 400, 401, 404]))
  }, 120_000)

  it(`finds no defect of the control port in 300 requests (MILLRACE_SEED=${seed})`, async () => {
    const report = await runFuzz({ surface: 'control', seed, from: 0, to: 300, connections: 8 })
    expect(report.defects).toEqual([])
    expect([...report.statuses.keys()]).toEqual(expect.arrayContaining([200, 400, 401]))
  }, 120_000)
})
