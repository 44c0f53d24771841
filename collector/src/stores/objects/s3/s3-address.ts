import { MillraceError } from '../../../platform/errors.ts'

export interface S3Address {
  readonly bucket: string
  /** Empty, or ending in `/`. */
  readonly keyPrefix: string
  /** undefined for AWS itself. */
  readonly endpoint: string | undefined
  /** undefined where the SDK's usual chain says it: AWS_REGION or the shared configuration file. */
  readonly region: string | undefined
}

const form = 's3://bucket/prefix?endpoint=http://host:port&region=…, where prefix, endpoint and region may be left out'

/** Reads an `s3:` address; fails with `bad_config` and says which part it cannot take. */
export function parseS3Address(url: string): S3Address {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed?.protocol !== 's3:') throw wrong('is none')
  if (parsed.username !== '' || parsed.password !== '') {
    throw wrong('holds a key: give it as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or any other way the AWS SDK knows')
  }
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(parsed.host)) throw wrong(`names no bucket: ${JSON.stringify(parsed.host)}`)
  const prefix = parsed.pathname.replaceAll(/^\/+|\/+$/g, '')
  if (!/^(?:[a-zA-Z0-9._=-]+(?:\/|$))*$/.test(prefix) || /(?:^|\/)\.{1,2}(?:\/|$)/.test(prefix) || prefix.length > 256) {
    throw wrong(`has the prefix ${JSON.stringify(prefix)}: parts of a-z A-Z 0-9 . _ = - with / between, at most 256 characters`)
  }
  const unknown = [...parsed.searchParams.keys()].find((key) => key !== 'endpoint' && key !== 'region')
  if (unknown !== undefined) throw wrong(`has the unknown setting ${JSON.stringify(unknown)}`)
  const endpoint = parsed.searchParams.get('endpoint') ?? undefined
  if (endpoint !== undefined && !(URL.canParse(endpoint) && /^https?:$/.test(new URL(endpoint).protocol))) {
    throw wrong(`has the endpoint ${JSON.stringify(endpoint)}, which is no http: or https: address`)
  }
  const region = parsed.searchParams.get('region') ?? undefined
  if (region !== undefined && !/^[a-zA-Z0-9-]{1,64}$/.test(region)) throw wrong(`has the region ${JSON.stringify(region)}`)
  return { bucket: parsed.host, keyPrefix: prefix === '' ? '' : `${prefix}/`, endpoint, region }
}

function wrong(how: string): MillraceError {
  return new MillraceError('bad_config', `the address of the S3 archive ${how}; it looks like ${form}`)
}
