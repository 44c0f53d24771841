import { isIP } from 'node:net'
import type * as KafkaPackage from '@platformatic/kafka'
import type { Clock } from '../../platform/clock.ts'
import { MillraceError } from '../../platform/errors.ts'
import { optionalPackage } from '../../platform/optional-package.ts'
import { hostText, kafkaName, type KafkaAddress, type KafkaHost } from './kafka-address.ts'
import { hasCode, kafkaFault } from './kafka-fault.ts'

type Kafka = typeof KafkaPackage
type Connection = KafkaPackage.Connection

/** Where the partitions of the topic are now. */
export interface TopicLayout {
  /** Another one after the topic was deleted and made anew. */
  readonly id: string
  readonly partitions: number
  /** Brokers known to the cluster. */
  readonly brokers: number
  readonly controller: KafkaHost | undefined
  /** Per partition; undefined while it has no leader. */
  readonly leaders: readonly (KafkaHost | undefined)[]
}

const connectTimeoutMs = 3_000
/** Above every wait that a request asks the broker for. */
const requestTimeoutMs = 10_000
/** Requests under way on one connection; the broker answers them in order. */
const inFlightMax = 1_024
/** Passing faults of a question are tried again for so long. */
const patienceMs = 3_000

/**
 * Connections to the brokers of one cluster, made when they are needed, and where the partitions of one topic are.
 * Every wait is bounded. Requests reject with the package's own errors; {@link kafkaFault} says what they mean.
 */
export class KafkaCluster {
  readonly package: Kafka
  readonly address: KafkaAddress
  readonly clock: Clock
  /** For messages. */
  readonly name: string
  readonly #connections = new Map<string, Promise<Connection>>()
  #hosts: readonly KafkaHost[]
  #layout: Promise<TopicLayout> | null = null
  #closed = false

  private constructor(kafka: Kafka, address: KafkaAddress, clock: Clock) {
    this.package = kafka
    this.address = address
    this.clock = clock
    this.name = kafkaName(address)
    this.#hosts = address.hosts
  }

  /** Connects once, so that a wrong address, password or version is an error here: `bad_config`, `unavailable`, `package_missing`. */
  static async open(address: KafkaAddress, clock: Clock): Promise<KafkaCluster> {
    const kafka = await optionalPackage('kafka', '@platformatic/kafka', () => import('@platformatic/kafka'))
    const cluster = new KafkaCluster(kafka, address, clock)
    try {
      await cluster.#checkVersion(await cluster.#any())
    } catch (error) {
      await cluster.close()
      throw kafkaFault(cluster.name, error)
    }
    return cluster
  }

  /** Asks any broker that answers. */
  async ask<Request extends unknown[], Response>(api: KafkaPackage.API<Request, Response>, ...request: Request): Promise<Response> {
    return api.async(await this.#any(), ...request)
  }

  /** Asks one broker; questions of different lanes need not wait for each other. */
  async askAt<Request extends unknown[], Response>(host: KafkaHost, api: KafkaPackage.API<Request, Response>, ...request: Request): Promise<Response> {
    return api.async(await this.connection(host), ...request)
  }

  /** Tries a question again while its fault is passing, for three seconds; then fails with what it means. */
  async patiently<T>(question: () => Promise<T>): Promise<T> {
    const deadline = performance.now() + patienceMs
    for (let waitMs = 50; ; waitMs *= 2) {
      try {
        return await question()
      } catch (error) {
        const fault = kafkaFault(this.name, error)
        // Nobody there is for the caller to wait out; a partition between two leaders is soon over.
        if (!fault.retryable || hasCode(error, 'ECONNREFUSED', 'ENOTFOUND') || performance.now() + waitMs > deadline || this.#closed) throw fault
        this.forgetLayout()
        await this.clock.sleep(waitMs)
      }
    }
  }

  /** The topic's partitions and leaders, asked once until {@link forgetLayout}; null: there is no such topic. */
  async layout(): Promise<TopicLayout | null> {
    const layout = this.#layout ??= this.#askLayout()
    try {
      return await layout
    } catch (error) {
      if (this.#layout === layout) this.#layout = null
      if (hasCode(error, 'UNKNOWN_TOPIC_OR_PARTITION')) return null
      throw error
    }
  }

  /** After an answer that tells of another leader, or none. */
  forgetLayout(): void {
    this.#layout = null
  }

  async leaderOf(partition: number): Promise<KafkaHost> {
    const layout = await this.layout()
    const leader = layout?.leaders[partition]
    if (leader !== undefined) return leader
    this.forgetLayout()
    throw new MillraceError('unavailable', layout === null
      ? `there is no topic ${this.address.topic} at ${this.name} any more`
      : `partition ${partition} of the topic ${this.address.topic} at ${this.name} has no leader now`, { retryable: true })
  }

  /** A connection for its own use under this key, or the shared one of the host. */
  async connection(host: KafkaHost, key = ''): Promise<Connection> {
    const name = `${hostText(host)} ${key}`
    const known = this.#connections.get(name)
    if (known !== undefined) return known
    if (this.#closed) throw new MillraceError('closed', 'the log is closed')
    const made = this.#connect(host, () => {
      if (this.#connections.get(name) === made) this.#connections.delete(name)
    })
    this.#connections.set(name, made)
    return made
  }

  /** Ends the connections under this key; what is under way on them fails. */
  async disconnect(key: string): Promise<void> {
    const own = [...this.#connections].filter(([name]) => name.endsWith(` ${key}`))
    for (const [name] of own) this.#connections.delete(name)
    await Promise.all(own.map(([, made]) => made.then(end, () => undefined)))
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#connections.values()].map((made) => made.then(end, () => undefined)))
    this.#connections.clear()
  }

  /** Any broker's connection; where none can be had, the fault that waiting cannot mend comes first. */
  async #any(): Promise<Connection> {
    const faults: MillraceError[] = []
    for (const host of new Set([...this.#hosts, ...this.address.hosts])) {
      try {
        return await this.connection(host)
      } catch (error) {
        faults.push(kafkaFault(`kafka at ${hostText(host)}`, error))
      }
    }
    throw faults.find(({ retryable }) => !retryable) ?? faults[0] ?? new MillraceError('internal', 'no hosts')
  }

  async #connect(host: KafkaHost, gone: () => void): Promise<Connection> {
    const { tls, sasl } = this.address
    const connection = new this.package.Connection('millrace', {
      connectTimeout: connectTimeoutMs, requestTimeout: requestTimeoutMs, maxInflights: inFlightMax,
      ...(tls === null ? {} : { tls: { ...tls, ...(isIP(host.host) === 0 ? { servername: host.host } : {}) } }),
      ...(sasl === null ? {} : { sasl }),
    })
    // Every error also reaches the requests under way; without a listener it would end the process.
    connection.on('error', gone)
    connection.on('close', gone)
    try {
      await connection.connect(host.host, host.port)
      return connection
    } catch (error) {
      gone()
      end(connection)
      throw error
    }
  }

  async #checkVersion(connection: Connection): Promise<void> {
    const kafka = this.package
    const { apiKeys } = await kafka.apiVersionsV3.api.async(connection, 'millrace', '1')
    const wanted = [
      kafka.produceV9, kafka.fetchV13, kafka.listOffsetsV7, kafka.metadataV12, kafka.initProducerIdV4, kafka.createTopicsV7,
      kafka.deleteRecordsV2, kafka.describeConfigsV4,
    ]
    for (const { api: { key, version } } of wanted) {
      if (apiKeys.some(({ apiKey, minVersion, maxVersion }) => apiKey === key && minVersion <= version && version <= maxVersion)) continue
      throw new MillraceError('bad_config', `${this.name} does not speak what Kafka 3.1 to 4 speaks (request ${key} in version ${version})`)
    }
  }

  async #askLayout(): Promise<TopicLayout> {
    const { brokers, topics, controllerId } = await this.ask(this.package.metadataV12.api, [this.address.topic], false, false)
    const hosts = new Map(brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]))
    this.#hosts = [...hosts.values()]
    const [topic] = topics
    if (topic === undefined) throw new MillraceError('unavailable', `${this.name} says nothing of the topic`, { retryable: true })
    const leaders = topic.partitions.toSorted((a, b) => a.partitionIndex - b.partitionIndex).map(({ leaderId }) => hosts.get(leaderId))
    return { id: topic.topicId, partitions: leaders.length, brokers: brokers.length, controller: hosts.get(controllerId), leaders }
  }
}

/** At once, also when the other side is silent; what is under way on it fails. */
function end(connection: Connection): void {
  connection.socket?.destroy()
}
