import { AuthenticationError, NetworkError, ProtocolError, ResponseError, UserError } from '@platformatic/kafka'
import { describe, expect, it } from 'vitest'
import { MillraceError } from '../../platform/errors.ts'
import { hasCode, kafkaFault } from './kafka-fault.ts'

const engine = 'kafka at one:9092'

function withCode(code: string): Error {
  return Object.assign(new Error(`node says ${code}`), { code })
}

function connecting(cause: Error): Error {
  return new NetworkError('Connection to one:9092 failed.', { cause })
}

describe('kafkaFault', () => {
  it.each([
    [connecting(new AuthenticationError('SASL authentication failed.', { cause: new ResponseError(36, 2, { '/': [58, 'Authentication failed'] }, {}) })), /refuses the user or the password/],
    [connecting(new AuthenticationError('Cannot find a suitable SASL mechanism.', { cause: new ProtocolError('UNSUPPORTED_SASL_MECHANISM') })), /\?sasl=plain/],
    [connecting(new AuthenticationError('Cannot find a suitable SASL mechanism.', { cause: new ProtocolError('ILLEGAL_SASL_STATE') })), /no password at this port/],
    [new UserError('Broker requires TLS.'), /add \?tls=true/],
    [connecting(new UserError('TLS handshake failed. Please verify the broker supports TLS.', { cause: withCode('ECONNRESET') })), /no TLS at this port/],
    [connecting(withCode('DEPTH_ZERO_SELF_SIGNED_CERT')), /\?ca=FILE/],
    [connecting(withCode('ERR_TLS_CERT_ALTNAME_INVALID')), /\?ca=FILE/],
    [new ResponseError(3, 12, { '/topics/0': [29, null] }, {}), /grant Create/],
  ])('says what waiting cannot mend: %s', (error, what) => {
    const fault = kafkaFault(engine, error)
    expect(fault).toMatchObject({ code: 'bad_config', retryable: false, message: expect.stringMatching(what) })
    expect(fault.message).toContain(engine)
  })

  it.each([
    [connecting(withCode('ECONNREFUSED')), /nobody listens there/],
    [connecting(withCode('ENOTFOUND')), /no such host/],
    [new NetworkError('Connection closed'), /password or TLS/],
    [new ResponseError(0, 9, { '/responses/0': [6, null] }, {}), /cannot be used now/],
    [new Error('odd'), /odd/],
  ])('says what may pass: %s', (error, what) => {
    expect(kafkaFault(engine, error)).toMatchObject({ code: 'unavailable', retryable: true, message: expect.stringMatching(what) })
  })

  it('leaves what is said already', () => {
    const said = new MillraceError('log_gap', 'gone')
    expect(kafkaFault(engine, said)).toBe(said)
  })

  it('finds a code however deep', () => {
    expect(hasCode(connecting(new ResponseError(0, 9, { '/a': [6, null], '/b': [87, null] }, {})), 'INVALID_RECORD')).toBe(true)
    expect(hasCode(new Error('odd'), 'INVALID_RECORD')).toBe(false)
    expect(hasCode(null, 'INVALID_RECORD')).toBe(false)
  })
})
