import { MillraceError, messageOf } from '../../platform/errors.ts'

/** What of an error of the client package says something: its own codes, the broker's error names, Node's codes. */
interface Sign {
  readonly code: string
  readonly message: string
  /** The broker answered so; everything else happened on this side or on the way. */
  readonly answered: boolean
}

const certificateCodes = [
  'CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'ERR_TLS_CERT_ALTNAME_INVALID', 'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]

/** The first that is found decides; what none of them knows is passing. */
const lasting: readonly (readonly [found: (sign: Sign) => boolean, what: string])[] = [
  [({ code }) => code === 'UNSUPPORTED_SASL_MECHANISM', 'does not take the password this way; choose another with ?sasl=plain, scram-sha-256 or scram-sha-512'],
  [({ code }) => code === 'ILLEGAL_SASL_STATE', 'asks for no password at this port; remove user:password@ from the address, or name the port that does'],
  [({ code }) => code === 'SASL_AUTHENTICATION_FAILED' || code === 'PLT_KFK_AUTHENTICATION', 'refuses the user or the password'],
  [({ message }) => message === 'Broker requires TLS.', 'wants TLS at this port; add ?tls=true to the address'],
  [({ message }) => message.startsWith('TLS handshake failed'), 'speaks no TLS at this port; remove tls from the address, or name the port that does'],
  [({ code }) => code === 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED' || code === 'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', 'asks for a certificate that it trusts; name one with ?cert=FILE&key=FILE'],
  [({ code }) => certificateCodes.includes(code), 'shows a certificate that is not trusted or not its own; name its authority with ?ca=FILE, and the host as the certificate does'],
  [({ code }) => code.startsWith('ERR_OSSL') || code.startsWith('ERR_SSL'), 'and this side agree on no TLS; see the reason, and the files of ca, cert and key'],
  [({ code }) => code === 'UNSUPPORTED_VERSION', 'is too old; Kafka 3.1 or later is needed'],
  [
    ({ code }) => code === 'TOPIC_AUTHORIZATION_FAILED' || code === 'CLUSTER_AUTHORIZATION_FAILED',
    'lets this user not do it; grant Create, Describe, DescribeConfigs, Write, Read and Delete on the topic, and IdempotentWrite',
  ],
]

const passingHints: readonly (readonly [code: string, hint: string])[] = [
  ['ENOTFOUND', 'no such host; is its name right?'],
  ['EAI_AGAIN', 'its name cannot be looked up now'],
  ['ECONNREFUSED', 'nobody listens there; does it run, and is the port right?'],
]

/** All names of the broker's errors and of Node's within an error. */
export function signsOf(error: unknown): readonly Sign[] {
  const found: Sign[] = []
  const visit = (one: unknown, depth: number): void => {
    if (typeof one !== 'object' || one === null || depth > 8) return
    const answer: unknown = Reflect.get(one, 'apiId')
    const code: unknown = answer ?? Reflect.get(one, 'code')
    found.push({ code: typeof code === 'string' ? code : '', message: messageOf(one), answered: typeof answer === 'string' })
    visit(Reflect.get(one, 'cause'), depth + 1)
    const parts: unknown = Reflect.get(one, 'errors')
    if (Array.isArray(parts)) for (const part of parts) visit(part, depth + 1)
  }
  visit(error, 0)
  return found
}

export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return signsOf(error).some(({ code }) => codes.includes(code))
}

/** Says which engine it is and what is wrong: `bad_config` where waiting cannot help, else `unavailable`. */
export function kafkaFault(engine: string, error: unknown): MillraceError {
  if (error instanceof MillraceError) return error
  const signs = signsOf(error)
  const reason = signs.at(-1)?.message ?? messageOf(error)
  for (const [found, what] of lasting) {
    if (signs.some(found)) return new MillraceError('bad_config', `${engine} ${what} (${reason})`, { cause: error })
  }
  const hint = passingHints.find(([code]) => signs.some((sign) => sign.code === code))?.[1]
  const closed = reason === 'Connection closed' ? ' without a word; does this port want a password or TLS?' : ''
  return new MillraceError('unavailable', `${engine} cannot be used now: ${hint === undefined ? '' : `${hint} (`}${reason}${closed}${hint === undefined ? '' : ')'}`, {
    retryable: true, cause: error,
  })
}
