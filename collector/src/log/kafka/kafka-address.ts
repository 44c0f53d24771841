import { readFileSync } from 'node:fs'
import { MillraceError, messageOf } from '../../platform/errors.ts'

export interface KafkaHost {
  readonly host: string
  readonly port: number
}

const kafkaMechanisms = Object.freeze(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const)

/** What a `kafka:` URL says. */
export interface KafkaAddress {
  /** Brokers to ask first; they name the others. */
  readonly hosts: readonly KafkaHost[]
  readonly topic: string
  readonly sasl: { readonly mechanism: typeof kafkaMechanisms[number]; readonly username: string; readonly password: string } | null
  /** PEM texts; null: no TLS. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string } | null
  /** Copies of each record; null: three, or as many as there are brokers. */
  readonly replicas: number | null
}

const form = 'kafka://[user:password@]host:9092[,host2:9092]/topic[?tls=true&ca=FILE&cert=FILE&key=FILE&sasl=plain|scram-sha-256|scram-sha-512&replicas=3]'

/**
 * Reads `kafka://[user:password@]host:9092[,host2:9092]/topic`. User and password are percent-encoded. Parameters:
 * `tls` (`true` or `false`), `ca`, `cert` and `key` (PEM files: the authority, and the client's certificate where the
 * brokers ask for one; each switches TLS on), `sasl` (how the password is shown, `scram-sha-512` unless told),
 * `replicas` (1 to 7, for a topic that is made). Fails with `bad_config`.
 */
export function parseKafkaUrl(url: string): KafkaAddress {
  const match = /^kafka:\/\/(?:(?<user>[^@/?#]*)@)?(?<hosts>[^@/?#]+)\/(?<topic>[^/?#]*)(?:\?(?<query>[^#]*))?$/.exec(url)
  const { user, hosts = '', topic = '', query = '' } = match?.groups ?? {}
  if (match === null) throw refused(`it must look like ${form}`)
  if (!/^[\w.-]{1,249}$/.test(topic) || /^\.{1,2}$/.test(topic)) {
    throw refused(`its topic must be 1 to 249 of A-Z a-z 0-9 . _ -, as in ${form}`)
  }
  const parameters = new URLSearchParams(query)
  for (const name of parameters.keys()) {
    if (!['tls', 'ca', 'cert', 'key', 'sasl', 'replicas'].includes(name)) throw refused(`it has the unknown parameter ${name}; it must look like ${form}`)
  }
  return {
    hosts: hosts.split(',').map(parseHost), topic,
    sasl: parseAccount(user, parameters), tls: parseTls(parameters), replicas: parseReplicas(parameters.get('replicas')),
  }
}

/** The address without its secrets, for messages. */
export function kafkaName({ hosts }: Pick<KafkaAddress, 'hosts'>): string {
  return `kafka at ${hosts.map(hostText).join(',')}`
}

export function hostText({ host, port }: KafkaHost): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function parseHost(text: string): KafkaHost {
  const match = /^(?:\[(?<six>[\da-fA-F:.]+)\]|(?<name>[\w.-]+))(?::(?<port>\d{1,5}))?$/.exec(text)
  const port = Number(match?.groups?.['port'] ?? 9092)
  const host = match?.groups?.['six'] ?? match?.groups?.['name']
  if (host === undefined || port < 1 || port > 65_535) throw refused(`${JSON.stringify(text)} in it is no host:port; it must look like ${form}`)
  return { host, port }
}

function parseAccount(user: string | undefined, parameters: URLSearchParams): KafkaAddress['sasl'] {
  const wanted = (parameters.get('sasl') ?? 'scram-sha-512').toUpperCase()
  const mechanism = kafkaMechanisms.find((known) => known === wanted)
  if (mechanism === undefined) throw refused(`its sasl is none of ${kafkaMechanisms.join(', ').toLowerCase()}`)
  if (user === undefined) {
    if (parameters.has('sasl')) throw refused('it has sasl but no user:password@')
    return null
  }
  const [username = '', password = '', ...rest] = user.split(':').map(decoded)
  if (username === '' || password === '' || rest.length > 0) throw refused('before the @ must stand user:password, each percent-encoded')
  return { mechanism, username, password }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    throw refused('its user or password is not percent-encoded; write % as %25', error)
  }
}

function parseTls(parameters: URLSearchParams): KafkaAddress['tls'] {
  const tls = parameters.get('tls')
  const files = ['ca', 'cert', 'key'].flatMap((name) => {
    const path = parameters.get(name)
    return path === null ? [] : [[name, readPem(name, path)] as const]
  })
  if (tls !== null && tls !== 'true' && tls !== 'false') throw refused('its tls must be true or false')
  if (tls === 'false' && files.length > 0) throw refused('it has tls=false and a certificate; remove one of them')
  if (parameters.has('cert') !== parameters.has('key')) throw refused('its cert and key go together')
  return tls === 'true' || files.length > 0 ? Object.fromEntries(files) : null
}

function readPem(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw refused(`its ${name} cannot be read: ${messageOf(error)}`, error)
  }
}

function parseReplicas(text: string | null): number | null {
  if (text === null) return null
  if (!/^[1-7]$/.test(text)) throw refused('its replicas must be 1 to 7')
  return Number(text)
}

function refused(reason: string, cause?: unknown): MillraceError {
  return new MillraceError('bad_config', `the address of the Kafka log cannot be used: ${reason}`, { cause })
}
