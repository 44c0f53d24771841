import { readFileSync } from 'node:fs'
import { MillraceError, messageOf } from '../../platform/errors.ts'

export interface PulsarAddress {
  readonly transport: 'websocket' | 'native'
  /** `ws://host:8080` or `pulsar://host:6650`, with their TLS kinds. */
  readonly service: string
  /** `http://host:8080` or `https://host:8443`. */
  readonly admin: string
  /** `public/default/millrace`. */
  readonly topic: string
  /** Host and topic, for messages: a URL may hold a token. */
  readonly shown: string
  /** A file of trusted certificates in PEM, instead of those of the system. */
  readonly trustFile: string | null
  /** The token of now: a file is read again, since tokens are renewed in place. null: the broker asks for none. */
  token(): string | null
}

const kinds: Readonly<Record<string, { readonly transport: PulsarAddress['transport']; readonly service: string; readonly secure: boolean; readonly port: string }>> = {
  'pulsar+ws:': { transport: 'websocket', service: 'ws', secure: false, port: '8080' },
  'pulsar+wss:': { transport: 'websocket', service: 'wss', secure: true, port: '8443' },
  'pulsar:': { transport: 'native', service: 'pulsar', secure: false, port: '6650' },
  'pulsar+ssl:': { transport: 'native', service: 'pulsar+ssl', secure: true, port: '6651' },
}

const parameters = ['token', 'tokenFile', 'trustFile', 'admin']

/**
 * Reads `pulsar+ws://host:8080/public/default/millrace` (`pulsar+wss:` with TLS) or, for the native client,
 * `pulsar://host:6650/public/default/millrace` (`pulsar+ssl:`). Parameters: `token` or `tokenFile`, `trustFile` (PEM),
 * `admin` (the URL of the administration where it is not on port 8080, or 8443 with TLS, of the same host). `token` given
 * beside the URL wins. Fails with `bad_config`, never showing a token.
 */
export function parsePulsarAddress(url: string, token: string | null = null): PulsarAddress {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  const kind = parsed === undefined ? undefined : kinds[parsed.protocol]
  const topic = parsed === undefined ? null : /^\/([\w.=-]+\/[\w.=-]+\/[\w.=-]+)$/.exec(parsed.pathname)?.[1]
  if (parsed === undefined || kind === undefined || parsed.hostname === '' || topic == null) {
    throw new MillraceError('bad_config', 'the log on Pulsar must be named like pulsar+ws://host:8080/tenant/namespace/topic or pulsar://host:6650/tenant/namespace/topic')
  }
  const query = parsed.searchParams
  const unknown = [...query.keys()].find((name) => !parameters.includes(name))
  if (unknown !== undefined) throw new MillraceError('bad_config', `the URL of the log has the unknown parameter ${unknown}; there are ${parameters.join(', ')}`)
  const host = `${parsed.hostname}:${parsed.port || kind.port}`
  const tokenFile = query.get('tokenFile')
  const fixed = token ?? query.get('token')
  return {
    transport: kind.transport,
    service: `${kind.service}://${host}`,
    admin: adminUrl(query.get('admin'), kind.transport === 'websocket' ? host : `${parsed.hostname}:${kind.secure ? '8443' : '8080'}`, kind.secure),
    topic,
    shown: `${host}/${topic}`,
    trustFile: query.get('trustFile'),
    token: () => fixed ?? (tokenFile === null ? null : readFile(tokenFile, 'token')),
  }
}

/** The text of a file that the log's URL names. */
export function readTrusted({ trustFile }: PulsarAddress): string | undefined {
  return trustFile === null ? undefined : readFile(trustFile, 'trusted certificates')
}

function adminUrl(given: string | null, host: string, secure: boolean): string {
  const url = given ?? `${secure ? 'https' : 'http'}://${host}`
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) throw new MillraceError('bad_config', `admin=${url} in the URL of the log is no http or https URL`)
  return url.replace(/\/+$/, '')
}

function readFile(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    throw new MillraceError('bad_config', `the ${what} of the log cannot be read: ${messageOf(error)}`, { cause: error })
  }
}
