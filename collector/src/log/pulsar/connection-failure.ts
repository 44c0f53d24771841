import { MillraceError, messageOf } from '../../platform/errors.ts'

const unfitCertificate = /CERT|SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET_ISSUER)|WRONG_VERSION_NUMBER|ERR_SSL|EPROTO/

/** What a failed connection means: a certificate that does not fit stays so, anything else may pass. */
export function connectionFailure(shown: string, error: unknown): MillraceError {
  if (error instanceof MillraceError) return error
  const code = String(Reflect.get(Object(error), 'code'))
  if (unfitCertificate.test(code)) {
    return new MillraceError('bad_config', `Pulsar at ${shown}: TLS failed (${reason(error)}); name the certificates to trust with ?trustFile=, or the host that the certificate is for`, { cause: error })
  }
  return new MillraceError('unavailable', `Pulsar at ${shown} cannot be reached: ${reason(error)}`, { retryable: true, cause: error })
}

/** What an HTTP status means, of the administration or of the opening of a WebSocket. */
export function statusFailure(shown: string, status: number, body: string): MillraceError {
  const words = body.replaceAll(/<[^>]*>|\s+/g, ' ').trim().slice(0, 300)
  if (status === 401) return new MillraceError('bad_config', `Pulsar at ${shown} does not take the token; name a valid one with ?token=, ?tokenFile= or MILLRACE_LOG_TOKEN (${words})`)
  if (status === 403) return new MillraceError('bad_config', `Pulsar at ${shown} denies this token the right that it needs: ${words}`)
  if (status === 404) return new MillraceError('bad_config', `Pulsar at ${shown} does not have it: ${words}`)
  const passing = status >= 500 || status === 409 || status === 412 || status === 429
  return new MillraceError(passing ? 'unavailable' : 'bad_config', `Pulsar at ${shown} answered ${status}: ${words}`, { retryable: passing })
}

/** A refused connection to a name with several addresses has an empty message and its causes beside it. */
function reason(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(reason).join('; ')
  return messageOf(error)
}
