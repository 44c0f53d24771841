import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { debianProgram } from './debian-program.ts'
import { installing } from './installing.ts'
import { freePort, startServer } from './server-process.ts'
import type { MissingEngine, StartedEngine } from './started-engine.ts'

const version = '4.4.0'

/** The only account of a started broker, on its port for passwords. */
export const kafkaAccount = Object.freeze({ username: 'millrace', password: 'millrace-test-secret' })

export interface StartedKafka extends StartedEngine {
  /** `host:port` that asks for the account's password, by SCRAM-SHA-512 or PLAIN. */
  readonly passwordHost: string
  /** `host:port` that speaks TLS with a certificate that no authority signed. */
  readonly tlsHost: string
  /** The file with that certificate, in PEM. */
  readonly certificate: string
  /** Where the listener is that names {@link KafkaSettings.frontPort} as its own. */
  readonly behindFront: number
}

export interface KafkaSettings {
  /** The port of a proxy that passes connections on to the broker, which sends its clients there. */
  readonly frontPort?: number
}

interface Ports {
  /** Where the broker listens for what comes through a proxy, and where that is. */
  readonly behindFront: number
  readonly front: number
  readonly controller: number
  readonly password: number
  readonly tls: number
}

/**
 * One node of Apache Kafka that is broker and controller, on Debian's Java 17; topics are named after the host in its
 * URL. Maven gets its jars once a version into the user's cache directory.
 */
export async function startKafka({ frontPort }: KafkaSettings = {}): Promise<StartedKafka | MissingEngine> {
  const java = debianProgram('java', 'openjdk-17-jre-headless')
  if (typeof java !== 'string') return java
  const jars = installing(jarsOnce)
  if (typeof jars !== 'string') return jars
  const behindFront = await freePort()
  const ports = { behindFront, front: frontPort ?? behindFront, controller: await freePort(), password: await freePort(), tls: await freePort() }
  let certificate = ''
  const engine = await startServer({
    program: java,
    args: (port, directory) => {
      const properties = join(directory, 'server.properties')
      certificate = join(directory, 'certificate.pem')
      if (!existsSync(properties)) {
        makeCertificate(certificate, join(directory, 'key.pem'))
        writeFileSync(properties, propertiesOf({ port, ports, directory }))
        format({ java, jars, properties })
      }
      return ['-Xmx384m', '-XX:+UseSerialGC', '-cp', join(jars, '*'), 'kafka.Kafka', properties]
    },
    url: (port) => `kafka://127.0.0.1:${port}`,
  })
  return { ...engine, passwordHost: `127.0.0.1:${ports.password}`, tlsHost: `localhost:${ports.tls}`, certificate, behindFront }
}

interface Layout {
  readonly port: number
  readonly ports: Ports
  readonly directory: string
}

function propertiesOf({ port, ports, directory }: Layout): string {
  const pem = (name: string): string => readFileSync(join(directory, name), 'utf8').trim().replaceAll('\n', '\\n')
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${ports.controller}`,
    'listeners': `PLAIN://127.0.0.1:${port},PASSWORD://127.0.0.1:${ports.password},TLS://localhost:${ports.tls},FRONT://127.0.0.1:${ports.behindFront},CONTROLLER://127.0.0.1:${ports.controller}`,
    'advertised.listeners': `PLAIN://127.0.0.1:${port},PASSWORD://127.0.0.1:${ports.password},TLS://localhost:${ports.tls},FRONT://127.0.0.1:${ports.front}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAIN:PLAINTEXT,PASSWORD:SASL_PLAINTEXT,TLS:SSL,FRONT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'PLAIN',
    'listener.name.password.sasl.enabled.mechanisms': 'SCRAM-SHA-512,PLAIN',
    'listener.name.password.scram-sha-512.sasl.jaas.config': 'org.apache.kafka.common.security.scram.ScramLoginModule required;',
    'listener.name.password.plain.sasl.jaas.config':
      `org.apache.kafka.common.security.plain.PlainLoginModule required user_${kafkaAccount.username}="${kafkaAccount.password}";`,
    'listener.name.tls.ssl.keystore.type': 'PEM',
    'listener.name.tls.ssl.keystore.certificate.chain': pem('certificate.pem'),
    'listener.name.tls.ssl.keystore.key': pem('key.pem'),
    'log.dirs': join(directory, 'data'),
    'auto.create.topics.enable': 'false',
    // After a kill -9 the node has to wait for the end of its own earlier session.
    'broker.session.timeout.ms': '2000',
    'broker.heartbeat.interval.ms': '500',
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'share.coordinator.state.topic.replication.factor': '1',
  }
  return Object.entries(settings).map(([name, value]) => `${name}=${value}\n`).join('')
}

function makeCertificate(certificate: string, key: string): void {
  run('openssl', [
    'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost',
    '-keyout', key, '-out', certificate,
  ])
}

function format({ java, jars, properties }: { java: string, jars: string, properties: string }): void {
  const { username, password } = kafkaAccount
  run(java, [
    '-XX:+UseSerialGC', '-cp', join(jars, '*'), 'kafka.tools.StorageTool', 'format', '--cluster-id', Buffer.alloc(16, 7).toString('base64url'),
    '--config', properties, '--add-scram', `SCRAM-SHA-512=[name=${username},password=${password}]`,
  ])
}

function run(program: string, args: readonly string[]): void {
  const ran = spawnSync(program, args, { encoding: 'utf8' })
  if (ran.status !== 0) throw new Error(`${program} failed: ${ran.error?.message ?? `${ran.stdout}${ran.stderr}`}`)
}

function jarsOnce(): string | MissingEngine {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'millrace-engines')
  const jars = join(cache, `kafka-${version}`, 'lib')
  if (existsSync(jars)) return jars
  const maven = debianProgram('mvn', 'maven')
  if (typeof maven !== 'string') return maven
  mkdirSync(cache, { recursive: true })
  const directory = mkdtempSync(join(cache, 'fetching-'))
  writeFileSync(join(directory, 'pom.xml'), `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>millrace</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
<dependencies><dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${version}</version></dependency></dependencies>
</project>
`)
  const ran = spawnSync(maven, ['--batch-mode', '--quiet', 'dependency:copy-dependencies', '-DoutputDirectory=lib', '-DincludeScope=runtime'], {
    encoding: 'utf8', cwd: directory,
  })
  if (ran.status === 0) {
    // Whole or not there: a fetch that was broken off is never taken for an engine.
    mkdirSync(join(cache, `kafka-${version}`), { recursive: true })
    renameSync(join(directory, 'lib'), jars)
  }
  rmSync(directory, { recursive: true, force: true })
  if (existsSync(jars)) return jars
  return { missing: `Kafka ${version} could not be fetched: ${(ran.error?.message ?? `${ran.stdout}${ran.stderr}`).trim().split('\n').at(0) ?? ''}` }
}
