import { readFileSync } from 'node:fs'
import { MillraceError, messageOf } from './platform/errors.ts'

/** One setting: where it comes from, what it may be. Flags beat the environment, which beats the file. */
interface Setting<T> {
  readonly flag: string
  readonly env: string
  readonly fallback: T
  readonly about: string
  /** Bounds or form, for the table and for errors. */
  readonly form: string
  parse(text: string): T | undefined
}

const text = (flag: string, fallback: string, about: string): Setting<string> => ({
  ...named(flag), fallback, about, form: 'text',
  parse: (value) => (value === '' ? undefined : value),
})

const secret = (flag: string, about: string): Setting<string | null> => ({
  ...named(flag), fallback: null, about, form: '16 to 128 characters of A-Z a-z 0-9 _ -',
  parse: (value) => (/^[\w-]{16,128}$/.test(value) ? value : undefined),
})

const credential = (flag: string, about: string): Setting<string | null> => ({
  ...named(flag), fallback: null, about, form: 'a token without spaces',
  parse: (value) => (/^\S{1,16384}$/.test(value) ? value : undefined),
})

const whole = (flag: string, fallback: number, [least, most, about]: readonly [number, number, string]): Setting<number> => ({
  ...named(flag), fallback, about, form: `${least} to ${most}`,
  parse: (value) => {
    const number = /^\d+$/.test(value) ? Number(value) : Number.NaN
    return number >= least && number <= most ? number : undefined
  },
})

const yesNo = (flag: string, fallback: boolean, about: string): Setting<boolean> => ({
  ...named(flag), fallback, about, form: 'true or false',
  parse: (value) => (value === 'true' || value === '' ? true : value === 'false' ? false : undefined),
})

const url = (flag: string, fallback: string, [schemes, about]: readonly [readonly string[], string]): Setting<string> => ({
  ...named(flag), fallback, about, form: schemes.join(' '),
  parse: (value) => (schemes.some((scheme) => value.startsWith(scheme)) ? value : undefined),
})

const origins = (flag: string, about: string): Setting<readonly string[]> => ({
  ...named(flag), fallback: [], about, form: 'origins such as https://www.shop.example, with commas',
  parse: (value) => {
    const wanted = value.split(',').filter((one) => one !== '')
    return wanted.every(isOrigin) ? wanted : undefined
  },
})

const timeZone = (flag: string, fallback: string, about: string): Setting<string> => ({
  ...named(flag), fallback, about, form: 'UTC or an IANA name',
  parse: (value) => (isTimeZone(value) ? value : undefined),
})

/** Names alone: an offset such as +02:00 knows no summer. */
function isTimeZone(value: string): boolean {
  try {
    return /^[A-Za-z]/.test(value) && new Intl.DateTimeFormat('en', { timeZone: value }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

/** As a browser writes it: scheme, host and port alone. */
function isOrigin(value: string): boolean {
  return URL.canParse(value) && new URL(value).origin === value
}

function named(flag: string): { flag: string; env: string } {
  return { flag, env: `MILLRACE_${flag.replaceAll('-', '_').toUpperCase()}` }
}

const roleNames = ['edge', 'pump', 'load', 'query'] as const
export type Role = (typeof roleNames)[number]

const roles: Setting<readonly Role[]> = {
  ...named('roles'), fallback: roleNames, about: 'which parts this process runs', form: 'edge,pump,load,query',
  parse: (value) => {
    const wanted = value.split(',')
    const known = roleNames.filter((role) => wanted.includes(role))
    return known.length === wanted.length ? known : undefined
  },
}

const settings = {
  data: text('data', '.millrace', 'data directory of the embedded engines'),
  host: text('host', '127.0.0.1', 'address to listen on'),
  port: whole('port', 8080, [0, 65_535, 'port to listen on; 0 picks a free one and prints it']),
  roles,
  logUrl: url('log-url', 'file:', [['file:', 'pulsar://', 'pulsar+ssl://', 'pulsar+ws://', 'pulsar+wss://', 'kafka://'], 'the durable log']),
  logToken: credential('log-token', 'token that a Pulsar broker asks for'),
  oltpUrl: url('oltp-url', 'sqlite:', [['sqlite:', 'mysql://'], 'profiles and timelines']),
  olapUrl: url('olap-url', 'embedded:', [['embedded:', 'http://', 'https://'], 'ClickHouse']),
  objectsUrl: url('objects-url', 'file:', [['file:', 's3://'], 'the archive']),
  cacheUrl: url('cache-url', 'memory:', [['memory:', 'redis://', 'rediss://', 'memcached://'], 'the cache in front of reads']),
  partitions: whole('partitions', 4, [1, 1024, 'partitions of the log, fixed by the first start; 16 unless told where the log is a broker']),
  writeKey: secret('write-key', "the first workspace's write key"),
  secretKey: secret('secret-key', "the first workspace's secret key"),
  region: text('region', 'none', 'ISO country code that phone numbers without a country code belong to'),
  calendarTimeZone: timeZone('calendar-time-zone', 'UTC', 'zone, such as Europe/London, whose days and months segments and reports go by'),
  ingestPath: text('ingest-path', '/e', 'neutral alias of /v1/batch that ad blockers leave alone'),
  idCookieOrigins: origins('id-cookie-origins', "sites whose visitors' ids the collector keeps in a cookie of its own; it must be on a subdomain of theirs"),
  trustedProxies: whole('trusted-proxies', 0, [0, 16, 'proxies in front whose X-Forwarded-For entry is believed']),
  eventsPerSecondMax: whole('events-per-second-max', 1_000_000, [1, 100_000_000, 'events a second a workspace may send before 429']),
  inFlightBytesMax: whole('in-flight-bytes-max', 67_108_864, [1_048_576, 4_294_967_296, 'bytes of requests in work before 503']),
  batchEventsMax: whole('batch-events-max', 4_000, [1, 100_000, 'events one OLTP transaction decides']),
  loadDelayMs: whole('load-delay-ms', 1_000, [10, 60_000, 'how long a load waits for more batches when idle']),
  loadRowsMax: whole('load-rows-max', 100_000, [1_000, 1_000_000, 'rows of one ClickHouse insert']),
  objectBytesMax: whole('object-bytes-max', 4_194_304, [65_536, 268_435_456, 'uncompressed bytes after which an archive object is closed']),
  objectDelayMs: whole('object-delay-ms', 3_000, [10, 600_000, 'how long an archive object stays open']),
  spoolBytesMax: whole('spool-bytes-max', 1_073_741_824, [1_048_576, 1_099_511_627_776, 'bytes of events the edge keeps while the broker is away, then 503']),
  logRetentionMs: whole('log-retention-ms', 0, [0, 31_536_000_000, 'how long archived segments of the log are kept']),
  duplicateWindowDays: whole('duplicate-window-days', 28, [7, 400, 'how long a message id is remembered']),
  engineMemoryBytesMax: whole('engine-memory-bytes-max', 1_073_741_824, [268_435_456, 1_099_511_627_776, 'memory of the embedded ClickHouse engine']),
  logLevel: text('log-level', 'info', 'error, warn, info or debug'),
  webhookAllowPrivate: yesNo('webhook-allow-private', false, 'webhooks may go to private addresses (for trials on one machine)'),
} as const

type Value<S> = S extends Setting<infer T> ? T : never
type Settings = typeof settings
export type Config = { readonly [K in keyof Settings]: Value<Settings[K]> }

export interface ConfigSources {
  /** Flag name without dashes to its text; a flag without a value is ''. */
  readonly flags: ReadonlyMap<string, string>
  readonly env: Readonly<Record<string, string | undefined>>
}

/**
 * Parses flags, environment and the file named by `--config` into one frozen value. Fails with `bad_config`
 * naming the setting, where the value came from, and the bounds; unknown flags and unknown keys of the file are
 * errors too, since a misspelt setting is worse than none.
 */
export function parseConfig(sources: ConfigSources): Config {
  const file = readConfigFile(sources.flags.get('config') ?? sources.env.MILLRACE_CONFIG)
  refuseUnknown(sources, file)
  const pick = <T>(setting: Setting<T>): T => pickSetting(setting, sources, file)
  const broker = !pick(settings.logUrl).startsWith('file:')
  const config = Object.freeze({
    data: pick(settings.data), host: pick(settings.host), port: pick(settings.port), roles: pick(settings.roles),
    logUrl: pick(settings.logUrl), logToken: pick(settings.logToken), oltpUrl: pick(settings.oltpUrl), olapUrl: pick(settings.olapUrl),
    objectsUrl: pick(settings.objectsUrl), cacheUrl: pick(settings.cacheUrl), partitions: pick(broker ? { ...settings.partitions, fallback: brokerPartitions } : settings.partitions),
    writeKey: pick(settings.writeKey), secretKey: pick(settings.secretKey), region: pick(settings.region), calendarTimeZone: pick(settings.calendarTimeZone),
    ingestPath: pick(settings.ingestPath), idCookieOrigins: pick(settings.idCookieOrigins), trustedProxies: pick(settings.trustedProxies),
    eventsPerSecondMax: pick(settings.eventsPerSecondMax), inFlightBytesMax: pick(settings.inFlightBytesMax),
    batchEventsMax: pick(settings.batchEventsMax), loadDelayMs: pick(settings.loadDelayMs),
    loadRowsMax: pick(settings.loadRowsMax), objectBytesMax: pick(settings.objectBytesMax),
    objectDelayMs: pick(settings.objectDelayMs), logRetentionMs: pick(settings.logRetentionMs), spoolBytesMax: pick(settings.spoolBytesMax),
    duplicateWindowDays: pick(settings.duplicateWindowDays),
    engineMemoryBytesMax: pick(settings.engineMemoryBytesMax), logLevel: pick(settings.logLevel),
    webhookAllowPrivate: pick(settings.webhookAllowPrivate),
  })
  refuseSplitEmbedded(config)
  return config
}

/** Head-room: a topic's partitions are what pumps can share, and cannot be changed later. */
const brokerPartitions = 16

/** Several processes can only share engines that are not inside one of them. */
function refuseSplitEmbedded({ roles: wanted, logUrl, oltpUrl, objectsUrl }: Config): void {
  if (wanted.length === roleNames.length) return
  const inside = Object.entries({ 'log-url': logUrl.startsWith('file:'), 'oltp-url': oltpUrl.startsWith('sqlite:'), 'objects-url': objectsUrl.startsWith('file:') })
    .filter(([, embedded]) => embedded).map(([flag]) => `--${flag}`)
  if (inside.length === 0) return
  throw new MillraceError('bad_config', `--roles ${wanted.join(',')} splits the collector over processes, which then need engines of their own: name ${inside.join(', ')}`)
}

function pickSetting<T>(setting: Setting<T>, { flags, env }: ConfigSources, file: ReadonlyMap<string, string>): T {
  const found = [
    [`--${setting.flag}`, flags.get(setting.flag)],
    [setting.env, env[setting.env]],
    [`"${setting.flag}" in the config file`, file.get(setting.flag)],
  ].find((entry) => entry[1] !== undefined)
  if (found?.[1] === undefined) return setting.fallback
  const value = setting.parse(found[1])
  if (value === undefined) {
    // Keys and tokens; a URL may hold a password.
    const shown = setting.fallback === null || /@|token=/i.test(found[1]) ? '(hidden)' : JSON.stringify(found[1])
    throw new MillraceError('bad_config', `${found[0]} is ${shown}; it must be ${setting.form} (${setting.about})`)
  }
  return value
}

function refuseUnknown({ flags }: ConfigSources, file: ReadonlyMap<string, string>): void {
  const all = Object.values(settings)
  for (const flag of flags.keys()) {
    if (flag !== 'config' && !all.some((setting) => setting.flag === flag)) {
      throw new MillraceError('bad_config', `unknown flag --${flag}; \`millrace serve --help\` lists them`)
    }
  }
  for (const key of file.keys()) {
    if (!all.some((setting) => setting.flag === key)) {
      throw new MillraceError('bad_config', `unknown key "${key}" in the config file; \`millrace serve --help\` lists them`)
    }
  }
}

/** Variables that look like ours and are not: worth a warning, since they are often misspelt. */
export function unknownVariables(env: ConfigSources['env']): readonly string[] {
  const known = new Set([...Object.values(settings).map((setting) => setting.env), 'MILLRACE_CONFIG', 'MILLRACE_URL', 'MILLRACE_SEED', 'MILLRACE_RUNS', 'MILLRACE_FAIL_POINTS', 'MILLRACE_FAIL_POINTS_JOURNAL', 'MILLRACE_FAIL_POINTS_POWER'])
  return Object.keys(env).filter((name) => name.startsWith('MILLRACE_') && !known.has(name))
}

function readConfigFile(path: string | undefined): ReadonlyMap<string, string> {
  if (path === undefined) return new Map()
  try {
    const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new Error('it is not an object')
    return new Map(Object.entries(parsed).map(([key, value]) => [kebab(key), Array.isArray(value) ? value.join(',') : String(value)]))
  } catch (error) {
    throw new MillraceError('bad_config', `the config file ${path} cannot be read: ${messageOf(error)}`, { cause: error })
  }
}

/** `objectBytesMax` and `object-bytes-max` are the same key in a config file. */
function kebab(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** The table of `millrace serve --help`. */
export function configTable(): string {
  const rows = Object.values(settings).map((setting) => [
    `--${setting.flag}`, setting.env, setting.fallback === null ? (setting.flag.endsWith('-key') ? '(made)' : '(none)') : String(setting.fallback) || '(none)', setting.form, setting.about,
  ])
  const header = ['flag', 'variable', 'default', 'bounds', 'what']
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()
  return [line(header), ...rows.map(line)].join('\n')
}
