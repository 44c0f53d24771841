import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { configTable, parseConfig } from '../collector/src/config.ts'
import { versitygwVersion } from './engines/versitygw.ts'

/** What can be known of compose.yaml without Docker; container.engines.test.ts has its form checked by docker-compose. */

interface Service {
  readonly image?: string
  readonly build?: { readonly context: string, readonly target: string }
  readonly environment?: Readonly<Record<string, string>>
  readonly command?: readonly string[]
  readonly volumes?: readonly string[]
  readonly healthcheck?: { readonly test: readonly string[] }
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly restart?: string
  readonly ports?: readonly string[]
}

interface ComposeFile {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, unknown>>
}

const root = join(import.meta.dirname, '..')
const text = read('compose.yaml')
const { services, volumes }: ComposeFile = parse(text)
const collector = services['collector']
const secrets = [...read('.env.example').matchAll(/^(\w+)=(.*)$/gm)]

function read(name: string): string {
  return readFileSync(join(root, name), 'utf8')
}

/** As compose fills them in. */
function filled(value: string): string {
  return value.replaceAll(/\$\{(\w+):\?[^}]*\}/g, (_, name: string) => `${name.toLowerCase()}0123456789`)
}

function collectorEnvironment(): Record<string, string> {
  return Object.fromEntries(Object.entries(collector?.environment ?? {}).map(([name, value]) => [name, filled(value)]))
}

function collectorUrls(): readonly URL[] {
  return Object.entries(collectorEnvironment()).filter(([name]) => /^MILLRACE_.*_URL$/.test(name))
    .map(([, value]) => new URL(value.startsWith('s3:') ? new URL(value).searchParams.get('endpoint') ?? '' : value))
}

test('every setting of the collector is one, with a value it takes', () => {
  const own = Object.keys(collector?.environment ?? {}).filter((name) => name.startsWith('MILLRACE_'))
  const table = configTable()
  for (const name of own) expect(table).toMatch(new RegExp(`\\b${name}\\b`))
  expect(own.length).toBeGreaterThanOrEqual(5)
  const config = parseConfig({ flags: new Map(), env: collectorEnvironment() })
  expect(config.oltpUrl).toBe('mysql://millrace:mysql_password0123456789@mysql:3306/millrace')
})

test('no engine is the embedded one, and each URL names a service that the collector waits for', () => {
  const urls = collectorUrls()
  expect(urls.map(({ hostname }) => hostname).toSorted()).toEqual(['clickhouse', 'mysql', 'objects', 'pulsar', 'redis'])
  for (const { hostname } of urls) {
    expect(Object.keys(services)).toContain(hostname)
    expect(collector?.depends_on?.[hostname], hostname).toEqual({ condition: 'service_healthy' })
  }
})

test('the ports of the URLs are the ones the services listen on', () => {
  const usual = new Map([['pulsar', '6650'], ['mysql', '3306'], ['clickhouse', '8123'], ['redis', '6379']])
  for (const { hostname, port } of collectorUrls()) {
    if (hostname === 'objects') expect(services[hostname]?.command).toContain(`:${port}`)
    else expect(port, hostname).toBe(usual.get(hostname))
  }
})

test('the names and secrets in the URLs are the ones the engines are given', () => {
  const { mysql, clickhouse, objects } = services
  const engines = new Map([
    ['mysql', [mysql?.environment?.['MYSQL_USER'], mysql?.environment?.['MYSQL_PASSWORD'], `/${mysql?.environment?.['MYSQL_DATABASE'] ?? ''}`]],
    ['clickhouse', [clickhouse?.environment?.['CLICKHOUSE_USER'], clickhouse?.environment?.['CLICKHOUSE_PASSWORD'], `/${clickhouse?.environment?.['CLICKHOUSE_DB'] ?? ''}`]],
  ])
  for (const { hostname, username, password, pathname } of collectorUrls()) {
    const given = engines.get(hostname)
    if (given !== undefined) expect([username, password, pathname]).toEqual(given.map((value) => filled(value ?? '')))
  }
  expect(collector?.environment).toMatchObject({ AWS_ACCESS_KEY_ID: objects?.environment?.['ROOT_ACCESS_KEY'], AWS_SECRET_ACCESS_KEY: objects?.environment?.['ROOT_SECRET_KEY'] })
})

test('images are pinned to a release, and the collector is built from this Dockerfile', () => {
  for (const [name, { image, build }] of Object.entries(services)) {
    if (build === undefined) expect(image, name).toMatch(/^[\w./-]+:v?\d+\.\d+\.\d+[\w.-]*$/)
    else expect(read('Dockerfile')).toMatch(new RegExp(`^FROM \\S+ AS ${build.target}$`, 'm'))
  }
  expect(services['objects']?.image).toBe(`versity/versitygw:${versitygwVersion}`)
})

test('every secret comes from .env, which holds none by default and is never committed or built in', () => {
  const wanted = [...text.matchAll(/\$\{(\w+)[^}]*\}/g)].map((match) => String(match[1]))
  expect([...new Set(wanted)].toSorted()).toEqual(secrets.map((match) => String(match[1])).toSorted())
  expect(text.match(/\$\{\w+(?!\w*:\?see \.env\.example\})[^}]*\}/g)).toBe(null)
  expect(secrets.map((match) => match[2]).join('')).toBe('')
  for (const { environment = {} } of Object.values(services)) {
    for (const [name, value] of Object.entries(environment)) {
      if (/PASSWORD|SECRET/.test(name) && name !== 'MYSQL_RANDOM_ROOT_PASSWORD') expect(value, name).toMatch(/^\$\{\w+:\?/)
    }
  }
  for (const file of ['.gitignore', '.dockerignore']) expect(read(file).split('\n')).toContain('.env')
})

test('each service that stays has a health check, comes back by itself, and keeps its data in a volume that is declared', () => {
  const used = Object.values(services).flatMap((service) => service.volumes ?? []).map((volume) => volume.split(':')[0])
  expect([...new Set(used)].toSorted()).toEqual(Object.keys(volumes).toSorted())
  for (const [name, { healthcheck, restart, build }] of Object.entries(services)) {
    if (restart === 'no') continue
    expect(restart, name).toBe('unless-stopped')
    // The collector's is in its image.
    if (build === undefined) expect(healthcheck?.test.length, name).toBeGreaterThan(1)
  }
})

test('nothing but the collector can be reached from outside, and that only from this machine', () => {
  for (const [name, { ports }] of Object.entries(services)) expect(ports, name).toEqual(name === 'collector' ? ['127.0.0.1:8080:8080'] : undefined)
})
