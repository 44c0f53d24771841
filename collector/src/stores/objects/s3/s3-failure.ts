import { MillraceError, messageOf } from '../../../platform/errors.ts'
import type { S3Address } from './s3-address.ts'

/** What AWS and the stores that speak its protocol call a failure, as far as they tell the same thing. */
export interface S3Refusal {
  /** Such as `NoSuchKey`, or a network error's code such as `ECONNREFUSED`. */
  readonly name: string
  /** 0 where there was no answer. */
  readonly status: number
  readonly bucketRegion: string | undefined
}

export function readRefusal(error: unknown): S3Refusal {
  const thrown = Object(error)
  const response = Object(Reflect.get(thrown, '$response'))
  const status: unknown = Reflect.get(Object(Reflect.get(thrown, '$metadata')), 'httpStatusCode')
  const headers = Object(Reflect.get(response, 'headers'))
  const region: unknown = Reflect.get(headers, 'x-amz-bucket-region') ?? Reflect.get(thrown, 'Region')
  const code: unknown = Reflect.get(thrown, 'code') ?? Reflect.get(thrown, 'Code')
  const name: unknown = Reflect.get(thrown, 'name')
  return {
    name: typeof name === 'string' && name !== 'Error' && name !== 'AggregateError' ? name : String(code),
    status: typeof status === 'number' ? status : 0,
    bucketRegion: typeof region === 'string' ? region : undefined,
  }
}

/** An error for the person who runs the collector: which store, what is wrong, what to do. Always worth a later try. */
export function s3Failure(what: string, address: S3Address, error: unknown): MillraceError {
  const refusal = readRefusal(error)
  const store = `the S3 bucket ${address.bucket} at ${address.endpoint ?? 'AWS'}`
  const why = whyOf(refusal, address) ?? `${refusal.status === 0 ? '' : `${refusal.status} `}${refusal.name}: ${messageOf(error)}`
  return new MillraceError('unavailable', `${what}: ${store}: ${why}`, { retryable: true, cause: error })
}

const keyFaults = /^(?:InvalidAccessKeyId|InvalidClientTokenId|UnrecognizedClientException|InvalidToken|XAdminUserNotFound)$/
const unreachable = /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ECONNRESET|EPIPE|ETIMEDOUT|TimeoutError|AbortError)$/
const regionFaults = /^(?:PermanentRedirect|TemporaryRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraintException)$/

function whyOf({ name, status, bucketRegion }: S3Refusal, { region, endpoint }: S3Address): string | undefined {
  if (name === 'NoSuchBucket') return 'there is no such bucket; create it, or correct MILLRACE_OBJECTS_URL'
  if (keyFaults.test(name)) return 'it does not know the access key; correct AWS_ACCESS_KEY_ID (and the session token, if there is one)'
  if (name === 'SignatureDoesNotMatch') return 'the secret does not belong to the access key; correct AWS_SECRET_ACCESS_KEY'
  if (name === 'ExpiredToken') return 'the session token has expired; renew the credentials'
  if (name === 'RequestTimeTooSkewed') return 'its clock and the clock of this machine differ too much; set this machine\'s clock'
  if (name === 'CredentialsProviderError') return 'no credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role'
  if (name === 'AccessDenied' || (status === 403 && bucketRegion === undefined)) {
    return 'access is denied; allow this key s3:GetObject, s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload and s3:ListBucket on it'
  }
  if (regionFaults.test(name) || status === 301 || (bucketRegion !== undefined && region !== undefined && bucketRegion !== region)) {
    const right = bucketRegion === undefined ? 'its region' : bucketRegion
    return `the bucket is in another region than ${region ?? 'the configured one'}; set region=${right} in MILLRACE_OBJECTS_URL`
  }
  if (unreachable.test(name)) return `it cannot be reached (${name}); check ${endpoint === undefined ? 'the network' : 'the endpoint'}, nothing is lost meanwhile`
  if (status === 503 || status === 429 || name === 'SlowDown') return `it is overloaded (${status} ${name}); it is tried again later`
  return status === 0 && name === 'undefined' ? 'the region is missing; set region=… in MILLRACE_OBJECTS_URL, or AWS_REGION' : undefined
}
