import { spawnSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mavenJars } from './maven-jars.ts'
import { installing } from './installing.ts'
import { freePort, startServer } from './server-process.ts'
import type { MissingEngine, StartedEngine } from './started-engine.ts'

const version = '4.2.4'

const topic = 'public/default/millrace'

/** Families that Pulsar's own poms do not align: mixed, the start fails for a method that is not there. */
const aligned = [
  'io.opentelemetry:opentelemetry-bom:1.62.0', 'io.netty:netty-bom:4.1.136.Final', 'com.fasterxml.jackson:jackson-bom:2.18.9',
  'org.apache.logging.log4j:log4j-bom:2.25.4', 'io.grpc:grpc-bom:1.75.0',
]

/** Signs the tokens of a broker that asks for them. */
const tokenSecret = Buffer.from('millrace tests sign their tokens with this')

export interface PulsarSettings {
  /** Asks every client for a token that {@link pulsarToken} signs; `admin` may do anything. */
  readonly tokens?: boolean
  /** Further lines of the broker's configuration. */
  readonly settings?: Readonly<Record<string, string>>
}

export interface StartedPulsar extends StartedEngine {
  /** The same broker by its binary protocol, for the native client. */
  readonly nativeUrl: string
  /** Where the administration answers. */
  readonly adminUrl: string
  /** The same broker by WebSocket with TLS, under a certificate for `localhost` that no authority signed. */
  readonly tlsUrl: string
  /** By the binary protocol with TLS. */
  readonly nativeTlsUrl: string
  /** The file with that certificate, in PEM. */
  readonly certificate: string
}

/** One real broker of Apache Pulsar with its storage, deduplication on, every write synced. */
export async function startPulsar({ tokens = false, settings = {} }: PulsarSettings = {}): Promise<StartedPulsar | MissingEngine> {
  const jars = installing(() => mavenJars({ name: `pulsar-${version}`, artifact: `org.apache.pulsar:pulsar-broker:${version}`, aligned }))
  if (typeof jars !== 'string') return jars
  const ports = { broker: await freePort(), bookie: await freePort(), tls: await freePort(), brokerTls: await freePort() }
  let httpPort = 0
  let home = ''
  const engine = await startServer({
    program: 'java',
    args: (port, directory) => {
      httpPort = port
      home = directory
      configure(directory, {
        webServicePort: String(port), brokerServicePort: String(ports.broker), ...encryption(directory, ports), ...(tokens ? authentication() : {}), ...settings,
      })
      return [
        ...javaOptions, `-Dlog4j2.configurationFile=${join(directory, 'log4j2.xml')}`, '-cp', `${directory}:${jars}/*`,
        'org.apache.pulsar.PulsarStandaloneStarter', '-c', join(directory, 'standalone.conf'), '-nfw', '-nss',
        `--bookkeeper-port=${ports.bookie}`, `--bookkeeper-dir=${join(directory, 'bookkeeper')}`, `--metadata-dir=${join(directory, 'metadata')}`,
      ]
    },
    answers: healthy,
    url: (port) => `pulsar+ws://127.0.0.1:${port}/${topic}`,
  })
  const adminUrl = `http://127.0.0.1:${httpPort}`
  const certificate = join(home, 'certificate.pem')
  return {
    ...engine, adminUrl, certificate,
    nativeUrl: `pulsar://127.0.0.1:${ports.broker}/${topic}?admin=${encodeURIComponent(adminUrl)}`,
    tlsUrl: `pulsar+wss://localhost:${ports.tls}/${topic}`,
    nativeTlsUrl: `pulsar+ssl://localhost:${ports.brokerTls}/${topic}?admin=${encodeURIComponent(`https://localhost:${ports.tls}`)}`,
  }
}

/** A token for a broker started with `tokens`. */
export function pulsarToken(subject: string): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part({ alg: 'HS256' })}.${part({ sub: subject })}`
  return `${signed}.${createHmac('sha256', tokenSecret).update(signed).digest('base64url')}`
}

/** The health check writes a message and reads it. */
async function healthy(port: number): Promise<boolean> {
  try {
    const { status, body } = await fetch(`http://127.0.0.1:${port}/admin/v2/brokers/health`, {
      headers: { authorization: `Bearer ${pulsarToken('admin')}` }, signal: AbortSignal.timeout(5_000),
    })
    await body?.cancel()
    return status === 200
  } catch {
    return false
  }
}

const opened = [
  'java.base/java.io', 'java.base/java.util', 'java.base/java.lang', 'java.base/java.nio', 'java.base/sun.net',
  'java.base/jdk.internal.platform', 'java.base/jdk.internal.misc', 'java.management/sun.management',
  'jdk.management/com.sun.management.internal',
]

/** A small heap and the quick compiler: it starts in a few seconds, and tests ask little of it. */
const javaOptions = [
  '-Xms128m', '-Xmx320m', '-XX:MaxDirectMemorySize=320m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1',
  '-Dio.netty.tryReflectionSetAccessible=true', ...opened.map((name) => `--add-opens=${name}=ALL-UNNAMED`),
]

function configure(directory: string, settings: Readonly<Record<string, string>>): void {
  mkdirSync(directory, { recursive: true })
  const lines = Object.entries({ ...brokerSettings, ...storageSettings, ...settings }).map(([key, value]) => `${key}=${value}\n`)
  writeFileSync(join(directory, 'standalone.conf'), lines.join(''))
  writeFileSync(join(directory, 'functions_worker.yml'), '')
  writeFileSync(join(directory, 'log4j2.xml'), `<Configuration status="ERROR">
<Appenders><Console name="console"><PatternLayout pattern="%d{ISO8601} %-5p %c{1} %m%n"/></Console></Appenders>
<Loggers><Root level="warn"><AppenderRef ref="console"/></Root></Loggers>
</Configuration>
`)
}

const brokerSettings = {
  clusterName: 'standalone',
  bindAddress: '127.0.0.1',
  advertisedAddress: '127.0.0.1',
  webSocketServiceEnabled: 'true',
  // Room for a record of a megabyte in base64.
  webSocketMaxTextFrameSize: '4194304',
  brokerDeduplicationEnabled: 'true',
  brokerDeleteInactiveTopicsEnabled: 'false',
  loadBalancerEnabled: 'false',
  managedLedgerDefaultEnsembleSize: '1',
  managedLedgerDefaultWriteQuorum: '1',
  managedLedgerDefaultAckQuorum: '1',
  managedLedgerCacheSizeMB: '32',
  brokerShutdownTimeoutMs: '3000',
  numIOThreads: '2',
  numHttpServerThreads: '16',
}

/** The jars' defaults are not those of the distribution. */
const storageSettings = {
  ledgerStorageClass: 'org.apache.bookkeeper.bookie.storage.ldb.DbLedgerStorage',
  dbStorage_writeCacheMaxSizeMb: '64',
  dbStorage_readAheadCacheMaxSizeMb: '16',
  dbStorage_rocksDB_blockCacheSize: '16777216',
  dbStorage_rocksDB_writeBufferSizeMB: '8',
  allowLoopback: 'true',
  journalSyncData: 'true',
  journalWriteData: 'true',
  journalMaxGroupWaitMSec: '1',
  journalMaxSizeMB: '256',
  journalMaxBackups: '0',
  // With the default of 64 KB a kill -9 under load left a topic unreadable in three of nine tries.
  journalWriteBufferSizeKB: '8192',
  nettyMaxFrameSizeBytes: '5253120',
  diskUsageThreshold: '0.99',
  diskUsageWarnThreshold: '0.98',
}

function encryption(directory: string, ports: { readonly tls: number; readonly brokerTls: number }): Readonly<Record<string, string>> {
  const [certificate, key] = [join(directory, 'certificate.pem'), join(directory, 'key.pem')]
  if (!existsSync(certificate)) {
    const made = spawnSync('openssl', [
      'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost',
      '-keyout', key, '-out', certificate,
    ], { encoding: 'utf8' })
    if (made.status !== 0) throw new Error(`openssl failed: ${made.error?.message ?? made.stderr}`)
  }
  return {
    webServicePortTls: String(ports.tls), brokerServicePortTls: String(ports.brokerTls), tlsCertificateFilePath: certificate, tlsKeyFilePath: key,
  }
}

function authentication(): Readonly<Record<string, string>> {
  return {
    authenticationEnabled: 'true',
    authorizationEnabled: 'true',
    authenticationProviders: 'org.apache.pulsar.broker.authentication.AuthenticationProviderToken',
    superUserRoles: 'admin',
    tokenSecretKey: `data:;base64,${tokenSecret.toString('base64')}`,
    brokerClientAuthenticationPlugin: 'org.apache.pulsar.client.impl.auth.AuthenticationToken',
    brokerClientAuthenticationParameters: `token:${pulsarToken('admin')}`,
  }
}
